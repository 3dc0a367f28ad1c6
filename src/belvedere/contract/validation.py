"""The rules of create and update, of project ids and of job ids: from what came to what is meant. Pure.

Each refusal is a RequestError whose message names the field, the rule and the remedy. Unknown fields are ignored, as
the documented service does. Sources: ModelArts API reference, "Creating a Visualization Job" and "Updating …";
decisions: `docs/reference/contract.md`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from belvedere.contract import limits
from belvedere.contract.decoding import JsonObject, json_object, missing, object_of, refuse, shown, text_of
from belvedere.contract.errors import InvalidProject, RequestError, UnknownFlavor, UnknownWorkspace, ViewerNotInstalled
from belvedere.contract.source_rules import ValidSource, log_url, source_list
from belvedere.contract.store_rules import store_name

DEFAULT_JOB_TYPE: Final = "tensorboard"
TIME_UNITS: Final = {"HOURS": 24, "MINUTES": 24 * 60, "SECONDS": limits.AUTO_STOP_SECONDS}  # and their longest duration
NEVER: Final = "never"
VISIBILITIES: Final = ("project", "private")
_PROJECT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SCHEDULE = 'an object like {"type": "stop", "time_unit": "HOURS", "duration": 1}'


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What this service offers: flavor codes, the default first, and installed viewer types.

    `installable`: the commands that install viewer types which it knows and does not have, by type.
    """

    flavors: tuple[str, ...]
    job_types: tuple[str, ...]
    installable: Mapping[str, str] = {}


class ValidSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Stop after `duration` units of running. 0 means never."""

    duration: int
    time_unit: str


class ValidCreate(msgspec.Struct, frozen=True, kw_only=True):
    """A create request that breaks no rule. Whether `train_url` leads anywhere is the log sources' business."""

    job_name: str
    train_url: str
    job_desc: str
    job_type: str
    flavor: str
    schedule: ValidSchedule | None
    tags: tuple[str, ...]
    visibility: str
    sleep_after: int | None = None  # seconds; 0: never; None: the service's default
    store: str | None = None
    sources: tuple[ValidSource, ...] | UnsetType = UNSET  # in the place of `train_url`, which is then the first one's


class ValidUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """An update request that breaks no rule. UNSET means unchanged; a `schedule` of None removes the auto-stop."""

    job_desc: str | UnsetType = UNSET
    schedule: ValidSchedule | None | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    visibility: str | UnsetType = UNSET
    sleep_after: int | None | UnsetType = UNSET


def create_request(body: bytes, offer: Offer) -> ValidCreate:
    """The create request in a body. Raises RequestError and its kin."""
    raw = json_object(body)
    _require_default_workspace(raw)
    sources = _sources(raw)
    return ValidCreate(
        job_name=_job_name(raw),
        train_url=_train_url(raw) if sources is UNSET else sources[0].url,
        job_desc=_description(raw) or "",
        job_type=_job_type(raw, offer),
        flavor=_flavor(raw, offer.flavors),
        schedule=_schedule(raw),
        tags=_tags(raw),
        visibility=_visibility(raw) or VISIBILITIES[0],
        sleep_after=_sleep_after(raw),
        store=_store(raw),
        sources=sources,
    )


def update_request(body: bytes) -> ValidUpdate:
    """The update request in a body: at least one field to change. Raises RequestError and its kin."""
    raw = json_object(body)
    description, visibility = _description(raw), _visibility(raw)
    update = ValidUpdate(
        job_desc=UNSET if description is None else description,
        schedule=_schedule(raw) if "schedule" in raw else UNSET,
        tags=_tags(raw) if "tags" in raw else UNSET,
        visibility=UNSET if visibility is None else visibility,
        sleep_after=_sleep_after(raw) if "sleep_after" in raw else UNSET,
    )
    if update == ValidUpdate():
        raise missing("job_desc", "a string of 0 to 256 characters (or one of schedule, tags, visibility, sleep_after)")
    return update


def project_id(text: str) -> str:
    """The project id of a path. Raises InvalidProject, above all for a template that a client left unfilled."""
    if _PROJECT_ID.fullmatch(text):
        return text
    raise InvalidProject(
        f"Invalid project ID. The URL has {shown(text)} where the project's id belongs: "
        "give your client the project_id of this service's bootstrap.json."
    )


def job_id(text: str) -> int | None:
    """The job id of a path; None for a number that no job can have. Raises RequestError for what is no number."""
    if not (text.isascii() and text.isdigit()):
        raise RequestError(f"job_id: expected a decimal number from 1 to {limits.JOB_ID}, got {shown(text)}.")
    value = int(text) if len(text) <= len(str(limits.JOB_ID)) else limits.JOB_ID + 1
    return value if 1 <= value <= limits.JOB_ID else None


def _job_name(raw: JsonObject) -> str:
    rule = "1 to 20 characters: letters, digits, hyphens and underscores"
    value = raw.get("job_name")
    if value is None:
        raise missing("job_name", rule)
    if not isinstance(value, str):
        raise refuse("job_name", rule, value)
    if not limits.JOB_NAME.fullmatch(value):
        raise RequestError(f"Illegal name: {shown(value)}. job_name must have {rule}; {_wrong_in_name(value)}.")
    return value


def _wrong_in_name(value: str) -> str:
    wrong = next((place for place, letter in enumerate(value) if not limits.JOB_NAME.fullmatch(letter)), None)
    if wrong is None:
        return f"got {len(value)} characters"
    what = {" ": "a blank"}.get(value[wrong]) or f"the character {shown(value[wrong])}"
    return f"{what} at position {wrong + 1} is none of them"


def _sources(raw: JsonObject) -> tuple[ValidSource, ...] | UnsetType:
    sources = source_list(raw)
    if sources is None:
        return UNSET
    for field in ("train_url", "store"):
        if raw.get(field) is not None:
            raise RequestError(f"{field}: the job has sources, which say where its logs are. Leave {field} out.")
    return sources


def _train_url(raw: JsonObject) -> str:
    return log_url(raw, "train_url")


def _description(raw: JsonObject) -> str | None:
    value = text_of(raw, "job_desc", multiline=True)
    if value is not None and len(value) > limits.JOB_DESCRIPTION_LENGTH:
        raise RequestError(
            f"job_desc: expected 0 to {limits.JOB_DESCRIPTION_LENGTH} characters, got {len(value)}. Shorten it."
        )
    return value


def _job_type(raw: JsonObject, offer: Offer) -> str:
    expected = f"one of {', '.join(offer.job_types)}"
    value = text_of(raw, "job_type", expected=expected)
    if value is None:
        return DEFAULT_JOB_TYPE
    name = value.lower()
    if name in offer.installable:
        raise ViewerNotInstalled(
            f"job_type: {name} is not installed on this service. Its operator installs it: {offer.installable[name]}"
        )
    if name not in offer.job_types:
        raise refuse("job_type", expected, value)
    return name


def _flavor(raw: JsonObject, known: Sequence[str]) -> str:
    flavor = object_of(raw, "flavor", expected='an object like {"code": "…"}')
    if flavor is None:
        return known[0]
    code = flavor.get("code")
    if code is None:
        raise missing("flavor.code", f"one of {', '.join(known)}")
    if not isinstance(code, str):
        raise refuse("flavor.code", "a string", code)
    if code not in known:
        raise UnknownFlavor(f"flavor.code: {shown(code)} is not known. Choose one of {', '.join(known)}.")
    return code


def _schedule(raw: JsonObject) -> ValidSchedule | None:
    value = raw.get("schedule")
    if isinstance(value, list):
        if len(value) > 1:
            raise RequestError(f"schedule: expected one item, got {len(value)}. A job has one auto-stop at most.")
        if value and not isinstance(value[0], dict):
            raise refuse("schedule[0]", _SCHEDULE, value[0])
        value = value[0] if value else None
    if value is None:
        return None
    if not isinstance(value, dict):
        raise refuse("schedule", _SCHEDULE, value)
    return _schedule_item(value)


def _schedule_item(item: JsonObject) -> ValidSchedule:
    if item.get("type") != "stop":
        raise _absent_or_wrong("schedule.type", '"stop"', item.get("type"))
    unit = _time_unit(item)
    duration, longest = item.get("duration"), TIME_UNITS[unit]
    if not isinstance(duration, int) or isinstance(duration, bool) or not 0 <= duration <= longest:
        rule = f"an integer from 0 to {longest} for {unit} (0: no auto-stop)"
        raise _absent_or_wrong("schedule.duration", rule, duration)
    return ValidSchedule(duration=duration, time_unit=unit)


def _time_unit(item: JsonObject) -> str:
    values = [item[spelling] for spelling in ("time_unit", "timeUnit") if item.get(spelling) is not None]
    rule = "HOURS (or MINUTES or SECONDS)"
    if not values:
        raise missing("schedule.time_unit", rule)
    if values[0] != values[-1]:
        raise RequestError("schedule: time_unit and timeUnit contradict each other. Send one of them.")
    unit = values[0]
    if not isinstance(unit, str) or unit not in TIME_UNITS:
        raise refuse("schedule.time_unit", rule, unit)
    return unit


def _absent_or_wrong(field: str, expected: str, value: object) -> RequestError:
    return missing(field, expected) if value is None else refuse(field, expected, value)


def _require_default_workspace(raw: JsonObject) -> None:
    value = raw.get("workspace_id")
    if value is None:
        return
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise refuse("workspace_id", f'"{limits.DEFAULT_WORKSPACE}"', value)
    require_workspace(str(value))


def require_workspace(value: str) -> None:
    """Raise UnknownWorkspace unless it is the only one."""
    if value != limits.DEFAULT_WORKSPACE:
        raise UnknownWorkspace(f"workspace_id: the workspace {shown(value)} does not exist. Leave it out, or send 0.")


def _tags(raw: JsonObject) -> tuple[str, ...]:
    value = raw.get("tags")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise refuse("tags", "an array of strings", value)
    tags = tuple(dict.fromkeys(tag(item, f"tags[{index}]") for index, item in enumerate(value)))
    if len(tags) > limits.TAGS:
        raise RequestError(f"tags: expected at most {limits.TAGS}, got {len(tags)}.")
    return tags


def tag(value: object, field: str) -> str:
    """One tag. Raises RequestError."""
    if not isinstance(value, str) or not limits.TAG.fullmatch(value):
        raise refuse(field, "1 to 64 letters, digits or any of _ . : / = + @ -", value)
    return value


def _visibility(raw: JsonObject) -> str | None:
    value = raw.get("visibility")
    if value is None:
        return None
    if not isinstance(value, str) or value not in VISIBILITIES:
        raise refuse("visibility", " or ".join(VISIBILITIES), value)
    return value


def _store(raw: JsonObject) -> str | None:
    value = text_of(raw, "store", expected="the name of a log store")
    return None if value is None else store_name(value)


def _sleep_after(raw: JsonObject) -> int | None:
    value = raw.get("sleep_after")
    if value is None:
        return None
    if value == NEVER:
        return 0
    least, most = limits.SLEEP_AFTER_LEAST, limits.SLEEP_AFTER_MOST
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise refuse("sleep_after", f'an integer from {least} to {most} (seconds), or "{NEVER}"', value)
    return value
