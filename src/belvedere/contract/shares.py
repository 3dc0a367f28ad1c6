"""Share links: request and response bodies, and the rules of a request. All of it is an extension. Pure."""

import re
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from belvedere.contract.decoding import JsonObject, json_object, refuse, text_of
from belvedere.contract.errors import RequestError

LIFE_LEAST: Final = 60  # seconds
LIFE_MOST: Final = 90 * 24 * 3600
LIFE_DEFAULT: Final = 7 * 24 * 3600
PASSWORD_LEAST: Final = 8  # characters
PASSWORD_MOST: Final = 128
NOTE_MOST: Final = 100
MOST: Final = 50  # share links of one job
SHARE_ID_PATTERN: Final = "^[0-9a-f]{16}$"
_ID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)


class CreateShare(msgspec.Struct, frozen=True, kw_only=True):
    """POST …/{job_id}/shares. `expires_in`: seconds. `note`: for whom it is, shown to who may see the list.

    The repr hides the password.
    """

    expires_in: Annotated[int, Meta(ge=LIFE_LEAST, le=LIFE_MOST)] | None = None
    password: Annotated[str, Meta(min_length=PASSWORD_LEAST, max_length=PASSWORD_MOST)] | None = None
    note: Annotated[str, Meta(max_length=NOTE_MOST)] | None = None

    def __repr__(self) -> str:
        return f"CreateShare(expires_in={self.expires_in!r}, note={self.note!r})"


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share link as it is listed; times in epoch milliseconds. The link itself is told once, when it is made."""

    share_id: str
    note: str
    created_by: str
    create_time: int
    expire_time: int
    is_expired: bool
    has_password: bool
    uses: int
    last_used_time: int | None = None


class ShareCreated(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of create: `url` is a secret, and is told this once."""

    is_success: bool = True
    url: str
    share: Share


class ShareList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of …/shares, the newest first."""

    is_success: bool = True
    shares: list[Share]


class ValidShare(msgspec.Struct, frozen=True, kw_only=True):
    """A share link to be made that breaks no rule. The repr hides the password."""

    life: int = LIFE_DEFAULT  # seconds
    password: str = ""
    note: str = ""

    def __repr__(self) -> str:
        return f"ValidShare(life={self.life!r}, note={self.note!r})"


def create_request(body: bytes) -> ValidShare:
    """What a body asks for; an empty one is fine. Raises RequestError and its kin, none of which repeats a password."""
    raw = json_object(body) if body.strip() else {}
    return ValidShare(life=_life(raw), password=_password(raw), note=_note(raw))


def share_id(text: str) -> str:
    """The id in a path, or "" for what no share link can have."""
    return text if _ID.fullmatch(text) else ""


def _life(raw: JsonObject) -> int:
    value = raw.get("expires_in")
    if value is None:
        return LIFE_DEFAULT
    if not isinstance(value, int) or isinstance(value, bool) or not LIFE_LEAST <= value <= LIFE_MOST:
        raise refuse("expires_in", f"{LIFE_LEAST} to {LIFE_MOST} seconds (a minute to 90 days)", value)
    return value


def _password(raw: JsonObject) -> str:
    value = raw.get("password")
    if value is None:
        return ""
    if not isinstance(value, str) or not PASSWORD_LEAST <= len(value) <= PASSWORD_MOST or not value.isprintable():
        raise RequestError(
            f"password: expected {PASSWORD_LEAST} to {PASSWORD_MOST} printable characters. Send another, or none."
        )
    return value


def _note(raw: JsonObject) -> str:
    value = text_of(raw, "note") or ""
    if len(value) > NOTE_MOST or not value.isprintable():
        raise refuse("note", f"at most {NOTE_MOST} printable characters", value)
    return value
