from datetime import UTC, datetime

import pytest

from belvedere.sources.base import Entry
from belvedere.sources.listings import parse_page


def listing(inside: str, more: str = "") -> bytes:
    return f'<?xml version="1.0"?><ListBucketResult xmlns="urn:any">{inside}{more}</ListBucketResult>'.encode()


def contents(key: str) -> str:
    facts = "<LastModified>2030-01-02T03:04:05.000Z</LastModified><ETag>&quot;t&quot;</ETag><Size>7</Size>"
    return f"<Contents><Key>{key}</Key>{facts}</Contents>"


def test_an_object_has_its_key_size_time_and_tag() -> None:
    page = parse_page(listing(contents("a b+%2f&amp;ü")))
    assert page.entries == [Entry(key="a b+%2f&ü", size=7, modified=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), tag="t")]
    assert page.next_token == ""


def test_escaped_keys_are_written_out_only_when_the_answer_says_so() -> None:
    page = parse_page(listing("<EncodingType>url</EncodingType>", contents("a+b%2Bc%01")))
    assert [entry.key for entry in page.entries] == ["a b+c\x01"]


def test_the_next_page_has_a_token_and_folders_are_told() -> None:
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>"
    page = parse_page(listing("<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>", more))
    assert (page.folders, page.next_token) == (["p/"], "n")


@pytest.mark.parametrize(
    "document", [b"", b"<html></html>", listing("<Contents/>"), listing(contents("&#1;")), listing(contents("k"))[:-9]]
)
def test_what_is_no_listing_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the one kind that it documents
        parse_page(document)
