"""The folders below a place, in a local folder and in a real object store alike."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from belvedere.sources import browsing
from belvedere.sources.base import SourceDenied, SourceMissing
from belvedere.sources.browsing import LOOKED_AT, Look, NoMarker, Shelf, browse
from belvedere.sources.location import FolderLocation, Location, ObjectLocation
from belvedere.sources.stores import ObjectStore
from tests.support.seaweedfs import SeaweedFs

pytestmark = pytest.mark.object_store
Put = Callable[[str], None]
BUCKET = "browsing"


class Place:
    """Somewhere to put files and look at them."""

    def __init__(self, location: Location, stores: dict[str, ObjectStore], put: Put) -> None:
        self.location = location
        self.stores = stores
        self.put = put

    async def browse(self, *, begins: str = "", page_size: int = 50, marker: str | None = None) -> Shelf:
        look = Look(begins=begins, page_size=page_size, marker=marker)
        return await browse(self.location, self.stores, lambda key: "tfevents" in key, look)

    async def folders(self) -> dict[str, bool | None]:
        return {folder.name: folder.has_logs for folder in (await self.browse()).folders}


@pytest.fixture(scope="module")
def weed() -> Iterator[SeaweedFs]:
    with SeaweedFs() as store:
        store.make_bucket(BUCKET)
        yield store


@pytest.fixture(params=["folder", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Place(FolderLocation(path=str(tmp_path), root=str(tmp_path)), {}, _writer(tmp_path))
    store: SeaweedFs = request.getfixturevalue("weed")
    prefix = f"{tmp_path.name}/"
    location = ObjectLocation(store="default", bucket=BUCKET, prefix=prefix)
    return Place(location, {"default": store.settings()}, lambda key: store.put(BUCKET, prefix + key, b"x"))


def _writer(folder: Path) -> Put:
    def put(key: str) -> None:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(b"x")

    return put


async def test_folders_are_told_with_whether_they_hold_logs(place: Place) -> None:
    for key in ("run-1/tfevents.1", "run-2/deep/er/tfevents.1", "weights/step-1.ckpt", "notes.txt"):
        place.put(key)
    assert await place.folders() == {"run-1": True, "run-2": True, "weights": False}


async def test_logs_in_the_place_itself_are_told(place: Place) -> None:
    place.put("x/notes.txt")
    assert not (await place.browse()).has_logs
    place.put("tfevents.1")
    assert (await place.browse()).has_logs


async def test_names_are_kept_as_they_are(place: Place) -> None:
    names = ["a b", "a+b", "a%2fb", "ü ☃", "x#y?z"]
    for name in names:
        place.put(f"{name}/tfevents.1")
    assert sorted(await place.folders()) == sorted(names)


async def test_pages_lead_through_all_folders_once_and_in_order(place: Place) -> None:
    names = [f"run-{number:02d}" for number in range(7)]
    for name in names:
        place.put(f"{name}/tfevents.1")
    seen: list[str] = []
    page = await place.browse(page_size=3)
    seen += [folder.name for folder in page.folders]
    while page.next_marker:
        page = await place.browse(page_size=3, marker=page.next_marker)
        assert len(page.folders) <= 3
        seen += [folder.name for folder in page.folders]
    assert seen == names


async def test_a_folder_behind_many_files_is_found(place: Place) -> None:
    for number in range(60):
        place.put(f"a-file-{number:02d}")
    place.put("run/tfevents.1")
    assert [folder.name for folder in (await place.browse(page_size=5)).folders] == ["run"]


async def test_a_page_goes_on_where_the_stores_own_page_ended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "_PAGE", 4)
    names = [f"run-{number}" for number in range(9)]
    for name in names:
        place.put(f"{name}/tfevents.1")
    seen: list[str] = []
    marker = None
    while marker is not None or not seen:
        page = await place.browse(page_size=3, marker=marker)
        seen += [folder.name for folder in page.folders]
        marker = page.next_marker
    assert seen == names


async def test_only_folders_that_begin_so_are_told(place: Place) -> None:
    for key in ("run-1/a", "run-2/a", "walk/a", "ru", "run-file"):
        place.put(key)
    assert [folder.name for folder in (await place.browse(begins="run-")).folders] == ["run-1", "run-2"]
    assert (await place.browse(begins="%2e")).folders == []


@pytest.mark.parametrize("marker", ["", "x", "12345:t", "-1:t", "1"])
async def test_a_marker_that_no_page_gave_is_refused(weed: SeaweedFs, marker: str) -> None:
    location = ObjectLocation(store="default", bucket=BUCKET, prefix="")
    with pytest.raises(NoMarker):
        await Place(location, {"default": weed.settings()}, lambda _: None).browse(marker=marker)


async def test_a_token_that_the_store_never_gave_does_no_harm(weed: SeaweedFs) -> None:
    location = ObjectLocation(store="default", bucket=BUCKET, prefix="none/")
    shelf = Place(location, {"default": weed.settings()}, lambda _: None)
    assert (await shelf.browse(marker="0:../../\x00\n&prefix=x")).folders == []


async def test_logs_behind_more_files_than_are_looked_at_are_unknown(tmp_path: Path) -> None:
    put = _writer(tmp_path)
    for number in range(LOOKED_AT):
        put(f"many/a-{number:04d}.ckpt")
    put("many/z/tfevents.1")
    place = Place(FolderLocation(path=str(tmp_path), root=str(tmp_path)), {}, put)
    assert await place.folders() == {"many": None}


async def test_an_empty_place_has_no_folders(place: Place) -> None:
    assert await place.folders() == {}


async def test_links_count_only_inside_the_root(tmp_path: Path) -> None:
    inside, outside = tmp_path / "root", tmp_path / "outside"
    _writer(inside)("run/tfevents.1")
    _writer(outside)("secret/tfevents.1")
    (inside / "latest").symlink_to("run")
    (inside / "out").symlink_to(outside)
    (inside / "loop").symlink_to("loop")
    place = Place(FolderLocation(path=str(inside), root=str(inside)), {}, _writer(inside))
    assert await place.folders() == {"latest": True, "run": True}


async def test_a_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    place = Place(FolderLocation(path=str(tmp_path / "none"), root=str(tmp_path)), {}, _writer(tmp_path))
    with pytest.raises(SourceMissing):
        await place.browse()


async def test_a_bucket_that_is_not_there_is_missing(weed: SeaweedFs) -> None:
    location = ObjectLocation(store="default", bucket="no-such-bucket", prefix="")
    with pytest.raises(SourceMissing):
        await Place(location, {"default": weed.settings()}, lambda _: None).browse()


async def test_wrong_keys_are_denied(weed: SeaweedFs) -> None:
    location = ObjectLocation(store="default", bucket=BUCKET, prefix="")
    with pytest.raises(SourceDenied):
        await Place(location, {"default": weed.settings(secret_key="wrong")}, lambda _: None).browse()
