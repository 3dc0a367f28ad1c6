"""Looking for logs through the API: what is asked, what is answered, what is refused."""

import pytest

from belvedere.contract.errors import InvalidLogUrl, LogSourceForbidden, LogSourceRefused, RequestError, Unavailable
from belvedere.contract.log_sources import LogFolder, ValidBrowse, url_below
from tests.support.api import Api


async def test_folders_are_answered_with_what_was_asked(api: Api) -> None:
    api.world.folders = [LogFolder(name="run-1", url="/bucket/run-1/", has_logs=True)]
    answer = await api.client.get("/log-sources?url=/bucket/&begins=run-&store=minio&page_size=7&marker=m")
    assert answer.json()["folders"] == [{"name": "run-1", "url": "/bucket/run-1/", "has_logs": True}]
    assert api.world.browsed == ValidBrowse(url="/bucket/", begins="run-", store="minio", page_size=7, marker="m")


@pytest.mark.parametrize("url", ["/bucket/a b/", "obs://bucket/50%/", "/bucket/ü/", "/bucket/a+b/"])
async def test_a_url_comes_through_as_it_was_meant(api: Api, url: str) -> None:
    await api.client.get("/log-sources", params={"url": url})
    assert api.world.browsed is not None
    assert api.world.browsed.url == url


@pytest.mark.parametrize(
    ("url", "below"),
    [("/b/", "/b/x/"), ("b", "b/x/"), ("obs://b/p/", "obs://b/p/x/"), ("file:///logs", "file:///logs/x/")],
)
def test_a_folder_below_is_spelt_as_the_place_was(url: str, below: str) -> None:
    assert url_below(url, "x") == below


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", ("url is missing", "/bucket/prefix/")),
        ("url=", ("url is missing",)),
        ("url=%20", ("url is missing",)),
        ("url=/a/&url=/b/", ("url", "Send one")),
        ("url=/a%00/", ("url", "\\x00")),
        (f"url=/{'a' * 4096}", ("url", "4096 bytes")),
        ("url=/a/&store=a/b", ("store", "letters")),
        ("url=/a/&page_size=0", ("page_size", "1 to 200", "got 0")),
        ("url=/a/&page_size=201", ("page_size", "201")),
        ("url=/a/&page_size=many", ("page_size", "many")),
        (f"url=/a/&marker={'m' * 5000}", ("marker", "next_marker")),
        ("url=/a/&begins=b/c", ("begins", "slash")),
        ("url=/a/&begins=%00", ("begins", "\\x00")),
        (f"url=/a/&begins={'b' * 1025}", ("begins", "1024 bytes")),
    ],
)
async def test_a_bad_question_is_refused_by_name(api: Api, query: str, words: tuple[str, ...]) -> None:
    answer = await api.client.get(f"/log-sources?{query}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert [word for word in words if word not in answer.json()["message"]] == [], answer.json()["message"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidLogUrl("no"), 400, "ModelArts.2791"),
        (LogSourceRefused("no", code="ModelArts.4311"), 400, "ModelArts.4311"),
        (LogSourceForbidden("no"), 403, "ModelArts.4310"),
        (RequestError("no"), 400, "ModelArts.0104"),
        (Unavailable("no"), 503, "ModelArts.6101"),
    ],
)
async def test_refusals_are_those_of_create(api: Api, error: Exception, status: int, code: str) -> None:
    api.world.source_says = error
    answer = await api.client.get("/log-sources?url=/bucket/")
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
