"""The form that makes a job, and the places that its logs may be looked for in. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from belvedere.contract.errors import BelvedereError, InvalidLogUrl, LogSourceForbidden, LogSourceRefused
from belvedere.contract.jobs import ViewerKind
from belvedere.contract.log_sources import LogFolder, LogFolderList, ValidBrowse, browse_request
from belvedere.contract.validation import Offer, ValidCreate, create_request

FIELDS: Final = ("job_name", "job_type", "train_url", "hours")
_GOOD: Final = {"job_name": "good", "train_url": "/good/"}
_HOLDS: Final = {True: "logs", False: "", None: "perhaps logs"}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that can be gone to."""

    name: str
    url: str
    holds: str


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at while the form is filled in. `url`: "" for where logs may lie at all; `more`: a marker."""

    url: str = ""
    above: str = ""
    has_logs: bool = False
    places: list[Place] = []
    more: str = ""
    problem: str = ""


def job_wanted(fields: Mapping[str, str], offer: Offer) -> ValidCreate:
    """The job that the form asks for, by the rules of the API. Raises RequestError and its kin."""
    hours = fields.get("hours", "").strip()
    is_number = hours.isascii() and hours.isdecimal() and len(hours) < 10
    schedule = {"type": "stop", "time_unit": "HOURS", "duration": int(hours) if is_number else hours}
    asked = {
        "job_name": fields.get("job_name", "").strip() or None,
        "job_type": fields.get("job_type") or None,
        "train_url": fields.get("train_url", "").strip() or None,
        "schedule": schedule if hours else None,
    }
    return create_request(msgspec.json.encode(asked), offer)


def faulty_field(fields: Mapping[str, str], offer: Offer, error: BelvedereError) -> str:
    """The field that the error is about; "" if it is about none of them, such as a full project."""
    if isinstance(error, (InvalidLogUrl, LogSourceRefused, LogSourceForbidden)):
        return "train_url"
    return next((name for name in FIELDS if _is_refused({**_GOOD, name: fields.get(name, "")}, offer)), "")


def _is_refused(fields: Mapping[str, str], offer: Offer) -> bool:
    try:
        job_wanted(fields, offer)
    except BelvedereError:
        return True
    return False


def once_key(fields: Mapping[str, str]) -> str | None:
    """The same for the same form sent again, another one when its fields were changed; None for a form without one."""
    key = fields.get("key")
    return hashlib.sha256(msgspec.json.encode(sorted(fields.items()))).hexdigest() if key else None


def place_wanted(fields: Mapping[str, str]) -> str | None:
    """Where the form asks to be shown around, "" for the beginning; None if it asks for the job."""
    if "go" in fields:
        return fields["go"]
    return fields.get("train_url", "").strip() if fields.keys() & {"browse", "more"} else None


def look_wanted(url: str, fields: Mapping[str, str]) -> ValidBrowse:
    """The look at a place, by the rules of the API. Raises RequestError."""
    marker = [("marker", fields["more"])] if "more" in fields else []
    return browse_request([("url", url), *marker])


def roots_shelf(roots: Sequence[str], problem: str = "") -> Shelf:
    """Where one may begin."""
    return Shelf(places=[Place(name=root, url=root, holds="") for root in roots], problem=problem)


def shelf_of(found: LogFolderList, roots: Sequence[str]) -> Shelf:
    """A place and its folders."""
    return Shelf(
        url=found.url,
        above=_above(found.url, roots),
        has_logs=found.has_logs,
        places=[_place(folder) for folder in found.folders],
        more=found.next_marker or "",
    )


def installed(kinds: Sequence[ViewerKind]) -> list[ViewerKind]:
    """Those that a job can be of."""
    return [kind for kind in kinds if kind.is_installed]


def _place(folder: LogFolder) -> Place:
    return Place(name=folder.name, url=folder.url, holds=_HOLDS[folder.has_logs])


def _above(url: str, roots: Sequence[str]) -> str:
    """The folder that this one lies in; "" where nothing lies above it that may be looked at."""
    here = url.rstrip("/")
    above = here.rpartition("/")[0]
    is_top = here in {root.rstrip("/") for root in roots} or not above.strip("/") or above.endswith(":/")
    return "" if is_top else f"{above}/"
