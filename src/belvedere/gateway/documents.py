"""A viewer's HTML pages on their way to a browser: with our presence script at the end, and compressed once."""

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from belvedere.console.assets import assets
from belvedere.gateway.headers import Headers
from belvedere.gateway.rules import is_navigation

LARGEST: Final = 2**20  # bytes; what is longer passes as it comes, and is not compressed
_KEPT = 16  # pages: a viewer's main page is the same for all its jobs


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A page as sent. `etag` is the same for the same page of another job."""

    etag: str
    plain: bytes
    gzipped: bytes


class Documents:
    """Makes documents of pages, and keeps the latest ones made."""

    def __init__(self, static: str, change: Callable[[str, bytes], bytes] = lambda _viewer, page: page) -> None:
        """`static`: the path of our own scripts, with a slash at the end. `change` is for viewers' main pages."""
        self.ending = f'<script src="{static}{assets()["presence.js"].name}" async></script>\n'.encode()
        self._change = change
        self._made: OrderedDict[tuple[str, bytes], Document] = OrderedDict()

    def made_of(self, page: bytes, main_of: str = "") -> Document:
        """The document for a page of at most `LARGEST` bytes; `main_of`: the viewer whose main page it is, if it is."""
        key = (main_of, hashlib.sha256(page).digest())
        document = self._made.pop(key, None) or self._make(self._change(main_of, page) if main_of else page)
        self._made[key] = document
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return document

    def _make(self, page: bytes) -> Document:
        # At the end, because that needs no look into the page, and browsers take it even behind </html>.
        plain = page + self.ending
        etag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
        return Document(etag=etag, plain=plain, gzipped=gzip.compress(plain, mtime=0))


def may_be_document(method: str, headers: Headers) -> bool:
    """Whether the answer to this request may become a page in a browser, and so has to be asked for uncompressed."""
    return method == "GET" and is_navigation(method, headers)


def is_document(status: int, headers: Headers) -> bool:
    """Whether such an answer is a page that our script can be put into."""
    content_type, _, parameters = headers.get("Content-Type", "").lower().partition(";")
    is_page = status == 200 and content_type.strip() == "text/html" and "utf-16" not in parameters
    is_plain = headers.get("Content-Encoding", "identity").lower() == "identity"
    return is_page and is_plain and not headers.get("Content-Disposition", "").lower().startswith("attachment")


def accepts_gzip(headers: Headers) -> bool:
    """Whether a browser takes gzip."""
    for offer in ",".join(headers.getall("Accept-Encoding", ())).lower().split(","):
        name, _, parameter = offer.partition(";")
        if name.strip() == "gzip":
            return parameter.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def is_known(etag: str, headers: Headers) -> bool:
    """Whether the browser says that it has what bears this tag."""
    known = ",".join(headers.getall("If-None-Match", ()))
    return any(tag.strip() == etag for tag in known.split(","))
