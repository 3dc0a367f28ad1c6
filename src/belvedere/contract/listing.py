"""The rules of the query strings: list and logs. Pure.

A value may have stray blanks around it, as in the documented sample, and a blank one counts as absent. The same
parameter twice is fine while both say the same.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from belvedere.contract import limits
from belvedere.contract.decoding import clean, shown
from belvedere.contract.errors import RequestError, UnsupportedSort
from belvedere.contract.statuses import JobStatus
from belvedere.contract.validation import require_workspace, tag

SORT_KEYS: Final = ("job_id", "job_name", "job_desc", "create_time", "status", "duration", "log_dir")
ORDERS: Final = ("asc", "desc")
TAIL: Final = 500  # lines of a viewer's log in one answer
TAIL_DEFAULT: Final = 100
PAGE_LIMIT: Final = 10**9  # ours: so that page x per_page stays within 64 bits
LATEST_MS: Final = 253_402_300_799_999  # the end of year 9999 in epoch milliseconds
_NUMBER = re.compile(r"[0-9]{1,18}")

Pairs = Iterable[tuple[str, str]]


class ValidList(msgspec.Struct, frozen=True, kw_only=True):
    """A list request that breaks no rule. Times in epoch milliseconds; `job_type` in lower case."""

    statuses: frozenset[int] = frozenset()
    search: str = ""
    tags: frozenset[str] = frozenset()
    owner: str | None = None
    job_type: str | None = None
    created_from: int | None = None
    created_before: int | None = None
    sort: str = SORT_KEYS[0]
    descending: bool = False
    page: int = 1
    per_page: int = limits.PAGE_SIZE_DEFAULT
    marker: str | None = None


def list_request(pairs: Pairs) -> ValidList:
    """The list request in a decoded query string. Unknown parameters are ignored. Raises RequestError and its kin."""
    query = Query(pairs)
    require_workspace(query.one("workspace_id") or limits.DEFAULT_WORKSPACE)
    job_type = query.one("job_type")
    return ValidList(
        statuses=frozenset(_statuses(query.all("status"))),
        search=_search(query),
        tags=_tags(query),
        owner=query.one("owner"),
        job_type=job_type.lower() if job_type else None,
        created_from=query.number("created_from", 0, LATEST_MS),
        created_before=query.number("created_before", 0, LATEST_MS),
        sort=_sort(query),
        descending=_is_descending(query),
        page=query.number("page", 1, PAGE_LIMIT) or 1,
        per_page=query.number("per_page", 1, limits.PAGE_SIZE) or limits.PAGE_SIZE_DEFAULT,
        marker=query.one("marker"),
    )


def _tags(query: "Query") -> frozenset[str]:
    tags = frozenset(tag(value, "tag") for value in query.all("tag"))
    if len(tags) > limits.TAGS:
        raise RequestError(f"tag: expected at most {limits.TAGS}, as no job has more; got {len(tags)}.")
    return tags


def tail_request(pairs: Pairs) -> int:
    """How many lines of a log are asked for. Raises RequestError."""
    return Query(pairs).number("tail", 1, TAIL) or TAIL_DEFAULT


class Query:
    """A query string's values by name, stripped, the blank ones left out. Its methods raise RequestError."""

    def __init__(self, pairs: Pairs) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            stripped = clean(value.strip(), shown(name))
            if stripped:
                self._values.setdefault(name.strip(), []).append(stripped)

    def all(self, name: str) -> list[str]:
        """All values of a name."""
        return self._values.get(name, [])

    def one(self, *names: str) -> str | None:
        """The only value under any of the names, which mean the same."""
        values = {value for name in names for value in self.all(name)}
        if len(values) > 1:
            raise RequestError(f"{' and '.join(names)}: the request holds different values. Send one.")
        return values.pop() if values else None

    def number(self, name: str, least: int, most: int) -> int | None:
        """The only value of a name, as an integer in a range."""
        text = self.one(name)
        if text is None:
            return None
        value = int(text) if _NUMBER.fullmatch(text) else -1
        if not least <= value <= most:
            raise RequestError(f"{name}: expected an integer from {least} to {most}, got {shown(text)}.")
        return value


def _statuses(values: Iterable[str]) -> Iterable[int]:
    last = max(JobStatus)
    for text in (part.strip() for value in values for part in value.split(",") if part.strip()):
        if not _NUMBER.fullmatch(text) or int(text) > last:
            raise RequestError(
                f"status: expected numbers from 0 to {last.value}, several separated by commas, got {shown(text)}."
            )
        yield int(text)


def _search(query: Query) -> str:
    value = query.one("search_content") or ""
    if len(value) > limits.SEARCH_LENGTH:
        raise RequestError(f"The length of search content should be in [0,{limits.SEARCH_LENGTH}]")
    return value


def _sort(query: Query) -> str:
    key = query.one("sortBy", "sort_by") or SORT_KEYS[0]
    if key not in SORT_KEYS:
        raise UnsupportedSort(f"sortBy: can't sort by {shown(key)}. Choose one of {', '.join(SORT_KEYS)}.")
    return key


def _is_descending(query: Query) -> bool:
    order = (query.one("order") or ORDERS[0]).lower()
    if order not in ORDERS:
        raise RequestError(f"order: expected asc or desc, got {shown(order)}.")
    return order == "desc"
