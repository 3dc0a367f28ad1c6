"""One page of an object store's listing, from its XML. Pure. Source: ListObjectsV2, Amazon S3 API."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element, ParseError, fromstring

import msgspec

from belvedere.sources.base import Entry


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Objects by their whole keys, prefixes that a delimiter folded, and the next page's token, "" after the last."""

    entries: list[Entry]
    folders: list[str]
    next_token: str


def parse_page(document: bytes) -> Page:
    """The page. Raises ValueError when this is no listing, or holds characters that XML can't."""
    try:
        root = fromstring(document)  # noqa: S314 - expat itself stops entity bombs
    except ParseError as error:
        raise ValueError("not XML") from error
    if _name(root) != "ListBucketResult":
        raise ValueError("not a listing")
    fields = _fields(root)
    is_encoded = fields.get("EncodingType") == "url"
    return Page(
        entries=[_entry(_fields(each), is_encoded) for each in root if _name(each) == "Contents"],
        folders=[_key(_fields(each)["Prefix"], is_encoded) for each in root if _name(each) == "CommonPrefixes"],
        next_token=fields.get("NextContinuationToken", "") if fields.get("IsTruncated") == "true" else "",
    )


def _entry(fields: dict[str, str], is_encoded: bool) -> Entry:
    try:
        return Entry(
            key=_key(fields["Key"], is_encoded),
            size=int(fields["Size"]),
            modified=datetime.fromisoformat(fields["LastModified"]).astimezone(UTC),
            tag=fields.get("ETag", "").strip('"'),
        )
    except KeyError as error:
        raise ValueError("an object without a key, a size or a time") from error


def _key(text: str, is_encoded: bool) -> str:
    return unquote_plus(text) if is_encoded else text


def _fields(parent: Iterable[Element]) -> dict[str, str]:
    return {_name(child): child.text or "" for child in parent}


def _name(element: Element) -> str:
    return _local_name(element.tag)


@lru_cache(maxsize=64)
def _local_name(tag: str) -> str:
    """Without the namespace, which differs from store to store."""
    return tag.rpartition("}")[2]
