"""Query and header parameters, as the OpenAPI document shows them. Their rules are in `contract.listing`."""

from collections.abc import Mapping
from typing import Final

import msgspec

from belvedere.contract import audit, limits, listing, log_sources


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter; `schema` is JSON Schema."""

    name: str
    place: str  # "query" or "header"
    text: str
    schema: Mapping[str, object]
    is_required: bool = False


def _query(name: str, text: str, **schema: object) -> Parameter:
    return Parameter(name=name, place="query", text=text, schema=schema)


_SORT_TEXT = "What to sort by; log_dir is train_url."
_SORT_KEYS = list(listing.SORT_KEYS)

LIST_QUERY: Final = (
    _query("status", "One status number, several separated by commas, or repeated.", type="string", examples=["8"]),
    _query(
        "per_page",
        "Jobs in a page.",
        type="integer",
        minimum=1,
        maximum=limits.PAGE_SIZE,
        default=limits.PAGE_SIZE_DEFAULT,
    ),
    _query("page", "Which page, from 1.", type="integer", minimum=1, maximum=listing.PAGE_LIMIT, default=1),
    _query("sortBy", _SORT_TEXT, type="string", enum=_SORT_KEYS, default=listing.SORT_KEYS[0]),
    _query("sort_by", f"Another spelling of sortBy. {_SORT_TEXT}", type="string", enum=_SORT_KEYS),
    _query("order", "asc or desc.", type="string", enum=list(listing.ORDERS), default=listing.ORDERS[0]),
    _query("search_content", "Text in name, description or URL.", type="string", maxLength=limits.SEARCH_LENGTH),
    _query("workspace_id", "Only 0 exists.", type="string", enum=[limits.DEFAULT_WORKSPACE]),
    _query("tag", "Extension: jobs with this tag; repeat it for several.", type="array", items={"type": "string"}),
    _query("owner", "Extension: jobs of this user.", type="string"),
    _query("job_type", "Extension: jobs of this viewer type.", type="string"),
    _query("created_from", "Extension: created at or after, in epoch milliseconds.", type="integer", minimum=0),
    _query("created_before", "Extension: created before, in epoch milliseconds.", type="integer", minimum=0),
    _query("marker", "Extension: next_marker of the previous page; takes precedence over page.", type="string"),
)

TAIL_QUERY: Final = (
    _query("tail", "How many lines.", type="integer", minimum=1, maximum=listing.TAIL, default=listing.TAIL_DEFAULT),
)

BROWSE_QUERY: Final = (
    Parameter(
        name="url",
        place="query",
        text="Where to look, spelt as train_url is.",
        schema={"type": "string", "examples": ["/bucket/prefix/"]},
        is_required=True,
    ),
    _query("begins", "Only folders whose names begin so.", type="string"),
    _query("store", "The log store that url lies in.", type="string"),
    _query(
        "page_size",
        "Folders in a page.",
        type="integer",
        minimum=1,
        maximum=log_sources.PAGE_SIZE,
        default=log_sources.PAGE_SIZE_DEFAULT,
    ),
    _query("marker", "next_marker of the previous page.", type="string"),
)

AUDIT_QUERY: Final = (
    _query("job_id", "Traces of this job.", type="string", pattern="^[0-9]+$"),
    _query("trace_name", "Traces of this kind.", type="string", enum=[name.value for name in audit.TraceName]),
    _query(
        "trace_rating",
        "normal: done; warning: refused; incident: failed through a fault of the service.",
        type="string",
        enum=list(audit.RATINGS),
    ),
    _query("resource_type", "What it was done to.", type="string", enum=[kind.value for kind in audit.ResourceType]),
    _query("resource_id", "The job id, user name, access key, or store's name.", type="string"),
    _query("user", "Who did it.", type="string"),
    _query("source_ip", "From where.", type="string"),
    _query("request_id", "In answer to which request.", type="string"),
    _query("time_from", "At or after, in epoch milliseconds.", type="integer", minimum=0),
    _query("time_before", "Before, in epoch milliseconds.", type="integer", minimum=0),
    _query("all_projects", "Administrators: of all projects, and of none.", type="string", enum=["true", "false"]),
    _query("order", "desc: the newest first; asc: the oldest.", type="string", enum=["desc", "asc"], default="desc"),
    _query(
        "limit",
        "Traces in a page.",
        type="integer",
        minimum=1,
        maximum=audit.PAGE_SIZE,
        default=audit.PAGE_SIZE_DEFAULT,
    ),
    _query("marker", "next_marker of the previous page.", type="string"),
)

IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    text="Extension: the same key and body give the same job for 24 hours; another body is answered with 409.",
    schema={"type": "string", "maxLength": 255},
)

IF_MATCH: Final = Parameter(
    name="If-Match",
    place="header",
    text="Extension: act only if the job still has this ETag; 412 otherwise.",
    schema={"type": "string"},
)
