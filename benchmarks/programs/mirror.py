"""Mirrors one prefix until it is whole, and prints what that took: ``python -m benchmarks.programs.mirror <task>``."""

import sys
import time
from pathlib import Path

import msgspec
import uvloop

from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.location import ObjectLocation
from belvedere.sources.opening import open_source
from belvedere.sources.stores import ObjectStore
from belvedere.viewers.registry import viewer_types


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """As JSON in argv: what to mirror, and where to."""

    store: ObjectStore
    location: ObjectLocation
    folder: str


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` and `cpu` of the mirroring alone; `peak`: bytes of memory that the process ever had."""

    seconds: float
    cpu: float
    peak: int
    requests: int
    files: int
    size: int


async def mirror(task: Task) -> Took:
    """One pass."""
    stores = {task.location.store: task.store}
    mirrors = FolderMirrors(Path(task.folder), lambda location: open_source(location, stores))
    viewer = viewer_types()["tensorboard"]
    began, cpu = time.perf_counter(), time.process_time()
    mirror = mirrors.open("bench", task.location, viewer)
    state = mirror.state
    while not state.complete and state.failure is None:
        state = await mirror.differs_from(state)
    took = Took(
        seconds=time.perf_counter() - began,
        cpu=time.process_time() - cpu,
        peak=_peak(),
        requests=mirrors.requests,
        files=state.progress.files_done,
        size=state.progress.bytes_done,
    )
    await mirrors.close()
    return took


def _peak() -> int:
    """Of this program alone: what getrusage tells begins with the memory of the process that started it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    took = uvloop.run(mirror(msgspec.json.decode(sys.argv[1], type=Task)))
    sys.stdout.write(msgspec.json.encode(took).decode())
