"""What viewers that are gone had said: a failed job's reason sends people to its log, when nothing of it runs."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

LINES: Final = 100  # of one viewer, each at most 2 KiB long
JOBS: Final = 100  # of the jobs that ended last


class LastWords:
    """The last lines of the jobs that ended last. Bounded; gone with the host."""

    def __init__(self) -> None:
        self._lines: OrderedDict[int, tuple[str, ...]] = OrderedDict()

    def keep(self, job_id: int, lines: Sequence[str]) -> None:
        """Keep them instead of earlier ones of the job, and forget whom that leaves no room for."""
        self._lines.pop(job_id, None)
        if lines:
            self._lines[job_id] = tuple(lines[-LINES:])
        if len(self._lines) > JOBS:
            self._lines.popitem(last=False)

    def of(self, job_id: int, tail: int) -> Sequence[str]:
        """The last `tail` lines, oldest first."""
        return self._lines.get(job_id, ())[-tail:] if tail > 0 else ()
