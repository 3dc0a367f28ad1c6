"""A job's own page, in words. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from belvedere.console.home import stops_text
from belvedere.console.progress import Moment, Words, duration_text, joined, moment, outlook, progress_text
from belvedere.console.tones import badge_of
from belvedere.contract.jobs import JobDetails, JobEvent, JobSourceState, SourceProgress
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.status import STATUS_TABLE, Verb
from belvedere.runtimes.board import Sighting

LOG_LINES: Final = 100  # shown at most
_LONGEST_LINE: Final = 1000  # characters; a page is no place for a dump

_DONE_WORDS = {Verb.STOP: "stopped", Verb.RESTART: "restarted", Verb.DELETE: "deleted"}


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the job's history."""

    at: Moment
    text: str


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One of the job's log sources. Empty texts are left out."""

    name: str
    url: str
    store: str
    chosen: str
    progress: Words
    reason: str
    is_unreadable: bool


class JobFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the page tells. Empty texts and None are left out."""

    id: int
    name: str
    description: str
    type: str
    word: str
    tone: str
    reason: str
    code: str
    sources: list[SourceFacts]  # at least one
    progress: Words
    auto_stop: str
    sleep: str
    tags: list[str]
    created: Moment | None
    started: Moment | None
    ended: Moment | None
    address: str
    verbs: frozenset[str]


def job_facts(job: JobDetails, sighting: Sighting | None) -> JobFacts:
    """The job in words."""
    badge = badge_of(job, sighting)
    return JobFacts(
        id=job.job_id,
        name=job.job_name,
        description=job.job_desc,
        type=job.job_type,
        word=badge.word,
        tone=badge.tone,
        reason=job.reason.text if job.reason else "",
        code=job.reason.code.value if job.reason else "",
        sources=[_source_facts(source) for source in job.sources],
        progress=_progress(job.source) if len(job.sources) == 1 else (),  # beside others each has its own,
        auto_stop=_auto_stop_text(job),
        sleep=_sleep_text(job),
        tags=job.tags,
        created=moment(job.create_time),
        started=moment(job.started_time) if job.started_time is not None else None,
        ended=moment(job.ended_time) if job.ended_time is not None else None,
        address=job.service_url,
        verbs=frozenset(job.allowed),
    )


def happenings(events: Sequence[JobEvent]) -> list[Happening]:
    """The job's history, the newest first."""
    return [Happening(at=moment(event.time), text=event.text) for event in reversed(events)]


def log_text(lines: Sequence[str]) -> str:
    """The last lines, none of them endless."""
    return "\n".join(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in lines[-LOG_LINES:])


def refusal_text(verb: Verb, job: JobDetails) -> str:
    """Why a button did nothing: the job changed since the page was made."""
    return f"This job can’t be {_DONE_WORDS[verb]} now: its status is “{STATUS_TABLE[JobStatus(job.status)].word}”."


def _source_facts(source: JobSourceState) -> SourceFacts:
    return SourceFacts(
        name=source.name,
        url=source.url,
        store=source.store,
        chosen=_chosen_text(source),
        progress=() if source.reason else _progress(source.progress),
        reason=source.reason.text if source.reason else "",
        is_unreadable=source.progress is not None and source.progress.state in {"failed", "waiting"},
    )


def _chosen_text(source: JobSourceState) -> str:
    """Which of its runs are shown, "" for all."""
    parts = [
        f"only {' or '.join(source.include)}" if source.include else "",
        f"without {' and '.join(source.exclude)}" if source.exclude else "",
        f"the latest {source.latest}" if source.latest else "",
    ]
    return ", ".join(filter(None, parts))


def _progress(progress: SourceProgress | None) -> Words:
    if progress is None:
        return ()
    text = progress_text(progress) or ("No log files yet" if progress.state == "current" else "")
    return joined((text.removesuffix("."),) if text else (), outlook(progress))


def _auto_stop_text(job: JobDetails) -> str:
    if stops := stops_text(job):
        return stops.capitalize()
    items = [item for item in job.schedule if isinstance(item.duration, int) and item.duration]
    if not items:
        return "Never"
    unit = str(items[0].time_unit).lower()
    return f"After {items[0].duration} {unit.removesuffix('s') if items[0].duration == 1 else unit} of running"


def _sleep_text(job: JobDetails) -> str:
    match job.sleep_after:
        case None:
            return ""
        case int():
            return f"After {duration_text(job.sleep_after)} without anybody looking"
        case _:
            return "Never"
