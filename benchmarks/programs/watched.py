"""How often a mirror asks its store while somebody watches and while nobody does, on a clock that runs ahead.

``python -m benchmarks.programs.watched <task> <times>``. The clock of the mirror runs so many times as fast as others,
so that ten minutes are lived through in less: waiting is shortened, nothing is left out.
"""

import asyncio
import selectors
import sys
import time
from pathlib import Path

import msgspec

from belvedere.host.mirror_pacing import SLOWEST_POLL, WATCH_SECONDS
from belvedere.host.mirroring import Mirror
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.opening import open_source
from belvedere.viewers.registry import viewer_types
from benchmarks.programs.mirror import Task

TEN_MINUTES = 600.0
_LOOK = 5.0  # seconds between the looks of an open page


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Requests in ten minutes of each kind, after the first copy."""

    watched: int
    unwatched: int


class QuickLoop(asyncio.SelectorEventLoop):
    """Its time runs `times` as fast."""

    def __init__(self, times: float) -> None:
        self._times = times
        super().__init__(_Selector(times))

    def time(self) -> float:
        """Seconds of its own."""
        return time.monotonic() * self._times


class _Selector(selectors.DefaultSelector):
    def __init__(self, times: float) -> None:
        super().__init__()
        self._times = times

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout if timeout is None else timeout / self._times)


async def ask(task: Task) -> Asked:
    """Ten minutes with somebody who looks, then ten without."""
    stores = {task.location.store: task.store}
    mirrors = FolderMirrors(Path(task.folder), lambda location: open_source(location, stores))
    mirror = mirrors.open("bench", task.location, viewer_types()["tensorboard"])
    state = mirror.state
    while not state.complete:
        state = await mirror.differs_from(state)
    before = mirrors.requests
    await _watch(mirror)
    watched = mirrors.requests - before
    await asyncio.sleep(WATCH_SECONDS + SLOWEST_POLL)
    before = mirrors.requests
    await asyncio.sleep(TEN_MINUTES)
    unwatched = mirrors.requests - before
    await mirrors.close()
    return Asked(watched=watched, unwatched=unwatched)


async def _watch(mirror: Mirror) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + TEN_MINUTES
    while loop.time() < end:
        mirror.watch()
        await asyncio.sleep(_LOOK)


if __name__ == "__main__":
    task, times = msgspec.json.decode(sys.argv[1], type=Task), float(sys.argv[2])
    with asyncio.Runner(loop_factory=lambda: QuickLoop(times)) as runner:
        sys.stdout.write(msgspec.json.encode(runner.run(ask(task))).decode())
