"""What of the logs could not be read, as a sentence. Pure but for the clock that it is given."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

SETTLED: Final = (
    10.0  # seconds that a file has to end amid a record until it is no more taken for one that is being written
)


@dataclass(frozen=True, kw_only=True)
class CutOff:
    """A file that can be read up to a place only."""

    name: str
    offset: int  # bytes


class Faults:
    """Collects what is wrong with files. Times are seconds of any clock."""

    def __init__(self) -> None:
        self._since: dict[CutOff, float] = {}
        self._garbled: Counter[str] = Counter()

    def garbled(self, name: str) -> None:
        """One record of a file has no meaning."""
        self._garbled[name] += 1

    def cut_off(self, found: set[CutOff], now: float) -> None:
        """Just these files end amid a record now."""
        self._since = {each: self._since.get(each, now) for each in found}

    def forget(self) -> None:
        """Everything is read anew."""
        self._garbled.clear()

    def words(self, now: float) -> str:
        """What to tell; "" if nothing is wrong."""
        cut = sorted(
            (each for each, since in self._since.items() if now - since >= SETTLED), key=lambda each: each.name
        )
        told = [
            f"{each.name} can't be read from byte {each.offset:,} on: it is damaged, or was cut off. "
            "What comes before is shown."
            for each in cut[:1]
        ]
        told += [
            f"{_records(count)} of {name} can't be understood and {'is' if count == 1 else 'are'} left out."
            for name, count in self._garbled.most_common(1)
        ]
        others = max(len(cut) - 1, 0) + max(len(self._garbled) - 1, 0)
        return " ".join([*told, *([f"So it is with {others} more."] if others else [])])

    @property
    def is_settling(self) -> bool:
        """Whether there is something that may have to be told soon."""
        return bool(self._since)


def _records(count: int) -> str:
    return "One record" if count == 1 else f"{count:,} records"
