"""Sources that are a pattern of folders, in a local folder and in a real object store alike."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.contract.reasons import ReasonCode
from belvedere.sources import matching
from belvedere.sources.base import LogSource
from belvedere.sources.location import FolderLocation, Location, ObjectLocation, selected
from belvedere.sources.opening import open_source
from belvedere.sources.selecting import Selection
from belvedere.sources.stores import ObjectStore
from tests.support.seaweedfs import SeaweedFs

pytestmark = pytest.mark.object_store
BUCKET = "matching"


class Place:
    """Somewhere to put files, and to list those that match."""

    def __init__(self, location: Location, stores: dict[str, ObjectStore], put: Callable[[str], None]) -> None:
        self.location = location
        self.stores = stores
        self.put = put

    def open(self, folders: str) -> LogSource:
        return open_source(selected(self.location, Selection(folders=folders)), self.stores)

    async def listed(self, folders: str) -> list[str]:
        source = self.open(folders)
        try:
            return sorted([entry.key async for page in source.list() for entry in page])
        finally:
            await source.close()


@pytest.fixture(scope="module")
def weed() -> Iterator[SeaweedFs]:
    with SeaweedFs() as store:
        store.make_bucket(BUCKET)
        yield store


@pytest.fixture(params=["folder", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        root = str(tmp_path.resolve())
        return Place(FolderLocation(path=root, root=root), {}, lambda key: _write(tmp_path / key))
    store: SeaweedFs = request.getfixturevalue("weed")
    prefix = f"{tmp_path.name}/"
    location = ObjectLocation(store="default", bucket=BUCKET, prefix=prefix)
    return Place(location, {"default": store.settings()}, lambda key: store.put(BUCKET, prefix + key, b"x"))


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


async def test_only_folders_that_match_are_listed_and_new_ones_too(place: Place) -> None:
    for key in ("exp-1/a", "exp-1/sub/b", "exp-", "expo/c", "exp-0", "other/exp-1/d", "exp-2x/e"):
        place.put(key)
    assert await place.listed("exp-*/") == ["exp-1/a", "exp-1/sub/b", "exp-2x/e"]
    assert await place.listed("exp-*x/") == ["exp-2x/e"]
    place.put("exp-9/f")
    assert "exp-9/f" in await place.listed("exp-*/")


async def test_what_follows_the_pattern_leads_further_down(place: Place) -> None:
    for key in ("exp-1/logs/a", "exp-1/checkpoints/b", "exp-2/logs/sub/c", "exp-3/logsx/d"):
        place.put(key)
    assert await place.listed("exp-*/logs/") == ["exp-1/logs/a", "exp-2/logs/sub/c"]


async def test_a_file_is_read_by_the_key_under_which_it_was_listed(place: Place) -> None:
    place.put("exp-1/a")
    source = place.open("*/")
    assert b"".join([chunk async for chunk in source.read("exp-1/a", 0, 1)]) == b"x"
    await source.close()


async def test_nothing_that_matches_is_nothing_listed(place: Place) -> None:
    place.put("other/a")
    assert await place.listed("exp-*/") == []


async def test_too_many_folders_are_told_and_the_last_ones_shown(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "FOLDERS", 2)
    for name in ("e1", "e2", "e3"):
        place.put(f"{name}/a")
    source = place.open("e*/")
    assert [entry.key async for page in source.list() for entry in page] == ["e2/a", "e3/a"]
    assert source.remark is not None
    assert source.remark.code is ReasonCode.TOO_MANY_FOLDERS
    assert source.remark.text.startswith("3 folders match ")
    await source.close()


async def test_what_lies_beyond_the_requests_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    if not isinstance(place.location, ObjectLocation):
        pytest.skip("a local folder is read whole")
    monkeypatch.setattr(matching, "_REQUESTS", 1)
    monkeypatch.setattr(matching, "_PAGE", 2)
    for name in ("e1", "e2", "e3"):
        place.put(f"{name}/a")
    source = place.open("e*/")
    assert [entry.key async for page in source.list() for entry in page] == ["e1/a", "e2/a"]
    assert source.remark is not None
    assert source.remark.text.startswith("More than 2 folders match ")
    await source.close()


async def test_links_out_of_the_root_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "root"
    _write(tmp_path / "secret" / "a")
    _write(root / "exp-1" / "b")
    (root / "exp-2").symlink_to(tmp_path / "secret")
    (root / "exp-3").symlink_to(root / "exp-1")
    place = Place(FolderLocation(path=str(root), root=str(root)), {}, lambda key: _write(root / key))
    assert await place.listed("exp-*/") == ["exp-1/b", "exp-3/b"]


def test_a_place_and_a_pattern_of_it_are_two_mirrors() -> None:
    place = ObjectLocation(store="s", bucket="b", prefix="")
    assert place != selected(place, Selection(folders="e*/"))
    assert replace(selected(place, Selection(folders="e*/")), selection=None) == place
