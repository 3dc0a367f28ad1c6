"""How far the logs are read, in words. Pure."""

from datetime import UTC, datetime
from itertools import chain

import msgspec

from belvedere.contract.jobs import SourceProgress


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A time for programs and for people. The pages' script tells it in the reader's own zone."""

    iso: str
    text: str


Words = tuple[str | Moment, ...]


def progress_share(source: SourceProgress) -> float | None:
    """How much of the logs is here, by bytes; None while the total is unknown."""
    if source.state == "listing" or source.bytes_total <= 0:
        return None
    return min(source.bytes_done / source.bytes_total, 1.0)


def progress_text(source: SourceProgress) -> str:
    """How far fetching the logs is, for people."""
    if source.state == "listing":
        return f"{_counted(source.files_done)} so far, still looking" if source.files_done else "Looking for log files"
    if source.state == "waiting":
        return source.reason.text if source.reason else "The log source does not answer; trying again"
    if not source.files_total:
        return ""
    files = f"{source.files_done:,} of {_counted(source.files_total)}"
    parts = [files, f"{size_text(source.bytes_done)} of {size_text(source.bytes_total)}"]
    if source.rate and source.state == "copying":
        parts.append(f"{size_text(source.rate)} per second")
    if source.seconds_left and source.state == "copying":
        parts.append(f"{duration_text(source.seconds_left)} left")
    return ", ".join(parts)


def _counted(files: int) -> str:
    return f"{files:,} file{'' if files == 1 else 's'}"


def outlook(source: SourceProgress) -> Words:
    """When the logs changed last, and when they are looked at again, for people."""
    failing = source.state == "waiting"
    tries = f"tried {'once' if source.failures == 1 else f'{source.failures} times'}" if failing else ""
    changed = ("last change ", moment(source.changed_at)) if source.changed_at else ()
    ahead = (f"next {'try' if failing else 'look'} ", _clock(source.next_look_at)) if source.next_look_at else ()
    limit = ("given up at ", _clock(source.gives_up_at), " unless it answers") if source.gives_up_at else ()
    return joined(changed, (tries,) if tries else (), ahead, limit)


def joined(*parts: Words) -> Words:
    """Those that aren't empty, one after the other."""
    return tuple(chain.from_iterable(("; ", *part) for part in parts if part))[1:]


def moment(milliseconds: int) -> Moment:
    """Day and time."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return Moment(iso=time.isoformat(timespec="seconds"), text=f"{time.day} {time:%b %Y, %H:%M:%S} UTC")


def _clock(milliseconds: int) -> Moment:
    """The time of a day that need not be said."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return Moment(iso=time.isoformat(timespec="seconds"), text=f"{time:%H:%M:%S} UTC")


def duration_text(seconds: int) -> str:
    """About how long, for people."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"


def size_text(size: int) -> str:
    """Bytes in the unit that reads best."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{value / 1000:,.1f} TB"
