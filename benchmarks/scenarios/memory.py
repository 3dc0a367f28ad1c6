"""What a viewer weighs, with all its processes, one alone and many at once."""

import contextlib
import time

from benchmarks.asking import Asker
from benchmarks.datasets import SMALL, log_folder
from benchmarks.effort import Effort
from benchmarks.ours import Opened, service
from benchmarks.processes import weight
from benchmarks.report import Chapter
from benchmarks.stock import stock, wait_for_scalar
from benchmarks.summary import Row, Unit, spread

_SETTLE = 1.0  # seconds from the last first scalar to the scales
_TARGET_AT = 50  # viewers


def measure(effort: Effort) -> Chapter:
    """With the counts growing; each viewer has shown a scalar."""
    counts = (1, 10) if effort.quick else (1, 10, 50)
    shared, ours = _ours(counts)
    return chapter(shared, ours, {count: _stock(count) for count in counts})


def chapter(shared: float, ours: dict[int, float], theirs: dict[int, float]) -> Chapter:
    """From the bytes of the host without viewers, and of everything with each count of them."""
    rows = [
        Row(
            what=f"per viewer at {count}, shared part included",
            unit=Unit.BYTES,
            ours=spread([ours[count] / count]),
            peer=spread([theirs[count] / count]),
            against="`tensorboard`",
            at_least=6 if count == _TARGET_AT else None,
        )
        for count in ours
    ]
    most = max(ours)
    added = Row(
        what=f"each further viewer, at {most}",
        unit=Unit.BYTES,
        ours=spread([(ours[most] - shared) / most]),
        peer=spread([theirs[most] / most]),
        against="`tensorboard`",
    )
    host = Row(what="host and warm parent without a viewer", unit=Unit.BYTES, ours=spread([shared]))
    return Chapter(
        name="memory",
        title="Memory",
        meaning=(
            "Proportional set size (pages shared by several processes are counted once), summed over the host, its "
            "warm parent, and each viewer with its data server; a small log, a scalar shown in each. The control plane "
            "is not in it: it is there once, however many viewers there are."
        ),
        rows=(*rows, added, host),
    )


def _ours(counts: tuple[int, ...]) -> tuple[float, dict[int, float]]:
    logs = log_folder(SMALL)
    weights: dict[int, float] = {}
    with service(log_roots=(logs.parent,)) as running:
        running.warm_up(str(logs))
        time.sleep(_SETTLE)
        shared = weight(running.host_pids())
        api = running.api()
        opened: list[Opened] = []
        for count in counts:
            while len(opened) < count:
                opened.append(running.create(api, str(logs)))
                wait_for_scalar(running.gateway(), opened[-1].prefix)
            time.sleep(_SETTLE)
            weights[count] = weight(running.host_pids())
    return shared, weights


def _stock(count: int) -> float:
    logs = str(log_folder(SMALL))
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(stock(logs)) for _ in range(count)]
        for each in started:
            wait_for_scalar(Asker(each.origin))
        time.sleep(_SETTLE)
        return weight([each.process.pid for each in started])
