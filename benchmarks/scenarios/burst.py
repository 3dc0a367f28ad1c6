"""Many at once: creates sent together, until every viewer answers."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.datasets import SMALL, log_folder
from benchmarks.effort import Effort
from benchmarks.ours import Opened, Service, service
from benchmarks.processes import end
from benchmarks.report import Chapter
from benchmarks.stock import start_stock, wait_for_viewer
from benchmarks.summary import Row, Unit, spread


def measure(effort: Effort) -> Chapter:
    """Alternating."""
    count, rounds = effort.of(50, 10), effort.of(2, 1)
    logs = log_folder(SMALL)
    ours, theirs = [], []
    with service(log_roots=(logs.parent,)) as running:
        running.warm_up(str(logs))
        for _ in range(rounds):
            ours.append(_ours(running, str(logs), count))
            theirs.append(_stock(str(logs), count))
    row = Row(
        what=f"{count} at once → all viewers answer",
        unit=Unit.SECONDS,
        ours=spread(ours),
        peer=spread(theirs),
        against=f"{count} `tensorboard` starts",
        at_least=20,
    )
    return Chapter(
        name="burst",
        title="Many at once",
        meaning="Each create on its own connection, all sent together; the time is that of the last viewer's answer.",
        rows=(row,),
    )


def _ours(running: Service, url: str, count: int) -> float:
    def open_one(_: int) -> Opened:
        opened = running.create(running.api(), url)
        wait_for_viewer(running.gateway(), opened.prefix)
        return opened

    with ThreadPoolExecutor(count) as pool:
        began = time.perf_counter()
        opened = list(pool.map(open_one, range(count)))
        taken = time.perf_counter() - began
    running.delete(*opened)
    return taken


def _stock(url: str, count: int) -> float:
    with tempfile.TemporaryDirectory(prefix="stock-") as work:
        began = time.perf_counter()
        started = [start_stock(url, Path(work)) for _ in range(count)]
        try:
            for each in started:  # one after the other: the last to answer decides, and looking costs them nothing
                each.wait()
            return time.perf_counter() - began
        finally:
            end(*(each.process for each in started))
