"""What a mirror shows of a long listing before it knows all of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.host.mirroring import Mirror
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.base import Entry, SourceUnavailable
from belvedere.sources.location import ObjectLocation, selected
from belvedere.sources.objects import ObjectSource
from belvedere.sources.selecting import Selection
from belvedere.testing.source import Fault, MemorySource
from tests.support.seaweedfs import SeaweedFs
from tests.support.sloppy_stores import SloppyStore, moto, nanio, rclone

from .mirroring import EventsViewer, content, is_complete, until, until_content

LOCATION = ObjectLocation(store="default", bucket="bucket", prefix="p/")
NEAR, DEEP = "run/near.tfevents", "run/a/b/deep.tfevents"


class LongSource(MemorySource):
    """Its listings get no further than their first page until `goes_on`."""

    def __init__(self) -> None:
        super().__init__(page_size=2)
        self.goes_on = asyncio.Event()
        self.glances = 0
        for key in ("a.ckpt", "b.ckpt", NEAR, DEEP):
            self.write(key, key.encode())

    async def list(self) -> AsyncGenerator[Sequence[Entry], None]:
        pages = 0
        async for page in super().list():
            if pages:
                await self.goes_on.wait()
            pages += 1
            yield page

    async def glance(self, is_log: Callable[[str], bool]) -> AsyncGenerator[Sequence[Entry], None]:
        self.glances += 1
        async for page in super().glance(is_log):
            yield page


@pytest.fixture
def source() -> LongSource:
    return LongSource()


@pytest.fixture
async def mirrors(tmp_path: Path, source: LongSource) -> AsyncIterator[FolderMirrors]:
    made = FolderMirrors(tmp_path / "mirrors", lambda _: source, poll_seconds=0.01, give_up_seconds=0.2)
    yield made
    await made.close()


def open_mirror(mirrors: FolderMirrors) -> Mirror:
    return mirrors.open("project", LOCATION, EventsViewer())


async def test_logs_near_the_top_are_there_while_the_listing_goes_on(
    mirrors: FolderMirrors, source: LongSource
) -> None:
    mirror = open_mirror(mirrors)
    state = await until(mirror, lambda state: state.sighted)
    assert content(mirror.folder) == {NEAR: NEAR.encode()}
    assert (state.complete, state.has_logs) == (False, True)
    assert (state.progress.state, state.progress.files_done) == ("listing", 1)
    source.goes_on.set()
    state = await until(mirror, is_complete)
    assert content(mirror.folder) == {key: key.encode() for key in (NEAR, DEEP)}
    assert (state.progress.state, state.progress.files_done, state.rewrites) == ("current", 2, 0)


async def test_it_is_taken_once(mirrors: FolderMirrors, source: LongSource) -> None:
    source.goes_on.set()
    mirror = open_mirror(mirrors)
    await until(mirror, is_complete)
    source.write("more.tfevents", b"more")
    await until_content(mirror, {key: source.files[key] for key in (NEAR, DEEP, "more.tfevents")})
    assert source.glances == 1


async def test_what_it_found_stays_until_a_listing_that_began_later_lacks_it(
    mirrors: FolderMirrors, source: LongSource
) -> None:
    source.write("new.tfevents", b"new")
    source.fail_next([Fault.STALE])  # the listing began before
    source.goes_on.set()
    mirror = open_mirror(mirrors)
    state = await until(mirror, is_complete)
    assert (sorted(content(mirror.folder)), state.rewrites) == (["new.tfevents", DEEP, NEAR], 0)
    source.remove("new.tfevents")
    await until_content(mirror, {key: key.encode() for key in (NEAR, DEEP)})


async def test_a_log_that_grew_since_the_first_page_is_not_cut_back(mirrors: FolderMirrors, source: LongSource) -> None:
    source.remove("a.ckpt")
    source.remove("b.ckpt")  # so that the first page names logs
    source.write("c.ckpt", b"")
    source.append(NEAR, b" and more")
    source.fail_next([Fault.STALE])
    source.goes_on.set()
    mirror = open_mirror(mirrors)
    state = await until(mirror, is_complete)
    assert (content(mirror.folder)[NEAR], state.rewrites) == (source.files[NEAR], 0)


async def test_which_runs_are_the_latest_only_the_whole_listing_tells(
    mirrors: FolderMirrors, source: LongSource
) -> None:
    source.goes_on.set()
    mirror = mirrors.open("project", selected(LOCATION, Selection(latest=1)), EventsViewer())
    await until(mirror, is_complete)
    assert source.glances == 0


async def test_what_the_patterns_leave_out_is_not_shown_for_a_while_either(
    mirrors: FolderMirrors, source: LongSource
) -> None:
    source.write("other/x.tfevents", b"x")
    mirror = mirrors.open("project", selected(LOCATION, Selection(exclude=("other",))), EventsViewer())
    await until(mirror, lambda state: state.sighted)
    assert content(mirror.folder) == {NEAR: NEAR.encode()}


async def test_a_mirror_that_shows_something_is_never_given_up(mirrors: FolderMirrors, source: LongSource) -> None:
    mirror = open_mirror(mirrors)
    await until(mirror, lambda state: state.sighted)
    source.refusal = SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, "gone")
    source.goes_on.set()
    state = await until(mirror, lambda state: state.progress.failures > 0)
    assert (state.failure, state.progress.gives_up_at) == (None, None)


async def test_a_mirror_closed_meanwhile_goes_on_from_what_it_shows(mirrors: FolderMirrors, source: LongSource) -> None:
    mirror = open_mirror(mirrors)
    await until(mirror, lambda state: state.sighted)
    await mirror.close()
    source.goes_on.set()
    again = open_mirror(mirrors)
    await until(again, is_complete)
    assert sorted(content(again.folder)) == [DEEP, NEAR]
    assert sorted(key for key, *_ in source.reads) == [DEEP, NEAR]


class Watched(ObjectSource):
    """Lists a few keys at first, and remembers what its glances named."""

    def __init__(self, server: SeaweedFs | SloppyStore) -> None:
        super().__init__(LOCATION, server.settings(), first_page=2)
        self.glanced: list[str] = []

    async def glance(self, is_log: Callable[[str], bool]) -> AsyncGenerator[Sequence[Entry], None]:
        async for page in super().glance(is_log):
            self.glanced += [entry.key for entry in page if is_log(entry.key)]
            yield page


@pytest.mark.object_store
@pytest.mark.parametrize("make", [SeaweedFs, rclone, nanio, moto])
async def test_every_kind_of_store_ends_in_the_same_bytes(
    make: Callable[[], SeaweedFs | SloppyStore], tmp_path: Path
) -> None:
    others = {f"run-{run}/steps/{step}/part.ckpt": b"weights" for run in range(3) for step in range(3)}
    logs = {f"{folder}/x.tfevents": folder.encode() for folder in ("run-0", "run-1/eval", "run-2/a/b/c/d/e", "zoo")}
    with make() as server:
        for key, data in (others | logs).items():
            server.put("bucket", f"p/{key}", data)
        source = Watched(server)
        mirrors = FolderMirrors(tmp_path, lambda _: source, poll_seconds=0.05)
        mirror = open_mirror(mirrors)
        await until(mirror, is_complete)
        assert sorted(source.glanced) == [f"{folder}/x.tfevents" for folder in ("run-0", "run-1/eval", "zoo")]
        assert (content(mirror.folder), mirror.state.rewrites) == (logs, 0)
        await mirrors.close()
