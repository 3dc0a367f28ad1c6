"""The rules of a job's log sources: from what came to what is meant. Pure.

Each refusal names the source by its place in the list, the field, the rule and the remedy.
"""

from collections.abc import Sequence

import msgspec

from belvedere.contract import limits
from belvedere.contract.decoding import JsonObject, json_object, missing, refuse, shown, text_of
from belvedere.contract.errors import RequestError
from belvedere.contract.store_rules import store_name

_NAME_RULE = "1 to 64 letters, digits, periods, hyphens and underscores, beginning with a letter or digit"
_URL_RULE = "the logs' location, such as /bucket/prefix/ or obs://bucket/prefix/"
_LIST_RULE = 'an array of objects like {"name": "baseline", "url": "obs://bucket/run-1/"}'


class ValidSource(msgspec.Struct, frozen=True, kw_only=True):
    """A log source that breaks no rule. Whether `url` leads anywhere is the log sources' business."""

    name: str
    url: str
    store: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    latest: int | None = None


def sources_request(body: bytes) -> tuple[ValidSource, ...]:
    """The sources in the body of a change. Raises RequestError and its kin."""
    sources = source_list(json_object(body))
    if sources is None:
        raise missing("sources", _LIST_RULE)
    return sources


def source_list(raw: JsonObject) -> tuple[ValidSource, ...] | None:
    """The field `sources` of a body; None if it is absent or null. Raises RequestError."""
    value = raw.get("sources")
    if value is None:
        return None
    if not isinstance(value, list):
        raise refuse("sources", _LIST_RULE, value)
    if not 1 <= len(value) <= limits.SOURCES:
        raise RequestError(f"sources: expected 1 to {limits.SOURCES}, got {len(value)}.")
    sources = tuple(_source(item, f"sources[{index}]", sole=len(value) == 1) for index, item in enumerate(value))
    _require_distinct([source.name for source in sources])
    return sources


def log_url(raw: JsonObject, field: str) -> str:
    """A location of logs, as text. Raises RequestError."""
    value = text_of(raw, field, expected=_URL_RULE)
    if not value:
        raise missing(field, _URL_RULE)
    if len(value.encode()) > limits.TRAIN_URL_BYTES:
        raise RequestError(f"{field}: expected at most {limits.TRAIN_URL_BYTES} bytes, got {len(value.encode())}.")
    return value


def _source(item: object, where: str, *, sole: bool) -> ValidSource:
    if not isinstance(item, dict):
        raise refuse(where, "an object", item)
    fields = {f"{where}.{name}": value for name, value in item.items()}  # as the refusals call them
    store = text_of(fields, f"{where}.store", expected="the name of a log store")
    return ValidSource(
        name=_name(fields, f"{where}.name", sole=sole),
        url=log_url(fields, f"{where}.url"),
        store=None if store is None else store_name(store, f"{where}.store"),
        include=_patterns(fields, f"{where}.include"),
        exclude=_patterns(fields, f"{where}.exclude"),
        latest=_latest(fields, f"{where}.latest"),
    )


def _name(fields: JsonObject, field: str, *, sole: bool) -> str:
    value = fields.get(field)
    if value is None or value == "":
        if sole:
            return ""
        raise missing(field, f"{_NAME_RULE} (only a job's sole source needs none)")
    if not isinstance(value, str) or not limits.SOURCE_NAME.fullmatch(value):
        raise refuse(field, _NAME_RULE, value)
    return value


def _require_distinct(names: Sequence[str]) -> None:
    """Case doesn't tell names apart: people would take them for one, and some file systems do."""
    folded = [name.lower() for name in names]
    for index, name in enumerate(folded):
        first = folded.index(name)
        if first < index:
            raise RequestError(f"sources[{index}].name: sources[{first}] is called {names[first]} already. Rename one.")


def _patterns(fields: JsonObject, field: str) -> tuple[str, ...]:
    value = fields.get(field)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise refuse(field, "an array of patterns like run-*/train", value)
    if len(value) > limits.PATTERNS:
        raise RequestError(f"{field}: expected at most {limits.PATTERNS} patterns, got {len(value)}.")
    return tuple(_pattern(item, f"{field}[{index}]") for index, item in enumerate(value))


def _pattern(value: object, field: str) -> str:
    text = text_of({field: value}, field, expected="a pattern like run-*/train")
    if not text:
        raise missing(field, "a pattern like run-*/train")
    if len(text) > limits.PATTERN_LENGTH:
        raise RequestError(f"{field}: expected at most {limits.PATTERN_LENGTH} characters, got {len(text)}.")
    segments = text.removesuffix("/").split("/")
    if any(segment in {"", ".", ".."} for segment in segments):
        raise RequestError(
            f"{field}: {shown(text)} is no path below the source. Don't begin it with /, nor use empty, . or .. parts."
        )
    if segments.count("**") > limits.PATTERN_DEPTHS or any("**" in part and part != "**" for part in segments):
        raise RequestError(
            f"{field}: in {shown(text)}, ** may stand for whole parts only, as in **/train, and at most "
            f"{limits.PATTERN_DEPTHS} times."
        )
    return text.removesuffix("/")


def _latest(fields: JsonObject, field: str) -> int | None:
    value = fields.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= limits.LATEST_RUNS:
        raise refuse(field, f"an integer from 1 to {limits.LATEST_RUNS}", value)
    return value
