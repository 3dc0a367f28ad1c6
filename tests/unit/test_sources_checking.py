import socket
from pathlib import Path

import pytest

from belvedere.contract.errors import InvalidLogUrl, LogSourceRefused
from belvedere.contract.reasons import ReasonCode
from belvedere.sources.checking import check, explained, locate
from belvedere.sources.location import FolderLocation, ObjectLocation
from belvedere.sources.opening import source_identity
from belvedere.sources.stores import ObjectStore

OBJECTS = ObjectLocation(store="default", bucket="bucket", prefix="p/")


def folder(path: Path) -> FolderLocation:
    return FolderLocation(path=str(path.resolve()), root=str(path.resolve().parent))


async def test_a_folder_that_holds_something_needs_no_word(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    assert await check(folder(tmp_path), {}) is None


async def test_an_empty_folder_is_no_refusal(tmp_path: Path) -> None:
    reason = await check(folder(tmp_path), {})
    assert reason is not None
    assert reason.code is ReasonCode.NOTHING_TO_SHOW


async def test_an_absent_folder_is_refused_by_its_code(tmp_path: Path) -> None:
    with pytest.raises(LogSourceRefused, match="does not exist") as refusal:
        await check(folder(tmp_path / "absent"), {})
    assert refusal.value.error_code == "ModelArts.4312"


async def test_an_absolute_path_is_told_to_be_neither_itself_nor_below_the_log_roots(tmp_path: Path) -> None:
    roots = [str(tmp_path), str(tmp_path / "other")]
    location = await locate("/etc/", log_roots=roots, stores=[])
    with pytest.raises(LogSourceRefused) as refusal:
        await check(location, {})
    told = explained(refusal.value, location, "/etc/", roots)
    assert told.error_code == "ModelArts.4312"
    assert f"outside of the log roots ({tmp_path}, {tmp_path}/other), and below them there is no etc/." in told.message


@pytest.mark.parametrize("below", ["absent", "/{root}/absent"])
async def test_a_path_that_is_meant_below_a_log_root_is_told_as_that(tmp_path: Path, below: str) -> None:
    text = below.replace("/{root}", str(tmp_path))
    location = await locate(text, log_roots=[str(tmp_path)], stores=[])
    with pytest.raises(LogSourceRefused) as refusal:
        await check(location, {})
    assert explained(refusal.value, location, text, [str(tmp_path)]).message == refusal.value.message


async def test_a_store_that_nobody_configured_is_refused() -> None:
    with pytest.raises(LogSourceRefused, match="not configured") as refusal:
        await check(OBJECTS, {})
    assert refusal.value.error_code == "ModelArts.4314"


async def test_an_unreachable_store_is_no_refusal() -> None:
    store = ObjectStore(endpoint="http://127.0.0.1:9", access_key="a", secret_key="b", allow_http=True)
    reason = await check(OBJECTS, {"default": store}, timeout=30)
    assert reason is not None
    assert reason.code is ReasonCode.SOURCE_UNREACHABLE


async def test_a_store_that_says_nothing_is_waited_for_no_longer_than_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel connects, nobody answers
        port = server.getsockname()[1]
        store = ObjectStore(endpoint=f"http://127.0.0.1:{port}", access_key="a", secret_key="b", allow_http=True)
        reason = await check(OBJECTS, {"default": store}, timeout=0.2)
    assert reason is not None
    assert "did not answer within 0.2 s" in reason.text


async def test_locating_resolves_folders(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    found = await locate("/run/", log_roots=[str(tmp_path)], stores=[])
    assert found == FolderLocation(path=str(tmp_path.resolve() / "run"), root=str(tmp_path.resolve()))
    with pytest.raises(InvalidLogUrl):
        await locate("/run//", log_roots=[str(tmp_path)], stores=[])


def test_other_keys_make_another_identity_and_are_not_in_it() -> None:
    one, other = (
        {"default": ObjectStore(endpoint="https://store", access_key="a", secret_key=secret)}
        for secret in ("secret-one", "secret-two")
    )
    assert source_identity(OBJECTS, one) != source_identity(OBJECTS, other)
    assert "secret" not in source_identity(OBJECTS, one)


@pytest.mark.parametrize(
    "endpoint", ["obs.example.com", "https://", "https://[::1", "https://127.0.0.1:99999", "ftp://o"]
)
async def test_a_store_that_cannot_be_used_is_told_and_is_no_fault_of_ours(endpoint: str) -> None:
    with pytest.raises(LogSourceRefused, match="settings of the object store 'default' can't be used"):
        await check(OBJECTS, {"default": ObjectStore(endpoint=endpoint)})
