"""Looking for logs, on the wire and by its rules: an extension."""

import msgspec

from belvedere.contract.decoding import clean, shown
from belvedere.contract.errors import RequestError
from belvedere.contract.limits import TRAIN_URL_BYTES
from belvedere.contract.listing import Pairs, Query
from belvedere.contract.store_rules import store_name

PAGE_SIZE = 200
PAGE_SIZE_DEFAULT = 50
_MARKER = 4096  # characters
_NAME = 1024  # bytes: a key has no more


class LogFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder. `has_logs`: whether logs lie anywhere in it; null: not among the first files that were looked at."""

    name: str
    url: str
    has_logs: bool | None = None


class LogFolderList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of …/log-sources: the folders directly below `url`, in order of name, one page of them.

    `has_logs`: whether logs lie directly in the place itself. `store`: the log store that it lies in, "" for a folder.
    """

    is_success: bool = True
    url: str
    store: str = ""
    has_logs: bool = False
    folders: list[LogFolder]
    next_marker: str | None = None


class ValidBrowse(msgspec.Struct, frozen=True, kw_only=True):
    """A look that breaks no rule."""

    url: str
    begins: str = ""  # of a folder's name
    store: str | None = None
    page_size: int = PAGE_SIZE_DEFAULT
    marker: str | None = None


def browse_request(pairs: Pairs) -> ValidBrowse:
    """The look that a decoded query string asks for. Raises RequestError."""
    query = Query(pairs)
    url, store, marker = query.one("url"), query.one("store"), query.one("marker")
    if url is None:
        raise RequestError("url is missing: expected where to look, such as /bucket/prefix/ or obs://bucket/prefix/.")
    if len(url.encode()) > TRAIN_URL_BYTES:
        raise RequestError(f"url: expected at most {TRAIN_URL_BYTES} bytes, got {len(url.encode())}.")
    if marker is not None and len(marker) > _MARKER:
        raise no_marker(marker)
    return ValidBrowse(
        url=clean(url, "url"),
        begins=_beginning(query.one("begins") or ""),
        store=None if store is None else store_name(store),
        page_size=query.number("page_size", 1, PAGE_SIZE) or PAGE_SIZE_DEFAULT,
        marker=marker,
    )


def no_marker(marker: str) -> RequestError:
    """The error for a marker that no page gave."""
    return RequestError(f"marker: {shown(marker)} is none of ours. Take next_marker of the previous page.")


def _beginning(text: str) -> str:
    if "/" in text or len(text.encode()) > _NAME:
        raise RequestError(
            f"begins: expected the beginning of a folder's name, at most {_NAME} bytes and without a slash. "
            "What comes before the slash belongs into url."
        )
    return clean(text, "begins")


def url_below(url: str, name: str) -> str:
    """The URL of a folder directly below another, in the same spelling."""
    return f"{url.rstrip('/')}/{name}/"
