"""When a mirror looks again. Pure."""

from typing import Final

SLOWEST_POLL: Final = 30.0  # seconds
WATCH_SECONDS: Final = 90.0  # how long a look lasts; after that nobody watches, and no request is made
_SLOWEST_RETRY = 30.0
_FIRST_RETRY = 1.0
_CALM_PASSES = 6  # passes without a change before polling slows down: training writes in bursts


def poll_delay(poll_seconds: float, unchanged: int) -> float:
    """Seconds until the next pass, after `unchanged` passes in a row that found nothing new."""
    grown = poll_seconds * 1.5 ** max(0, min(unchanged - _CALM_PASSES, 20))
    return min(grown, max(SLOWEST_POLL, poll_seconds))


def retry_delay(poll_seconds: float, faults: int, chance: float, asked: float = 0.0) -> float:
    """Seconds until the next try, after `faults` ≥ 1 in a row. `chance`: 0 to 1, against retrying in step.

    `asked`: seconds that the source asked to be left alone.
    """
    full = min(min(_FIRST_RETRY, poll_seconds) * 2.0 ** min(faults - 1, 20), _SLOWEST_RETRY)
    return max(full * (0.5 + chance / 2), asked)
