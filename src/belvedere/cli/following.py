"""Following a log of which only the last lines can be asked for. Pure."""

from collections.abc import Sequence


def new_lines(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """Lines of `now` behind the longest end of `before` that `now` begins with.

    Both are the last lines of the same growing log; when nothing overlaps, everything is new.
    """
    for overlap in range(min(len(before), len(now)), 0, -1):
        if before[-overlap:] == now[:overlap]:
            return now[overlap:]
    return now
