"""The rules of log stores' requests: from what came to what is meant. Pure. No error repeats a secret key."""

import re
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from belvedere.contract.decoding import JsonObject, json_object, missing, refuse, shown, text_of
from belvedere.contract.endpoints import endpoint
from belvedere.contract.errors import RequestError
from belvedere.contract.log_stores import NAME_PATTERN

ADDRESSINGS: Final = ("path", "virtual-host")
_NAME = re.compile(NAME_PATTERN.removeprefix("^").removesuffix("$"))
_NAME_RULE = "1 to 32 letters, digits, periods, hyphens and underscores, beginning with a letter or digit"
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_KEY = re.compile(r"[\x21-\x7e]{1,1024}")
_KEY_RULE = "1 to 1024 printable ASCII characters without blanks"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of keys, or none at all. Its repr hides them."""

    access_key: str = ""
    secret_key: str = ""

    def __repr__(self) -> str:
        return "Keys()"


class ValidStore(msgspec.Struct, frozen=True, kw_only=True):
    """A store to be added that breaks no rule."""

    name: str
    endpoint: str
    keys: Keys
    region: str
    addressing: str
    allow_http: bool
    shared: bool


class ValidStoreUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of a store. UNSET means unchanged. `endpoint` is checked with the store's `allow_http`."""

    endpoint: str | UnsetType = UNSET
    keys: Keys | UnsetType = UNSET
    region: str | UnsetType = UNSET
    addressing: str | UnsetType = UNSET
    allow_http: bool | UnsetType = UNSET


def add_request(body: bytes) -> ValidStore:
    """The store in a body. Raises RequestError and its kin."""
    raw = _raw(body)
    allow_http = _flag(raw, "allow_http") or False
    return ValidStore(
        name=_name(raw),
        endpoint=endpoint(_required(raw, "endpoint", "a URL like https://obs.example.org"), allow_http=allow_http),
        keys=_keys(raw) or Keys(),
        region=_region(raw) or "us-east-1",
        addressing=_addressing(raw) or ADDRESSINGS[0],
        allow_http=allow_http,
        shared=_flag(raw, "shared") or False,
    )


def update_request(body: bytes) -> ValidStoreUpdate:
    """The changes in a body: at least one. Raises RequestError and its kin."""
    raw = _raw(body)
    given = {
        "endpoint": text_of(raw, "endpoint"),
        "keys": _keys(raw),
        "region": _region(raw),
        "addressing": _addressing(raw),
        "allow_http": _flag(raw, "allow_http"),
    }
    update = ValidStoreUpdate(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    if update == ValidStoreUpdate():
        raise missing("access_key", "new keys (or one of endpoint, region, addressing, allow_http)")
    return update


def trial_request(body: bytes) -> str | None:
    """The bucket that a test shall look into, if the body names one."""
    return text_of(json_object(body), "bucket") if body.strip() else None


def store_name(text: str, field: str = "store") -> str:
    """The name of a store, as a path or a job names it. Raises RequestError."""
    if not _NAME.fullmatch(text):
        raise refuse(field, _NAME_RULE, text)
    return text


def _raw(body: bytes) -> JsonObject:
    raw = json_object(body)
    if raw.get("ca_file") is not None:
        raise RequestError(
            "ca_file: it names a file of the service's machine, so only the operator can: define the store as "
            "[stores.NAME] in the settings."
        )
    return raw


def _name(raw: JsonObject) -> str:
    return store_name(_required(raw, "name", _NAME_RULE), "name")


def _required(raw: JsonObject, field: str, expected: str) -> str:
    value = text_of(raw, field, expected=expected)
    if not value:
        raise missing(field, expected)
    return value


def _keys(raw: JsonObject) -> Keys | None:
    """Both keys or neither: half a pair would sign requests with a key that isn't its own."""
    access, secret = _key(raw, "access_key"), _key(raw, "secret_key")
    if access is None and secret is None:
        return None
    if not (access and secret) and (access or secret or access is None or secret is None):
        lacking = "secret_key" if access else "access_key"
        raise RequestError(f"{lacking} is missing: keys come as a pair. Send both, or none for anonymous requests.")
    return Keys(access_key=access or "", secret_key=secret or "")


def _key(raw: JsonObject, field: str) -> str | None:
    value = raw.get(field)
    if value is None or value == "":
        return value
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise RequestError(f"{field}: expected {_KEY_RULE}.")
    return value


def _region(raw: JsonObject) -> str | None:
    value = text_of(raw, "region")
    if value is not None and not _REGION.fullmatch(value):
        raise RequestError(f"region: expected 1 to 64 letters, digits and hyphens, got {shown(value)}.")
    return value


def _addressing(raw: JsonObject) -> str | None:
    value = text_of(raw, "addressing")
    if value is not None and value not in ADDRESSINGS:
        raise refuse("addressing", " or ".join(ADDRESSINGS), value)
    return value


def _flag(raw: JsonObject, field: str) -> bool | None:
    value = raw.get(field)
    if value is not None and not isinstance(value, bool):
        raise refuse(field, "true or false", value)
    return value
