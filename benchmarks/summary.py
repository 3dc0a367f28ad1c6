"""From measured values to medians, spreads, ratios and verdicts. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from statistics import median

import msgspec


class Unit(StrEnum):
    """What a figure counts, and which way is better."""

    SECONDS = "s"
    BYTES = "B"
    RATE = "/s"
    COUNT = ""

    @property
    def more_is_better(self) -> bool:
        """Whether a larger figure is the better one."""
        return self is Unit.RATE


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Many measurements in three figures: the median, and the tenth and ninetieth percentile."""

    n: int
    median: float
    low: float
    high: float


class Verdict(StrEnum):
    """Whether a target was reached."""

    REACHED = "reached"
    MISSED = "**missed**"
    NONE = "–"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a table: what was measured, of us and of a peer, and what is asked for.

    `scale`: the peer was measured on a set this many times smaller, and `peer` is what that comes to. `at_least` asks
    for a ratio (how many times better we are), `at_most` for a figure of ours in the row's unit.
    """

    what: str
    unit: Unit
    ours: Spread
    peer: Spread | None = None
    against: str = ""
    scale: float = 1.0
    at_least: float | None = None
    at_most: float | None = None


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    ordered = sorted(values)
    return Spread(n=len(ordered), median=median(ordered), low=quantile(ordered, 0.1), high=quantile(ordered, 0.9))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the ordered values lie, interpolated."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def extrapolated(start: float, whole: float, scale: float) -> float:
    """What `whole` comes to on a set so many times larger, when `start` of it does not grow with the set."""
    return start + (whole - start) * scale


def ratio(row: Row) -> float | None:
    """How many times better we are than the peer, by medians: sooner, smaller, or more per second."""
    if row.peer is None:
        return None
    ours, theirs = row.ours.median, row.peer.median
    better, worse = (ours, theirs) if row.unit.more_is_better else (theirs, ours)
    return better / worse if worse else None


def verdict(row: Row) -> Verdict:
    """Whether the row's targets are reached, all of them."""
    times = ratio(row)
    wanted = [times is not None and times >= row.at_least] if row.at_least is not None else []
    if row.at_most is not None:
        wanted.append(row.ours.median <= row.at_most)
    if not wanted:
        return Verdict.NONE
    return Verdict.REACHED if all(wanted) else Verdict.MISSED
