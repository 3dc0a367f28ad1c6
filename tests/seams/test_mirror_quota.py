"""Room on disk: what closed mirrors leave is kept as long as it fits."""

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.host.mirroring import Mirror
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.location import ObjectLocation
from belvedere.testing.source import MemorySource

from .mirroring import EventsViewer, content, has_note, is_complete, until, until_content

EVENTS = "events.out.tfevents.1"
SIZE = 100_000


@pytest.fixture
def source() -> MemorySource:
    made = MemorySource()
    made.write(EVENTS, b"x" * SIZE)
    return made


def mirrors_of(source: MemorySource, folder: Path, quota: int) -> FolderMirrors:
    return FolderMirrors(folder, lambda _: source, quota=quota, tidy_seconds=3600)


@pytest.fixture
async def mirrors(tmp_path: Path, source: MemorySource) -> AsyncIterator[FolderMirrors]:
    made = mirrors_of(source, tmp_path, 2 * SIZE + SIZE // 2)
    yield made
    await made.close()


async def opened(mirrors: FolderMirrors, name: str) -> Mirror:
    location = ObjectLocation(store="default", bucket="bucket", prefix=f"{name}/")
    mirror = mirrors.open("project", location, EventsViewer())
    await until(mirror, is_complete)
    return mirror


async def closed(mirrors: FolderMirrors, name: str, used: int) -> Path:
    """The folder of a mirror that was closed at `used`."""
    mirror = await opened(mirrors, name)
    await mirror.close()
    os.utime(mirror.folder.parent, (used, used))
    return mirror.folder


async def test_the_longest_unused_goes_first_and_that_is_told(
    mirrors: FolderMirrors, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folders = [await closed(mirrors, name, used) for name, used in (("a", 2), ("b", 1), ("c", 3))]
    await mirrors.tidy()
    assert [folder.exists() for folder in folders] == [True, False, True]
    assert "of a closed mirror" in caplog.text


async def test_what_a_viewer_has_open_stays_whatever_the_quota(mirrors: FolderMirrors) -> None:
    held = [await opened(mirrors, name) for name in "abcd"]
    gone = await closed(mirrors, "e", 9)
    await mirrors.tidy()
    assert all(content(mirror.folder) == {EVENTS: b"x" * SIZE} for mirror in held)
    assert not gone.exists()


async def test_mirrors_that_fit_are_kept(mirrors: FolderMirrors) -> None:
    folders = [await closed(mirrors, name, 1) for name in "ab"]
    await mirrors.tidy()
    assert all(folder.exists() for folder in folders)


async def test_old_mirrors_found_at_start_count(mirrors: FolderMirrors, source: MemorySource, tmp_path: Path) -> None:
    old = await closed(mirrors, "a", 1)
    later = mirrors_of(source, tmp_path, SIZE)
    await later.tidy()
    assert not old.exists()
    await later.close()


async def test_a_mirror_that_was_removed_is_fetched_anew(mirrors: FolderMirrors) -> None:
    for name, used in (("a", 1), ("b", 2), ("c", 3)):
        await closed(mirrors, name, used)
    await mirrors.tidy()
    again = await opened(mirrors, "a")
    assert content(again.folder) == {EVENTS: b"x" * SIZE}
    assert not list(again.folder.parent.parent.glob(".*"))


async def test_a_project_beyond_its_quota_shows_what_fits_and_goes_on_when_it_may(
    source: MemorySource, tmp_path: Path
) -> None:
    source.write("b.tfevents", b"y" * SIZE)
    mirrors = FolderMirrors(tmp_path, lambda _: source, poll_seconds=0.01)
    mirrors.limit("project", SIZE + SIZE // 2)
    mirror = mirrors.open("project", ObjectLocation(store="default", bucket="bucket", prefix="a/"), EventsViewer())
    state = await until(mirror, has_note)
    assert state.note is not None
    assert (state.note.code, state.failure) == (ReasonCode.MIRROR_QUOTA, None)
    assert sum(map(len, content(mirror.folder).values())) == SIZE
    mirrors.limit("project", 2 * SIZE)
    await until_content(mirror, source.files)
    await until(mirror, lambda state: state.note is None)
    await mirrors.close()


async def test_a_quota_is_the_projects_own_and_of_all_its_mirrors(source: MemorySource, tmp_path: Path) -> None:
    mirrors = mirrors_of(source, tmp_path, 100 * SIZE)
    mirrors.limit("project", SIZE + SIZE // 2)
    first, location = await opened(mirrors, "a"), ObjectLocation(store="default", bucket="bucket", prefix="b/")
    second = mirrors.open("project", location, EventsViewer())
    await until(second, has_note)
    others = mirrors.open("other", location, EventsViewer())
    await until(others, is_complete)
    assert not content(second.folder)
    await first.close()
    second.refresh()
    await until(second, is_complete)
    await mirrors.close()


async def test_what_closed_mirrors_of_a_project_left_goes_for_its_quota_alone(
    source: MemorySource, tmp_path: Path
) -> None:
    mirrors = mirrors_of(source, tmp_path, 100 * SIZE)
    gone, kept = [await closed(mirrors, name, used) for name, used in (("a", 1), ("b", 2))]
    mirrors.limit("project", SIZE + SIZE // 2)
    mirrors.limit("other", 0)
    await mirrors.tidy()
    assert (gone.exists(), kept.exists()) == (False, True)
    await mirrors.close()


async def test_what_grows_and_what_is_written_anew_counts_once(source: MemorySource, tmp_path: Path) -> None:
    mirrors = FolderMirrors(tmp_path, lambda _: source, poll_seconds=0.01)
    mirrors.limit("project", 3 * SIZE)
    mirror = await opened(mirrors, "a")
    for length in range(1, 20):
        source.write(EVENTS, b"x" * (SIZE + length))
        await until_content(mirror, source.files)
    assert mirror.state.note is None
    await mirrors.close()
