"""What mirrors ask of a source while somebody watches, and while nobody does. Time is the loop's own and jumps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from belvedere.contract.reasons import ReasonCode
from belvedere.host.mirror_pacing import SLOWEST_POLL, WATCH_SECONDS
from belvedere.host.mirroring import Mirror
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.base import SourceUnavailable
from belvedere.sources.location import ObjectLocation
from belvedere.testing.source import MemorySource
from tests.support.fast_loop import run_fast

from .mirroring import EventsViewer, has_note, is_complete, until, until_content

LOCATION = ObjectLocation(store="default", bucket="bucket", prefix="p/")
EVENTS = "events.out.tfevents.1"
TEN_MINUTES = 600.0


class Scene:
    """One mirror of a source in memory, complete and open."""

    def __init__(self, mirrors: FolderMirrors, mirror: Mirror, source: MemorySource) -> None:
        self.mirrors, self.mirror, self.source = mirrors, mirror, source

    async def watch_for(self, seconds: float) -> int:
        """Watch every 20 s, as an open page does; requests made meanwhile."""
        before = self.mirrors.requests
        until_then = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until_then:
            self.mirror.watch()
            await asyncio.sleep(20)
        return self.mirrors.requests - before

    async def leave_for(self, seconds: float) -> int:
        """Watch no more; requests made once the last look has worn off."""
        await asyncio.sleep(WATCH_SECONDS + SLOWEST_POLL)
        before = self.mirrors.requests
        await asyncio.sleep(seconds)
        return self.mirrors.requests - before


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    source = MemorySource()
    source.write(EVENTS, b"1")
    mirrors = FolderMirrors(folder, lambda _: source)
    mirror = mirrors.open("project", LOCATION, EventsViewer())
    await until(mirror, is_complete)
    yield Scene(mirrors, mirror, source)
    await mirrors.close()


def play(folder: Path, act: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        async with scene(folder) as made:
            await act(made)

    run_fast(run())


def test_an_unchanged_source_is_asked_ever_less_while_watched(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        first, second = await scene.watch_for(TEN_MINUTES), await scene.watch_for(TEN_MINUTES)
        assert first <= 35
        assert second <= TEN_MINUTES / SLOWEST_POLL + 1

    play(tmp_path, act)


def test_a_source_that_changes_is_asked_every_five_seconds(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        async def train() -> None:
            while True:
                scene.source.append(EVENTS, b"x")
                await asyncio.sleep(5)

        training = asyncio.create_task(train())
        lists = await scene.watch_for(TEN_MINUTES) - len(scene.source.reads)
        training.cancel()
        assert lists >= TEN_MINUTES / 5 - 10

    play(tmp_path, act)


def test_nothing_is_asked_while_nobody_watches(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.leave_for(TEN_MINUTES) == 0
        assert scene.mirror.state.progress.next_look_at is None

    play(tmp_path, act)


def test_nothing_is_asked_of_a_broken_source_either(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.source.refusal = SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, "gone")
        await until(scene.mirror, has_note)
        assert await scene.leave_for(TEN_MINUTES) == 0

    play(tmp_path, act)


def test_who_comes_back_sees_the_present_at_once(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.leave_for(TEN_MINUTES)
        scene.source.append(EVENTS, b"2")
        now = asyncio.get_running_loop().time()
        scene.mirror.watch()
        await until(scene.mirror, lambda state: state.progress.bytes_done == 2)
        assert asyncio.get_running_loop().time() - now < 5

    play(tmp_path, act)


def test_the_first_copy_is_finished_although_nobody_watches(tmp_path: Path) -> None:
    async def run() -> None:
        source = MemorySource()
        source.write(EVENTS, b"1")
        source.refusal = SourceUnavailable(ReasonCode.SOURCE_ERROR, "overloaded", retry_after=50)
        mirrors = FolderMirrors(tmp_path, lambda _: source, give_up_seconds=3600)
        mirror = mirrors.open("project", LOCATION, EventsViewer())
        await asyncio.sleep(3 * WATCH_SECONDS)
        source.refusal = None
        await until_content(mirror, {EVENTS: b"1"})
        await mirrors.close()

    run_fast(run())


def test_a_source_that_asks_to_be_left_alone_is(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.source.refusal = SourceUnavailable(ReasonCode.SOURCE_ERROR, "overloaded", retry_after=60)
        state = await until(scene.mirror, has_note)
        assert (state.progress.state, state.progress.failures) == ("waiting", 1)
        assert await scene.watch_for(50) == 0
        assert await scene.watch_for(60) >= 1

    play(tmp_path, act)
