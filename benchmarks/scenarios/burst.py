"""Fifty wishes at the same moment."""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.datasets import SMALL, log_folders
from benchmarks.effort import Effort
from benchmarks.ours import Opened, Service, service
from benchmarks.processes import end
from benchmarks.report import Chapter
from benchmarks.stock import start_stock, wait_for_viewer
from benchmarks.summary import Row, Unit, spread


def measure(effort: Effort) -> Chapter:
    """Alternating, each on a folder of its own: ours would share a viewer otherwise."""
    folders, rounds = log_folders(SMALL, effort.of(50, 10)), effort.of(3, 1)
    ours, theirs = [], []
    with service(log_roots=(folders[0].parent,)) as running:
        running.warm_up(str(folders[0]))
        for _ in range(rounds):
            ours.append(_ours(running, folders))
            theirs.append(_stock(folders))
    row = Row(
        what=f"{len(folders)} at once → all viewers answer",
        unit=Unit.SECONDS,
        ours=spread(ours),
        peer=spread(theirs),
        against=f"{len(folders)} `tensorboard` starts",
        at_least=20,
    )
    return Chapter(
        name="burst",
        title="Many at once",
        meaning=(
            "Each create on its own connection and for a folder of its own, all sent together; the time is that of the "
            "last viewer's answer."
        ),
        rows=(row,),
    )


def _ours(running: Service, folders: Sequence[Path]) -> float:
    def open_one(folder: Path) -> Opened:
        opened = running.create(running.api(), str(folder))
        wait_for_viewer(running.gateway(), opened.prefix)
        return opened

    with ThreadPoolExecutor(len(folders)) as pool:
        began = time.perf_counter()
        opened = list(pool.map(open_one, folders))
        taken = time.perf_counter() - began
    running.delete(*opened)
    return taken


def _stock(folders: Sequence[Path]) -> float:
    with tempfile.TemporaryDirectory(prefix="stock-") as work:
        began = time.perf_counter()
        started = [start_stock(str(folder), Path(work)) for folder in folders]
        try:
            for each in started:  # one after the other: the last to answer decides, and looking costs them nothing
                each.wait()
            return time.perf_counter() - began
        finally:
            end(*(each.process for each in started))
