"""What a list is asked for, as a value, and how that is spelt on the wire. Pure."""

from datetime import datetime

import msgspec

from belvedere.contract.jobs import JobDetails, JobSources
from belvedere.contract.limits import PAGE_SIZE
from belvedere.contract.statuses import JobStatus


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs, in which order. `sort` is one of the contract's sort keys; an empty value asks for nothing."""

    statuses: tuple[JobStatus, ...] = ()
    search: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    job_type: str = ""
    created_from: datetime | None = None
    created_before: datetime | None = None
    sort: str = ""
    descending: bool = False
    page_size: int = PAGE_SIZE


class Versioned(msgspec.Struct, frozen=True, kw_only=True):
    """A job and the revision it was read at, for `Client.update(if_match=…)`."""

    job: JobDetails
    etag: str


class VersionedSources(msgspec.Struct, frozen=True, kw_only=True):
    """A job's log sources and the revision of the job, for `Client.set_sources(if_match=…)`."""

    sources: JobSources
    etag: str


def parameters(query: ListQuery, marker: str | None) -> list[tuple[str, str]]:
    """The query string's pairs, without the empty ones."""
    pairs = [
        ("status", ",".join(str(status.value) for status in query.statuses)),
        ("search_content", query.search),
        *(("tag", tag) for tag in query.tags),
        ("owner", query.owner),
        ("job_type", query.job_type),
        ("created_from", _milliseconds(query.created_from)),
        ("created_before", _milliseconds(query.created_before)),
        ("sort_by", query.sort),
        ("order", "desc" if query.descending else ""),
        ("per_page", str(query.page_size)),
        ("marker", marker or ""),
    ]
    return [(name, value) for name, value in pairs if value]


def _milliseconds(moment: datetime | None) -> str:
    return str(round(moment.timestamp() * 1000)) if moment else ""
