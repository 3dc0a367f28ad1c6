"""From a job to a row and back. Pure; columns bear the names of the facts they hold."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from belvedere.lifecycle.jobs import AutoStop, Job, Run, Visibility, urls_of
from belvedere.lifecycle.status import status_of

RUN_FACTS: Final = tuple(field.name for field in msgspec.structs.fields(Run))
JOB_FACTS: Final = tuple(
    field.name for field in msgspec.structs.fields(Job) if field.name not in {"tags", "auto_stop", "run"}
)
EVERYBODY: Final = "project"  # the audience of a job that its whole project sees
_BETWEEN: Final = "\x1f"  # stands between searched texts and in none of them, so that no match spans two


def row_of(job: Job) -> dict[str, Any]:
    """The job's columns, projections included, without its tags and without the reconciler's claim."""
    return {
        **{name: getattr(job, name) for name in JOB_FACTS},
        **{name: getattr(job.run, name) for name in RUN_FACTS},
        "auto_stop_duration": job.auto_stop.duration if job.auto_stop else None,
        "auto_stop_unit": job.auto_stop.unit if job.auto_stop else None,
        "status": status_of(job).value,
        "audience": audience_of(job),
        "search_text": search_text(job),
    }


def job_of(row: Mapping[str, Any], tags: tuple[str, ...]) -> Job:
    """The job that the row and its tags hold."""
    auto_stop = None
    if row["auto_stop_unit"] is not None:
        auto_stop = AutoStop(duration=row["auto_stop_duration"], unit=row["auto_stop_unit"])
    run = Run(**{name: row[name] for name in RUN_FACTS})
    return Job(**{name: row[name] for name in JOB_FACTS}, tags=tags, auto_stop=auto_stop, run=run)


def audience_of(job: Job) -> str:
    """Who sees the job in lists: its project, or its owner alone."""
    return EVERYBODY if job.visibility is Visibility.PROJECT else private_audience(job.owner)


def private_audience(user: str) -> str:
    """The audience that is one user."""
    return f"user:{user}"


def search_text(job: Job) -> str:
    """What a search looks through."""
    return _BETWEEN.join(fold(text) for text in (job.name, job.description, *urls_of(job)))


def fold(text: str) -> str:
    """Text as compared by a search: neither case nor the way in which an accent was typed make a difference."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return folded.replace(_BETWEEN, " ")
