"""From a click on a job whose viewer sleeps to its first points."""

import time
from collections.abc import Sequence

from benchmarks.asking import until
from benchmarks.datasets import SMALL, log_folders
from benchmarks.effort import Effort
from benchmarks.ours import Opened, Service, service
from benchmarks.report import Chapter
from benchmarks.stock import wait_for_scalar
from benchmarks.summary import Row, Unit, quantile, spread

_SLEEP_AFTER = 10  # seconds without use; the least that the API takes
_PAUSE = 0.2  # seconds between two looks at whether all sleep


def measure(effort: Effort) -> Chapter:
    """All jobs fall asleep, and are woken one after the other; again and again."""
    folders, rounds = log_folders(SMALL, effort.of(50, 5)), effort.of(2, 1)
    taken: list[float] = []
    with service(log_roots=(folders[0].parent,)) as running:
        running.warm_up(str(folders[0]))
        opened = [running.create(running.api(), str(folder), sleep_after=_SLEEP_AFTER) for folder in folders]
        for each in opened:
            wait_for_scalar(running.gateway(), each.prefix)
        for _ in range(rounds):
            _wait_until_asleep(running)
            taken += [_wake(running, each) for each in opened]
    return chapter(taken)


def chapter(taken: Sequence[float]) -> Chapter:
    """From the seconds that each wake took."""
    slowest = quantile(sorted(taken), 0.99)
    return Chapter(
        name="wake",
        title="Waking",
        meaning=(
            "One run, 5 tags, 1,000 steps. From a request for a scalar, on a new connection, for a job whose viewer "
            "sleeps, to its points. Stock has nothing to compare."
        ),
        rows=(
            Row(what="click → first scalar", unit=Unit.SECONDS, ours=spread(taken), at_most=0.15),
            Row(what=f"… the 99th percentile of {len(taken)}", unit=Unit.SECONDS, ours=spread([slowest]), at_most=0.4),
        ),
    )


def _wake(running: Service, opened: Opened) -> float:
    began = time.perf_counter()
    wait_for_scalar(running.gateway(), opened.prefix)
    return time.perf_counter() - began


def _wait_until_asleep(running: Service) -> None:
    until(lambda: None if running.data_servers() else True, _PAUSE)
