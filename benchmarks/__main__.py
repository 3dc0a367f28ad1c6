"""``python -m benchmarks [names…] [--quick] [--no-write]``."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.machine import described
from benchmarks.report import Chapter, chapter_text, replaced, table
from benchmarks.scenarios import (
    api,
    burst,
    density,
    entry,
    finding,
    following,
    gateway,
    large,
    memory,
    mindinsight,
    mirror,
    opening,
    second,
    series,
    wake,
)

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
SCENARIOS: dict[str, Callable[[Effort], Chapter]] = {
    "opening-local": opening.measure_local,
    "opening-store": opening.measure_store,
    "series": series.measure,
    "burst": burst.measure,
    "wake": wake.measure,
    "second": second.measure,
    "memory": memory.measure,
    "density": density.measure,
    "mindinsight": mindinsight.measure,
    "api": api.measure,
    "entry": entry.measure,
    "gateway": gateway.measure,
    "large": large.measure,
    "mirror": mirror.measure,
    "finding": finding.measure,
    "following": following.measure,
}


def main() -> int:
    """Measure, print, and write the figures into the documentation (a quick run writes nothing)."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended then, too
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # it would make each start compile all that it imports, the peers' too
    effort = Effort(quick=arguments.quick)
    for name in arguments.names or SCENARIOS:
        chapter = _measured(name, effort)
        if not (arguments.quick or arguments.no_write):
            write(DOCUMENT, [chapter])  # at once: a run that is broken off keeps what it has measured
    return 0


def write(document: Path, chapters: Sequence[Chapter]) -> None:
    """Replace the chapters' parts of the document, and the machine's description."""
    parts = {"machine": described()} | {chapter.name: chapter_text(chapter) for chapter in chapters}
    document.write_text(replaced(document.read_text(encoding="utf-8"), parts), encoding="utf-8")


def _measured(name: str, effort: Effort) -> Chapter:
    began = time.monotonic()
    chapter = SCENARIOS[name](effort)
    print(f"\n{chapter.title}  [{name}, {time.monotonic() - began:.0f} s]\n\n{table(chapter.rows)}", flush=True)
    return chapter


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure us beside our peers.")
    parser.add_argument("names", nargs="*", help=f"which of: {', '.join(SCENARIOS)} (all)")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that all works; writes nothing")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(SCENARIOS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
