"""Share links in words, and what their form asks for. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from belvedere.contract.shares import LIFE_DEFAULT, Share, ValidShare, create_request

LIVES: Final = (
    (3600, "an hour"),
    (24 * 3600, "a day"),
    (LIFE_DEFAULT, "a week"),
    (30 * 24 * 3600, "30 days"),
    (90 * 24 * 3600, "90 days"),
)


class ShareRow(msgspec.Struct, frozen=True, kw_only=True):
    """One link as the table shows it."""

    id: str
    note: str
    until: str
    until_iso: str
    is_expired: bool
    has_password: bool
    used: str


def share_rows(shares: Sequence[Share]) -> list[ShareRow]:
    """The rows of the table."""
    return [
        ShareRow(
            id=share.share_id,
            note=share.note or f"made by {share.created_by}",
            until=moment_text(_moment(share.expire_time)),
            until_iso=_moment(share.expire_time).isoformat(timespec="seconds"),
            is_expired=share.is_expired,
            has_password=share.has_password,
            used=_used_text(share.uses),
        )
        for share in shares
    ]


def share_request(fields: Mapping[str, str]) -> ValidShare:
    """What the form asks for, by the rules of the API. Raises RequestError."""
    life = fields.get("expires_in", "")
    asked = {
        "expires_in": int(life) if life.isascii() and life.isdecimal() and len(life) < 10 else life,
        "password": fields.get("password") or None,
        "note": fields.get("note", "").strip() or None,
    }
    return create_request(msgspec.json.encode(asked))


def moment_text(moment: datetime) -> str:
    """A day and a time of it."""
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _used_text(uses: int) -> str:
    return "never opened" if not uses else f"opened {'once' if uses == 1 else f'{uses:,} times'}"
