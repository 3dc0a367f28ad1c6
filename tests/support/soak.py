"""Everything that can happen to viewers, at random and again and again: then nothing may be left of it.

``python -m tests.support.soak [CYCLES] [SEED]`` runs the long one. One cycle is one event: create, use, fetch, let
sleep, stop, or a fault. The first fifth warms the host up, and kills it too; what is there after each of the others is
compared with what was there after that.
"""

import asyncio
import contextlib
import http.client
import random
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from belvedere.host import memory
from belvedere.host.children import children_of
from belvedere.host.places import places
from belvedere.host.warming import SPARES
from belvedere.lifecycle.seen import Phase
from belvedere.runtimes.local import LocalRuntime
from tests.support.files import all_below
from tests.support.viewers import LOGS, command, descendants, end, get, running, until, until_phase, viewer_spec

CYCLES = 5000
FIFTHS = 5
JOBS = 8
LIMITS = (None, 1 << 30, 1 << 30, 2 << 20)  # bytes; the last is less than a viewer needs
FOLDERS = (LOGS, LOGS / "exp_0", LOGS / "missing")
MEMORY_GROWTH = 12 << 20  # bytes: allocators keep some
WARM = 1 + 2 * SPARES  # processes of a host without viewers: a warm parent, its spares, and a worker of each
DATA_SERVER, WARM_PARENT = "tensorboard_data_server", "belvedere.host.warm"
Event = Callable[[], Awaitable[None]]


class Remains(msgspec.Struct, frozen=True, kw_only=True):
    """What a host without viewers has."""

    memory: int  # bytes
    processes: int
    descriptors: int
    tasks: int
    groups: int  # control groups of viewers
    tracebacks: int
    files: tuple[str, ...]


class Soak:
    """A runtime and the events that befall it. The same seed gives the same events."""

    def __init__(self, data: Path, seed: int) -> None:
        self.happened: dict[str, int] = {}
        self._data = data
        self._runtime = LocalRuntime(data, poll_seconds=0.5)
        self._random = random.Random(seed)
        self._attempts: dict[int, int] = {}
        self._revision = 0

    async def run(self, cycles: int) -> list[Remains]:
        """What the host has after the first fifth, and after each of the others."""
        await self._cycles(
            cycles // FIFTHS, {**self._wishes(), **self._faults(), "kill the host": (1, self._kill_host)}
        )
        found = [await self._remains()]
        for _ in range(1, FIFTHS):
            await self._cycles(cycles // FIFTHS, {**self._wishes(), **self._faults()})
            found.append(await self._remains())
        return found

    async def close(self) -> None:
        """End the host."""
        await self._runtime.close(end_viewers=True)

    def _wishes(self) -> dict[str, tuple[int, Event]]:
        return {
            "create": (25, self._create),
            "use": (25, self._use),
            "open": (15, self._open),
            "let sleep": (15, self._let_sleep),
            "stop": (15, self._stop),
        }

    def _faults(self) -> dict[str, tuple[int, Event]]:
        return {
            "kill a viewer": (3, lambda: self._strike(signal.SIGKILL, viewer=True)),
            "kill a data server": (3, lambda: self._strike(signal.SIGKILL, viewer=False)),
            "hang a viewer": (1, lambda: self._strike(signal.SIGSTOP, viewer=True)),
            "kill the warm parent": (1, self._kill_parent),
        }

    async def _cycles(self, count: int, events: dict[str, tuple[int, Event]]) -> None:
        names, weights = list(events), [weight for weight, _ in events.values()]
        for name in [*names, *self._random.choices(names, weights, k=count - len(names))]:
            self.happened[name] = self.happened.get(name, 0) + 1
            await events[name][1]()
            await asyncio.sleep(self._random.choice((0, 0, 0.01, 0.05)))

    def _job(self) -> int:
        return self._random.randint(1, JOBS)

    async def _create(self) -> None:
        job_id = self._job()
        self._attempts[job_id] = self._attempts.get(job_id, 0) + 1
        spec = viewer_spec(job_id, attempt=self._attempts[job_id], folder=self._random.choice(FOLDERS))
        drowsy = self._random.choice((None, 0.05, 1.0))
        asleep, limit = self._random.random() < 0.2, self._random.choice(LIMITS)
        await self._runtime.ensure(replace(spec, sleep_after=drowsy, asleep=asleep, memory_bytes=limit))

    async def _use(self) -> None:
        await self._runtime.use([self._job(), self._job()])

    async def _open(self) -> None:
        seen = (await self._runtime.look([job_id := self._job()]))[job_id]
        if seen.phase is Phase.READY and seen.endpoint:
            with contextlib.suppress(OSError, http.client.HTTPException):  # it may fall asleep or be killed any time
                await asyncio.to_thread(get, seen.endpoint.socket, "/data/runs", patience=5)

    async def _let_sleep(self) -> None:
        job_id = self._job()
        if attempt := self._attempts.get(job_id):
            self._revision += 1
            wish = replace(viewer_spec(job_id, attempt=attempt), revision=self._revision, sleep_after=0.01)
            await self._runtime.ensure(wish)

    async def _stop(self) -> None:
        await self._runtime.remove(self._job())

    async def _strike(self, number: signal.Signals, *, viewer: bool) -> None:
        servers = running(DATA_SERVER, descendants(await self._host()))
        for server in self._random.sample(servers, min(1, len(servers))):
            with contextlib.suppress(OSError):
                end(_parent(server) if viewer else server, number)

    async def _kill_parent(self) -> None:
        for pid in running(WARM_PARENT, _children_only(await self._host())):
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                end(pid, signal.SIGKILL)

    async def _kill_host(self) -> None:
        end(await self._host(), signal.SIGKILL)
        await until_phase(self._runtime, 1, Phase.ABSENT)

    async def _host(self) -> int:
        await self._runtime._meet(start=True)
        info = await self._runtime._introduction()
        assert info is not None
        return info.pid

    async def _remains(self) -> Remains:
        """Stop all jobs, and look at what stays."""
        for job_id in self._attempts:
            await self._runtime.remove(job_id)
        for job_id in self._attempts:
            await until_phase(self._runtime, job_id, Phase.ABSENT)
        await self._runtime.close(end_viewers=False)  # its connections are no leak
        self._runtime = LocalRuntime(self._data, poll_seconds=0.5)
        host, log = await self._host(), places(self._data).home / "host.log"
        await until(lambda: _is_warm(host) and "is ready" in log.read_text().rpartition(" ended; ")[2])
        metrics = await self._runtime.metrics()
        assert metrics is not None
        run = places(self._data).run
        return Remains(
            memory=memory.weigh([host]),
            processes=len(descendants(host)),
            descriptors=len(list(Path(f"/proc/{host}/fd").iterdir())),
            tasks=metrics.tasks,
            groups=_groups(places(self._data).groups),
            tracebacks=sum(file.read_text().count("Traceback") for file in log.parent.glob("host.log*")),
            files=tuple(str(file.relative_to(run)) for file in all_below(run) if file.parent.name != "processes"),
        )


def _is_warm(host: int) -> bool:
    """Whether there is a warm parent with all its spares, which are the host's own, and nothing else."""
    return (len(children_of(host)), len(descendants(host))) == (1 + SPARES, WARM)


def _groups(record: Path) -> int:
    """How many there are of those that this file names the parent of; without control groups there is no such file."""
    return len([each for each in Path(record.read_text()).iterdir() if each.is_dir()]) if record.exists() else 0


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _children_only(host: int) -> list[int]:
    return [pid for pid in descendants(host) if WARM_PARENT in command(pid) and _parent(pid) == host]


def growth(found: list[Remains]) -> int:
    """Bytes from the first to the last: a leak adds to each, while an allocator keeps what it once got."""
    return found[-1].memory - found[0].memory


async def soak(cycles: int, seed: int) -> list[Remains]:
    """Run so many cycles on a host of its own, and end it."""
    with tempfile.TemporaryDirectory() as data:
        it = Soak(Path(data), seed)
        try:
            return await it.run(cycles)
        finally:
            await it.close()
            print(f"seed {seed}: {it.happened}")  # noqa: T201


def main() -> int:
    """The long one; fails if anything is left."""
    words, usual = sys.argv[1:], [str(CYCLES), str(random.randrange(10**6))]
    cycles, seed = (int(word) for word in [*words, *usual[len(words) :]])
    found = asyncio.run(soak(cycles, seed))
    for remains in found:
        print(remains)  # noqa: T201
    print(f"grown by {growth(found) / 2**20:.1f} MiB")  # noqa: T201
    same = len({replace(remains, memory=0) for remains in found}) == 1
    return 0 if same and not found[-1].tracebacks and growth(found) < MEMORY_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
