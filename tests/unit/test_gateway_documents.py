"""A viewer's pages with our script in them."""

import gzip

import pytest
from multidict import CIMultiDict

from belvedere.console.assets import assets
from belvedere.gateway.documents import Documents, accepts_gzip, is_document, is_known, may_be_document

PAGE = b"<!doctype html><title>Curves</title></html>"


def test_the_script_comes_after_the_page_byte_for_byte() -> None:
    made = Documents("/static/").made_of(PAGE)
    name = assets()["presence.js"].name
    assert made.plain == PAGE + f'<script src="/static/{name}" async></script>\n'.encode()
    assert gzip.decompress(made.gzipped) == made.plain


def test_the_same_page_is_compressed_once() -> None:
    documents = Documents("/static/")
    assert documents.made_of(PAGE) is documents.made_of(bytes(bytearray(PAGE)))


def test_only_the_latest_pages_are_kept() -> None:
    documents = Documents("/static/")
    first = documents.made_of(PAGE)
    for number in range(20):
        documents.made_of(PAGE + str(number).encode())
    assert documents.made_of(PAGE) is not first


def test_another_page_has_another_tag() -> None:
    documents = Documents("/static/")
    assert documents.made_of(PAGE).etag != documents.made_of(PAGE + b" ").etag


@pytest.mark.parametrize("content_type", ["text/html", "Text/HTML; charset=utf-8"])
def test_pages_are_told_by_their_type(content_type: str) -> None:
    assert is_document(200, CIMultiDict({"Content-Type": content_type}))


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (404, {"Content-Type": "text/html"}),
        (206, {"Content-Type": "text/html"}),
        (200, {"Content-Type": "text/csv"}),
        (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}),
        (200, {"Content-Type": "text/html; charset=UTF-16"}),
        (200, {"Content-Type": "text/html", "Content-Disposition": 'attachment; filename="x.html"'}),
        (200, {}),
    ],
)
def test_what_is_no_plain_page_stays_as_it_is(status: int, headers: dict[str, str]) -> None:
    assert not is_document(status, CIMultiDict(headers))


def test_only_a_visit_becomes_a_page() -> None:
    assert may_be_document("GET", CIMultiDict({"Sec-Fetch-Mode": "navigate"}))
    assert not may_be_document("GET", CIMultiDict({"Sec-Fetch-Mode": "cors", "Accept": "text/html"}))
    assert not may_be_document("HEAD", CIMultiDict({"Sec-Fetch-Mode": "navigate"}))


@pytest.mark.parametrize(
    ("offer", "expected"),
    [("gzip, br", True), ("br;q=1, GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), ("", False)],
)
def test_gzip_is_for_those_who_take_it(offer: str, expected: bool) -> None:
    assert accepts_gzip(CIMultiDict({"Accept-Encoding": offer})) is expected


def test_a_tag_is_known_among_several() -> None:
    headers = CIMultiDict([("If-None-Match", 'W/"a", W/"b"')])
    assert is_known('W/"b"', headers)
    assert not is_known('W/"c"', headers)
