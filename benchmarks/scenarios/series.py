"""One scalar series of a thousand points: through our gateway, and from a stock TensorBoard directly."""

import time

from benchmarks.asking import Asker
from benchmarks.datasets import SMALL, log_folder, run_name, tag_name
from benchmarks.effort import Effort
from benchmarks.ours import service
from benchmarks.report import Chapter
from benchmarks.stock import series_path, stock, wait_for_scalar
from benchmarks.summary import Row, Unit, spread

_TO_WARM_UP = 5


def measure(effort: Effort) -> Chapter:
    """Alternating, each on a kept connection."""
    logs = log_folder(SMALL)
    with service(log_roots=(logs.parent,)) as running, stock(str(logs)) as peer:
        opened = running.create(running.api(), str(logs))
        sides = ((running.gateway(), opened.prefix), (Asker(peer.origin), ""))
        for asker, prefix in sides:
            wait_for_scalar(asker, prefix)
        ours, theirs = _alternate(sides, effort.of(100, 50))
    row = Row(
        what="1,000 points of one scalar",
        unit=Unit.SECONDS,
        ours=spread(ours),
        peer=spread(theirs),
        against="`tensorboard`",
        at_least=10,
    )
    return Chapter(
        name="series",
        title="One series",
        meaning="The request that each chart makes, on a kept connection. Ours takes the way through the gateway.",
        rows=(row,),
    )


def _alternate(sides: tuple[tuple[Asker, str], ...], rounds: int) -> tuple[list[float], ...]:
    path = series_path(run_name(0), tag_name(0))
    times: tuple[list[float], ...] = tuple([] for _ in sides)
    for _ in range(rounds + _TO_WARM_UP):
        for (asker, prefix), taken in zip(sides, times, strict=True):
            began = time.perf_counter()
            asker.get(prefix + path)
            taken.append(time.perf_counter() - began)
    return tuple(taken[_TO_WARM_UP:] for taken in times)
