"""What a list selects: filters, orders and markers as SQL expressions. Pure: nothing here talks to a database.

A page is found in two steps: first its ids, from an index that holds all that is filtered and sorted by, then their
rows. So a deep page skips index entries, not rows; and a page by marker skips nothing at all.
"""

import base64
import binascii
from typing import Annotated, Any, Final

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, func, literal, select, type_coerce

from belvedere.store.base import JobQuery, SortKey
from belvedere.store.rows import EVERYBODY, fold, private_audience
from belvedere.store.tables import job_counts, job_tags, jobs

_LARGEST: Final = 2**63 - 1
_Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=_LARGEST)]
_SORTED_BY_TEXT: Final = {SortKey.NAME, SortKey.DESCRIPTION, SortKey.TRAIN_URL}


class Marker(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a page ended: the last job's place in the order. `as_of` (µs) is the "now" that running times refer to."""

    sort: SortKey
    descending: bool
    value: _Number | str
    id: _Number
    as_of: _Number


def encode_marker(marker: Marker) -> str:
    """An opaque word that is safe in a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(marker)).rstrip(b"=").decode()


def decode_marker(word: str, query: JobQuery) -> Marker:
    """Raises ValueError unless it came from a list in the same order."""
    try:
        padded = word.encode("ascii") + b"=" * (-len(word) % 4)
        marker = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=Marker)
    except (msgspec.MsgspecError, binascii.Error, UnicodeError) as error:
        raise ValueError("the marker is none that a list gave out") from error
    if (marker.sort, marker.descending) != (query.sort, query.descending):
        raise ValueError("the marker belongs to a list in another order")
    if isinstance(marker.value, str) != (marker.sort in _SORTED_BY_TEXT):
        raise ValueError("the marker is none that a list gave out")
    return marker


def page_of_ids(query: JobQuery, marker: Marker | None, as_of: int) -> tuple[Select[int, Any], ...]:
    """Ids and sort values of a page in order, and of one job more if there are more.

    Behind a marker there are two selects, to be taken one after the other until the page is full: the jobs of the same
    value with a higher id, then those of higher values. As one comparison of pairs it would be right but slow where a
    thousand jobs have the same value: the database would go to the value and step over them all.
    """
    key = sort_value(query.sort, as_of)
    value_order, id_order = (part.desc() if query.descending else part.asc() for part in (key, jobs.c.id))
    chosen = select(jobs.c.id, key.label("value")).where(conditions(query)).limit(query.per_page + 1)
    whole = chosen.order_by(id_order) if query.sort is SortKey.ID else chosen.order_by(value_order, id_order)
    if marker is None:
        return (whole.offset(min((query.page - 1) * query.per_page, _LARGEST)),)
    higher_id = jobs.c.id < marker.id if query.descending else jobs.c.id > marker.id
    if query.sort is SortKey.ID:
        return (whole.where(higher_id),)
    higher_value = key < marker.value if query.descending else key > marker.value
    return chosen.where(key == marker.value, higher_id).order_by(id_order), whole.where(higher_value)


def sort_value(sort: SortKey, as_of: int) -> ColumnElement[Any]:
    """What is sorted by: text or a number.

    Running time grows while one looks, so no column can hold it; it is computed as of one moment, which markers carry
    on, so that the pages of one walk through a list agree with each other.
    """
    match sort:
        case SortKey.ID:
            return jobs.c.id
        case SortKey.NAME:
            return jobs.c.name
        case SortKey.DESCRIPTION:
            return jobs.c.description
        case SortKey.CREATED:
            return type_coerce(jobs.c.created_at, BigInteger)
        case SortKey.STATUS:
            return jobs.c.status
        case SortKey.DURATION:
            return _running_time(as_of)
        case SortKey.TRAIN_URL:
            return jobs.c.train_url


def _running_time(as_of: int) -> ColumnElement[int]:
    """`lifecycle.schedule.running_time` in SQL; a comparison with NULL (not running) takes the second branch."""
    before, since = type_coerce(jobs.c.ran_before, BigInteger), type_coerce(jobs.c.running_since, BigInteger)
    return case((since < as_of, before + (literal(as_of, BigInteger) - since)), else_=before)


def conditions(query: JobQuery) -> ColumnElement[bool]:
    """Which jobs the list is about."""
    wanted: list[ColumnElement[bool]] = [
        jobs.c.project_id == query.project_id,
        jobs.c.audience.in_(_audiences(query)),
        *(jobs.c.id.in_(select(job_tags.c.job_id).where(job_tags.c.tag == tag)) for tag in sorted(query.tags)),
    ]
    if query.statuses:
        wanted.append(jobs.c.status.in_(sorted(query.statuses)))
    if query.search:
        wanted.append(jobs.c.id.in_(_ids_of_search(query)))
    if query.owner is not None:
        wanted.append(jobs.c.owner == query.owner)
    if query.job_type is not None:
        wanted.append(jobs.c.job_type == query.job_type)
    if query.created_from is not None:
        wanted.append(jobs.c.created_at >= query.created_from)
    if query.created_before is not None:
        wanted.append(jobs.c.created_at < query.created_before)
    return and_(*wanted)


def _ids_of_search(query: JobQuery) -> Select[int]:
    """Matches of the search, from an index that holds the searched text: reading whole rows takes ten times as long."""
    searched = jobs.alias("searched")
    matches = searched.c.search_text.contains(fold(query.search), autoescape=True, escape="\\")
    return select(searched.c.id).where(searched.c.project_id == query.project_id, matches)


def total(query: JobQuery) -> Select[int]:
    """How many jobs the list is about: from the kept counts where they know, by counting otherwise."""
    chosen = (query.owner, query.job_type, query.created_from, query.created_before)
    if query.search or query.tags or any(choice is not None for choice in chosen):
        return select(func.count()).select_from(jobs).where(conditions(query))
    counted = select(func.coalesce(func.sum(job_counts.c.n), 0)).where(
        job_counts.c.project_id == query.project_id, job_counts.c.audience.in_(_audiences(query))
    )
    return counted.where(job_counts.c.status.in_(sorted(query.statuses))) if query.statuses else counted


def _audiences(query: JobQuery) -> tuple[str, str]:
    return EVERYBODY, private_audience(query.viewer)
