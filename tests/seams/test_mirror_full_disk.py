"""A mirror on a disk of four megabytes. It takes a superuser to make one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.location import ObjectLocation
from belvedere.testing.source import MemorySource
from tests.support.disks import small_disk

from .mirroring import EventsViewer, content, has_note, is_complete, until, until_content

LOCATION = ObjectLocation(store="default", bucket="bucket", prefix="p/")
FIRST, SECOND = "a.tfevents", "b.tfevents"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, "4m") as folder:
        yield folder


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(chunk_bytes=100_000)


@pytest.fixture
async def mirrors(disk: Path, source: MemorySource) -> AsyncIterator[FolderMirrors]:
    made = FolderMirrors(disk / "mirrors", lambda _: source, poll_seconds=0.01)
    yield made
    await made.close()


async def test_a_full_disk_is_told_damages_nothing_and_is_overcome(
    mirrors: FolderMirrors, source: MemorySource, disk: Path
) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 2_500_000)
    source.write(FIRST, b"1" * 500_000)
    mirror = mirrors.open("project", LOCATION, EventsViewer())
    await until(mirror, is_complete)
    source.write(SECOND, bytes(range(200)) * 10_000)
    state = await until(mirror, has_note)
    assert state.note is not None
    assert (state.note.code, state.failure) == (ReasonCode.DISK_FULL, None)
    assert all(source.files[key].startswith(data) for key, data in content(mirror.folder).items())
    ballast.unlink()
    await until_content(mirror, source.files)
    await until(mirror, lambda state: state.note is None)
    assert mirror.state.rewrites == 0


async def test_a_disk_that_is_full_from_the_start_ends_nothing(
    mirrors: FolderMirrors, source: MemorySource, disk: Path
) -> None:
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(b"x" * 5_000_000)
    source.write(FIRST, b"1" * 500_000)
    mirror = mirrors.open("project", LOCATION, EventsViewer())
    state = await until(mirror, has_note)
    assert state.note is not None
    assert (state.note.code, state.failure) == (ReasonCode.DISK_FULL, None)
    ballast.unlink()
    await until_content(mirror, source.files)
