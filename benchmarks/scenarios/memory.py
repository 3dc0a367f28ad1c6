"""What a viewer weighs, with all its processes, one alone and many at once."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.asking import Asker
from benchmarks.datasets import SMALL, log_folders
from benchmarks.effort import Effort
from benchmarks.ours import Opened, Service, service
from benchmarks.processes import weight
from benchmarks.report import Chapter
from benchmarks.stock import stock, wait_for_scalar
from benchmarks.summary import Row, Unit, spread

_SETTLE = 5.0  # seconds from the last first scalar to the scales, for both sides
_TARGET_AT = 50  # viewers


def measure(effort: Effort) -> Chapter:
    """With the counts growing; each viewer has shown a scalar."""
    counts = (1, 10) if effort.quick else (1, 10, 50)
    folders = log_folders(SMALL, max(counts))
    shared, ours, busy = _ours(counts, folders)
    return chapter(shared, ours, busy, {count: _stock(folders[:count]) for count in counts})


def chapter(shared: float, ours: Mapping[int, float], busy: float, theirs: Mapping[int, float]) -> Chapter:
    """From the bytes of the host without viewers, of everything with each count of them, and when all are asked."""
    rows = [
        Row(
            what=f"per viewer at {count}, shared part included",
            unit=Unit.BYTES,
            ours=spread([ours[count] / count]),
            peer=spread([theirs[count] / count]),
            against="`tensorboard`",
        )
        for count in ours
    ]
    most = max(ours)
    own = Row(
        what=f"per viewer at {most}, all its own processes",
        unit=Unit.BYTES,
        ours=spread([(ours[most] - shared) / most]),
        peer=spread([theirs[most] / most]),
        against="`tensorboard`",
        at_least=6 if most == _TARGET_AT else None,
    )
    asked = Row(
        what=f"per viewer at {most}, all of them asked within the last second",
        unit=Unit.BYTES,
        ours=spread([busy / most]),
        peer=spread([theirs[most] / most]),
        against="`tensorboard`",
    )
    host = Row(what="host and warm parent without a viewer", unit=Unit.BYTES, ours=spread([shared]))
    return Chapter(
        name="memory",
        title="Memory",
        meaning=(
            "Proportional set size (pages shared by several processes are counted once), summed over the host, its "
            "warm parent, and each viewer with its data server; a small log in a folder of its own, a scalar shown in "
            f"each, weighed {_SETTLE:.0f} s after the last request on both sides. Ours has given back by then what "
            "answering takes, so there is a row for viewers that are all being asked. What its own processes take is "
            "what a viewer adds to a host without any; rows with the shared part spread host and parent over all. "
            "The control plane is not in it: it is there once, however many viewers there are."
        ),
        rows=(own, *rows, asked, host),
    )


def _ours(counts: tuple[int, ...], folders: Sequence[Path]) -> tuple[float, dict[int, float], float]:
    weights: dict[int, float] = {}
    with service(log_roots=(folders[0].parent,)) as running:
        running.warm_up(str(folders[0]))
        time.sleep(_SETTLE)
        shared = weight(running.host_pids())
        opened: list[Opened] = []
        for count in counts:
            for folder in folders[len(opened) : count]:
                opened.append(running.create(running.api(), str(folder)))
                wait_for_scalar(running.gateway(), opened[-1].prefix)
            time.sleep(_SETTLE)
            weights[count] = weight(running.host_pids())
        busy = _asked(running, opened)
    return shared, weights, busy


def _asked(running: Service, opened: Sequence[Opened]) -> float:
    for each in opened:
        wait_for_scalar(running.gateway(), each.prefix)
    return weight(running.host_pids())


def _stock(folders: Sequence[Path]) -> float:
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(stock(str(folder))) for folder in folders]
        for each in started:
            wait_for_scalar(Asker(each.origin))
        time.sleep(_SETTLE)
        return weight([each.process.pid for each in started])
