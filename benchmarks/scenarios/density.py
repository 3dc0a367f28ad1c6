"""Many jobs: ten thousand defined, a thousand of them running, a hundred viewers awake."""

import os
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.asking import Asker, until
from benchmarks.datasets import SMALL, log_files, log_folder
from benchmarks.effort import Effort
from benchmarks.filling import fill
from benchmarks.ours import Service, service
from benchmarks.processes import processor_time, weight
from benchmarks.report import Chapter
from benchmarks.stock import wait_for_scalar
from benchmarks.summary import Row, Unit, spread

_MINUTE = 60.0
_SETTLE = 15.0  # seconds until nothing of the start is left to do
_START_WITHIN = 3.0  # seconds


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. Seconds, but `idle` in seconds of processor time a minute; `memory` in bytes."""

    starts: list[float]
    all_back: list[float]
    idle: list[float]
    memory_before: float
    memory_asleep: float
    wakes: list[float]
    memory_awake: float


def measure(effort: Effort) -> Chapter:
    """One service, started anew with all of them again and again."""
    defined, running, awake = effort.of(10_000, 1_000), effort.of(1_000, 100), effort.of(100, 10)
    with tempfile.TemporaryDirectory(prefix="belvedere-logs-", dir=log_folder(SMALL).parent) as name:
        folders = _folders(Path(name), running)
        with service(log_roots=(Path(name),)) as there:
            before = _weight(there)
            there.cut_power()
            database = there.process.data / "belvedere.db"
            ids = fill(database, there.process.project_id, folders, over=defined - running)
            starts, all_back = _starts(there, ids, effort.of(5, 1))
            time.sleep(_SETTLE)
            asleep, idle = _weight(there), [_idle(there) for _ in range(effort.of(3, 1))]
            wakes = [_wake(there, job_id) for job_id in ids[:awake]]
            found = Found(
                starts=starts,
                all_back=all_back,
                idle=idle,
                memory_before=before,
                memory_asleep=asleep,
                wakes=wakes,
                memory_awake=_weight(there),
            )
    return chapter(found, defined=defined, running=running)


def chapter(found: Found, *, defined: int, running: int) -> Chapter:
    """With so many jobs defined, and so many of them running."""
    awake = len(found.wakes)
    sleeper = (found.memory_asleep - found.memory_before) / running
    viewer = (found.memory_awake - found.memory_asleep) / awake
    rows = (
        Row(what="start → service ready", unit=Unit.SECONDS, ours=spread(found.starts), at_most=_START_WITHIN),
        Row(what=f"start → all {running:,} known to run", unit=Unit.SECONDS, ours=spread(found.all_back)),
        Row(what="all asleep, processor time a minute", unit=Unit.SECONDS, ours=spread(found.idle)),
        Row(what="all asleep, memory of everything", unit=Unit.BYTES, ours=spread([found.memory_asleep])),
        Row(what="  of it for each sleeping job", unit=Unit.BYTES, ours=spread([sleeper])),
        Row(what=f"{awake} awake, one after the other: wake → scalar", unit=Unit.SECONDS, ours=spread(found.wakes)),
        Row(what=f"{awake} awake, memory of everything", unit=Unit.BYTES, ours=spread([found.memory_awake])),
        Row(what="  of it for each awake viewer", unit=Unit.BYTES, ours=spread([viewer])),
    )
    return Chapter(
        name="density",
        title="Many jobs",
        meaning=(
            f"{defined:,} jobs in the database, {running:,} of them running, each on a folder of its own, and nobody "
            "looks. The service and its viewer host are killed and started together, as after a reboot. Memory is the "
            "proportional set size of the control plane, the host, the warm parent and all viewers."
        ),
        rows=rows,
    )


def _folders(below: Path, count: int) -> list[str]:
    """Folders of the same small log; the files are links to one."""
    for number in range(count):
        for key, file in log_files(SMALL).items():
            link = below / f"{number}" / key
            link.parent.mkdir(parents=True)
            os.link(file, link)
    return [str(below / f"{number}") for number in range(count)]


def _starts(there: Service, ids: list[int], rounds: int) -> tuple[list[float], list[float]]:
    ready, all_back = [], []
    for number in range(rounds):
        if number:
            there.cut_power()
        began = time.perf_counter()
        there.process.launch()
        until(lambda: _ready(there))
        ready.append(time.perf_counter() - began)
        until(lambda: True if there.viewers_known() >= len(ids) else None, pause=0.05)
        all_back.append(time.perf_counter() - began)
    return ready, all_back


def _ready(there: Service) -> bool | None:
    return True if Asker(there.process.endpoint).get("/readyz").status == 200 else None


def _idle(there: Service) -> float:
    began, taken = time.perf_counter(), processor_time(there.all_pids())
    time.sleep(_MINUTE / 3)
    return (processor_time(there.all_pids()) - taken) / (time.perf_counter() - began) * _MINUTE


def _wake(there: Service, job_id: int) -> float:
    began = time.perf_counter()
    wait_for_scalar(there.gateway(), there.prefix(job_id))
    return time.perf_counter() - began


def _weight(there: Service) -> float:
    return weight(there.all_pids())
