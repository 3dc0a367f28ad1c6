"""What of the audit is asked for, as a value, and how that is spelt on the wire. Pure."""

from datetime import datetime

import msgspec

from belvedere.contract.audit import PAGE_SIZE


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces, in which order; an empty value asks for nothing. `all_projects` is for administrators."""

    job_id: int | None = None
    user: str = ""
    trace_name: str = ""
    trace_rating: str = ""
    resource_type: str = ""
    resource_id: str = ""
    source_ip: str = ""
    request_id: str = ""
    time_from: datetime | None = None
    time_before: datetime | None = None
    all_projects: bool = False
    oldest_first: bool = False
    page_size: int = PAGE_SIZE


def audit_parameters(query: AuditQuery, marker: str | None) -> list[tuple[str, str]]:
    """The query string's pairs, without the empty ones."""
    texts = ("user", "trace_name", "trace_rating", "resource_type", "resource_id", "source_ip", "request_id")
    pairs = [
        ("job_id", "" if query.job_id is None else str(query.job_id)),
        *((name, getattr(query, name)) for name in texts),
        ("time_from", _milliseconds(query.time_from)),
        ("time_before", _milliseconds(query.time_before)),
        ("all_projects", "true" if query.all_projects else ""),
        ("order", "asc" if query.oldest_first else ""),
        ("limit", str(query.page_size)),
        ("marker", marker or ""),
    ]
    return [(name, value) for name, value in pairs if value]


def _milliseconds(moment: datetime | None) -> str:
    return str(round(moment.timestamp() * 1000)) if moment else ""
