"""From what people type to what the contract wants, and back: durations, moments, statuses, log locations. Pure."""

import os.path
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Literal

from belvedere.contract.jobs import ScheduleItem
from belvedere.contract.limits import AUTO_STOP_HOURS, AUTO_STOP_SECONDS, SOURCE_NAME
from belvedere.contract.statuses import JobStatus

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_STATUS_NAMES = {status.name.lower(): status for status in JobStatus}
_STATUS_NUMBERS = {str(status.value): status for status in JobStatus}
_STATUS_GROUPS = {
    # The words of the console, beside those for several at once.
    "failed": (JobStatus.SUBMIT_FAILED, JobStatus.FAILED, JobStatus.LOST, JobStatus.MOUNT_FAILED),
    "stopped": (JobStatus.KILLED,),
    "starting": (JobStatus.INIT, JobStatus.SUBMIT_TRYING, JobStatus.WAITING),
    "queued": (JobStatus.WAITING,),  # what waiting was called once
    "stopping": (JobStatus.KILLING,),
    "initializing": (JobStatus.INIT,),
    "could not start": (JobStatus.SUBMIT_FAILED,),
    "logs unreadable": (JobStatus.MOUNT_FAILED,),
    "delete failed": (JobStatus.DELETE_FAILED,),
}
STATUS_WORDS = ("running", "starting", "waiting", "stopping", "stopped", "completed", "failed")


def parse_duration(text: str) -> timedelta:
    """``2h``, ``30m``, ``90s``, ``1h30m``, ``1d``. Raises ValueError with a sentence for people."""
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise ValueError(f"{text!r} is no duration: write it like 2h, 30m, 90s or 1h30m.")
    return timedelta(seconds=sum(int(n or 0) * size for n, size in zip(found.groups(), _UNITS.values(), strict=True)))


def parse_auto_stop(text: str) -> ScheduleItem:
    """A duration or ``never``, in the coarsest unit that holds it: hours are the documented field's only unit."""
    seconds = 0 if text.strip().lower() == "never" else _auto_stop_seconds(text)
    for unit, size in (("HOURS", 3600), ("MINUTES", 60)):
        if seconds % size == 0:
            return ScheduleItem(type="stop", time_unit=unit, duration=seconds // size)
    return ScheduleItem(type="stop", time_unit="SECONDS", duration=seconds)


def _auto_stop_seconds(text: str) -> int:
    seconds = 0 if text.strip() == "0" else int(parse_duration(text).total_seconds())
    if not seconds:
        raise ValueError("An auto-stop of zero would end the job at once: write never for no auto-stop.")
    if seconds > AUTO_STOP_SECONDS:
        raise ValueError(f"{text!r} is too long: an auto-stop is at most {AUTO_STOP_HOURS}h; write never for none.")
    return seconds


def parse_sleep_after(text: str) -> int | Literal["never", "default"]:
    """Seconds of a duration, ``never``, or ``default``. Which durations will do is the service's to say."""
    match text.strip().lower():
        case "never":
            return "never"
        case "default":
            return "default"
        case word:
            return int(parse_duration(word).total_seconds())


def parse_since(text: str, now: datetime) -> datetime:
    """A moment: so long ago (``2d``), or a date or time of ISO 8601, local unless it says otherwise."""
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: write 2h or 7d for so long ago, or 2026-01-31.") from error


def parse_statuses(text: str) -> tuple[JobStatus, ...]:
    """``running``, ``failed`` (all kinds of it), a ModelArts name or number; several with commas between them."""
    return tuple(status for word in text.split(",") for status in _parse_status(word.strip().lower()))


def _parse_status(word: str) -> tuple[JobStatus, ...]:
    if word in _STATUS_GROUPS:
        return _STATUS_GROUPS[word]
    if word in _STATUS_NAMES:
        return (_STATUS_NAMES[word],)
    if word in _STATUS_NUMBERS:
        return (_STATUS_NUMBERS[word],)
    raise ValueError(f"{word!r} is no status: use {', '.join(STATUS_WORDS)}, or ModelArts' number.")


def log_location(text: str, working_folder: str) -> str:
    """A relative local path becomes ``file:///…``, absolute; everything else is the service's to understand.

    Only what begins with a dot or ``~`` is local: ``bucket/run-1`` is one of the contract's spellings.
    """
    if text.split("/", 1)[0] not in {".", ".."} and not text.startswith("~/"):
        return text
    # Not percent-encoded: locations are paths, in which % ? and # stand for themselves.
    return "file://" + os.path.normpath(os.path.join(working_folder, os.path.expanduser(text)))  # noqa: PTH111, PTH118


def parse_source(text: str) -> tuple[str, str]:
    """Name and URL of ``NAME=URL``."""
    name, equals, url = text.partition("=")
    if not (equals and url and SOURCE_NAME.fullmatch(name)):
        raise ValueError(
            f"{text!r} is no NAME=URL: a name has 1 to 64 letters, digits, periods, hyphens and underscores."
        )
    return name, url


def name_for(url: str, taken: Collection[str]) -> str:
    """A name for a source that has none: the last part of its URL, told apart from those that are taken."""
    last = url.rstrip("/").rpartition("/")[2]
    wanted = re.sub(r"[^A-Za-z0-9._-]+", "-", last).lstrip("._-")[:60] or "logs"
    folded = {name.lower() for name in taken}
    return next(name for name in (wanted, *(f"{wanted}-{n}" for n in range(2, 200))) if name.lower() not in folded)


def duration_text(milliseconds: int | None) -> str:
    """``1h 02m``, ``3m 20s``, ``7s``; a dash for none."""
    if milliseconds is None:
        return "-"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {seconds:02d}s" if minutes else f"{seconds}s"


def zoned_text(milliseconds: int | None) -> str:
    """Local time to the second with its zone; a dash for none."""
    return _local_text(milliseconds, "%Y-%m-%d %H:%M:%S %Z")


def clock_text(milliseconds: int) -> str:
    """Local time of a day that need not be said."""
    return _local_text(milliseconds, "%H:%M:%S")


def _local_text(milliseconds: int | None, form: str) -> str:
    if milliseconds is None:
        return "-"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime(form)


def bytes_text(count: int) -> str:
    """``512 B``, ``3.4 MB``."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
