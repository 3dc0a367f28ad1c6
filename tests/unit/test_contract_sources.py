import json

import pytest

from belvedere.contract.errors import MalformedBody, RequestError
from belvedere.contract.source_rules import ValidSource, sources_request
from belvedere.contract.validation import Offer, create_request

OFFER = Offer(flavors=("default",), job_types=("tensorboard",))
A = {"name": "a", "url": "/b/"}


def asked(*sources: object) -> tuple[ValidSource, ...]:
    return sources_request(json.dumps({"sources": sources}).encode())


def refusal(*sources: object) -> str:
    with pytest.raises(RequestError) as caught:
        asked(*sources)
    return caught.value.message


def test_a_source_comes_with_all_that_it_may_have() -> None:
    wanted = {**A, "store": "minio", "include": ["run-*/"], "exclude": ["**/tmp"], "latest": 3}
    expected = ValidSource(name="a", url="/b/", store="minio", include=("run-*",), exclude=("**/tmp",), latest=3)
    assert asked(wanted) == (expected,)


def test_null_counts_as_absent() -> None:
    assert asked({**A, "store": None, "include": None, "exclude": None, "latest": None}) == asked(A)


def test_a_sole_source_needs_no_name() -> None:
    assert asked({"url": "/b/"})[0].name == ""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("text", ("sources[1]: expected an object",)),
        ({"url": "/b/"}, ("sources[1].name is missing", "1 to 64 letters")),
        ({"name": "", "url": "/b/"}, ("sources[1].name is missing",)),
        ({"name": 1, "url": "/b/"}, ("sources[1].name", "an integer")),
        ({"name": "a/b", "url": "/b/"}, ("sources[1].name", "a/b")),
        ({"name": "..", "url": "/b/"}, ("sources[1].name",)),
        ({"name": ".hidden", "url": "/b/"}, ("sources[1].name",)),
        ({"name": "é", "url": "/b/"}, ("sources[1].name",)),
        ({"name": "b\n", "url": "/b/"}, ("sources[1].name",)),
        ({"name": "x" * 65, "url": "/b/"}, ("sources[1].name",)),
        ({"name": "A", "url": "/b/"}, ("sources[1].name", "sources[0] is called a already")),
        ({"name": "b"}, ("sources[1].url is missing",)),
        ({"name": "b", "url": "/a\x00/"}, ("sources[1].url", "\\x00")),
        ({"name": "b", "url": "/" + "a" * 4096}, ("sources[1].url", "4096 bytes")),
        ({"name": "b", "url": "/b/", "store": "a/b"}, ("sources[1].store",)),
        ({"name": "b", "url": "/b/", "store": 7}, ("sources[1].store", "log store")),
        ({"name": "b", "url": "/b/", "latest": 0}, ("sources[1].latest", "1 to 1000")),
        ({"name": "b", "url": "/b/", "latest": True}, ("sources[1].latest",)),
        ({"name": "b", "url": "/b/", "latest": 1.5}, ("sources[1].latest",)),
        ({"name": "b", "url": "/b/", "include": "x"}, ("sources[1].include", "an array")),
        ({"name": "b", "url": "/b/", "include": ["x"] * 21}, ("sources[1].include", "20 patterns")),
        ({"name": "b", "url": "/b/", "exclude": ["x", 1]}, ("sources[1].exclude[1]",)),
        ({"name": "b", "url": "/b/", "exclude": [""]}, ("sources[1].exclude[0]",)),
        ({"name": "b", "url": "/b/", "exclude": ["/x"]}, ("sources[1].exclude[0]", "no path below")),
        ({"name": "b", "url": "/b/", "exclude": ["a/../b"]}, ("sources[1].exclude[0]", "no path below")),
        ({"name": "b", "url": "/b/", "exclude": ["a**"]}, ("sources[1].exclude[0]", "**")),
        ({"name": "b", "url": "/b/", "exclude": ["**/a/" * 5 + "b"]}, ("sources[1].exclude[0]", "at most 4")),
        ({"name": "b", "url": "/b/", "exclude": ["x" * 257]}, ("sources[1].exclude[0]", "256 characters")),
        ({"name": "b", "url": "/b/", "exclude": ["a\ud800"]}, ("sources[1].exclude[0]",)),
    ],
)  # fmt: skip
def test_a_refusal_names_the_source_and_the_field(source: object, words: tuple[str, ...]) -> None:
    told = refusal(A, source)
    assert [word for word in words if word not in told] == [], told


@pytest.mark.parametrize(("sources", "words"), [([], "got 0"), ([A] * 51, "got 51")])
def test_their_number_is_bounded(sources: list[object], words: str) -> None:
    assert words in refusal(*sources)


@pytest.mark.parametrize("body", [b"{}", b'{"sources": null}', b'{"sources": {}}', b'{"sources": 1}'])
def test_a_change_needs_a_list(body: bytes) -> None:
    with pytest.raises(RequestError, match="sources"):
        sources_request(body)


def test_a_body_that_is_no_json_is_told_as_such() -> None:
    with pytest.raises(MalformedBody):
        sources_request(b"[")


def test_a_job_with_sources_needs_no_train_url() -> None:
    created = create_request(json.dumps({"job_name": "j", "sources": [A]}).encode(), OFFER)
    assert (created.train_url, created.sources) == ("/b/", asked(A))


@pytest.mark.parametrize("field", ["train_url", "store"])
def test_a_job_says_once_where_its_logs_are(field: str) -> None:
    with pytest.raises(RequestError, match=f"{field}: the job has sources"):
        create_request(json.dumps({"job_name": "j", "sources": [A], field: "x"}).encode(), OFFER)
