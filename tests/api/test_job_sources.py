"""A job's log sources through the API: attached and detached, never with a restart."""

from typing import Any

import pytest

from belvedere.contract.errors import LogSourceForbidden, LogSourceRefused
from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import Event
from belvedere.lifecycle.seen import Phase, Seen, SeenSource
from tests.support.api import Api

A, B = {"name": "a", "url": "/bucket/a/"}, {"name": "b", "url": "/bucket/b-*/", "latest": 2, "exclude": ["**/tmp"]}
NO_BUCKET = LogSourceRefused("There is no bucket none.", code="ModelArts.4311")


async def create(api: Api, *sources: dict[str, Any]) -> int:
    answer = await api.client.post("/visualization-jobs", json={"job_name": "j", "sources": sources})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["job_id"])


async def put(api: Api, job_id: int, *sources: dict[str, Any], **headers: str) -> Any:
    path = f"/visualization-jobs/{job_id}/sources"
    return await api.client.put(
        path, json={"sources": sources}, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


async def names(api: Api, job_id: int) -> list[str]:
    return [each["name"] for each in (await api.client.get(f"/visualization-jobs/{job_id}/sources")).json()["sources"]]


async def test_a_job_has_the_sources_that_it_was_given(api: Api) -> None:
    job_id = await create(api, A, B)
    details = await api.details(job_id)
    first, second = details["sources"]
    assert (first["name"], first["url"], first["latest"], first["progress"]) == ("a", "/bucket/a/", None, None)
    assert (second["latest"], second["exclude"], second["include"]) == (2, ["**/tmp"], [])
    assert details["train_url"] == "/bucket/a/"
    assert api.world.checked == ["/bucket/a/", "/bucket/b-*/"]


async def test_a_job_of_a_train_url_has_one_source_without_a_name(api: Api) -> None:
    job_id = await api.create(train_url="/bucket/run-1/")
    answer = await api.client.get(f"/visualization-jobs/{job_id}/sources")
    assert [(each["name"], each["url"]) for each in answer.json()["sources"]] == [("", "/bucket/run-1/")]
    assert answer.headers["ETag"] == '"1"'


async def test_sources_are_attached_and_detached_while_it_runs(api: Api) -> None:
    job_id = await api.running(train_url="/bucket/a/")
    answer = await put(api, job_id, A, B)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert await names(api, job_id) == ["a", "b"]
    await put(api, job_id, B)
    details = await api.details(job_id)
    assert (details["attempt"], details["status_name"], details["train_url"]) == (1, "RUNNING", "/bucket/b-*/")
    told: list[Event] = list(await api.store.events(job_id))
    assert [event.text for event in told if event.kind == "sources-changed"] == [
        "Attached log sources: b. The runs of /bucket/a/ are shown below a/ now.", "Detached log sources: a.",
    ]  # fmt: skip


async def test_only_new_places_are_asked(api: Api) -> None:
    job_id = await create(api, A)
    api.world.refused_urls = {"/bucket/a/": NO_BUCKET}  # it has gone since
    api.world.checked.clear()
    assert (await put(api, job_id, A, B)).status_code == 200
    assert api.world.checked == ["/bucket/b-*/"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(NO_BUCKET, 400, "ModelArts.4311"), (LogSourceForbidden("No."), 403, "ModelArts.4310")],
)
async def test_a_place_that_refuses_is_named_and_nothing_changes(
    api: Api, error: Exception, status: int, code: str
) -> None:
    job_id = await create(api, A)
    api.world.refused_urls = {"/bucket/b-*/": error}
    answer = await put(api, job_id, A, B)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json()["message"].startswith("sources[1]: ")
    assert await names(api, job_id) == ["a"]


async def test_a_change_made_on_old_knowledge_is_refused(api: Api) -> None:
    job_id = await create(api, A)
    await put(api, job_id, A, B, if_match='"1"')
    assert (await put(api, job_id, B, if_match='"1"')).status_code == 412
    assert await names(api, job_id) == ["a", "b"]


async def test_a_change_that_is_sent_twice_is_made_once(api: Api) -> None:
    job_id = await create(api, A)
    first, second = [await put(api, job_id, A, B, if_match='"1"') for _ in range(2)]
    assert (first.status_code, second.status_code, second.headers["ETag"]) == (200, 200, '"2"')


async def test_the_same_key_and_sources_give_the_same_job(api: Api) -> None:
    body = {"job_name": "j", "sources": [A, B]}
    answers = [
        await api.client.post("/visualization-jobs", json=each, headers={"Idempotency-Key": "k"})
        for each in (body, body, {**body, "sources": [B, A]})
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert len(await api.everything()) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "ModelArts.2787"),
        (b"[]", "ModelArts.2787"),
        (b"{}", "ModelArts.0104"),
        (b'{"sources": []}', "ModelArts.0104"),
        (b'{"sources": [{"name": "x"}]}', "ModelArts.0104"),
    ],
)
async def test_a_bad_change_is_refused(api: Api, body: bytes, code: str) -> None:
    job_id = await create(api, A)
    answer = await api.client.put(f"/visualization-jobs/{job_id}/sources", content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)
    assert await names(api, job_id) == ["a"]


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_the_sources_of_another_projects_job_do_not_exist(api: Api, method: str) -> None:
    job_id = await create(api, A)
    async with api.client_of("77b6a44cba5143ab91d13ab9a8ff44fd") as stranger:
        answer = await stranger.request(method, f"/visualization-jobs/{job_id}/sources", json={"sources": [B]})
    assert answer.status_code == 404


async def test_each_source_tells_how_it_stands(api: Api) -> None:
    job_id = await create(api, A, B)
    broken = Reason(code=ReasonCode.NO_SUCH_BUCKET, text="No such bucket.")
    copying, failed = SourceProgress(state="copying", files_done=1), SourceProgress(state="failed")
    seen = Seen(
        phase=Phase.READY,
        attempt=1,
        sources=(SeenSource(name="a", progress=copying), SeenSource(name="b", progress=failed, reason=broken)),
    )
    job = await api.store.find(job_id)
    assert job is not None
    api.board.put(job, seen)
    first, second = (await api.details(job_id))["sources"]
    assert (first["progress"]["files_done"], first["reason"]) == (1, None)
    assert second["reason"] == {"code": "NO_SUCH_BUCKET", "text": "No such bucket."}


async def test_a_search_finds_every_source(api: Api) -> None:
    job_id = await create(api, A, {"name": "b", "url": "/elsewhere/xyz/"})
    found = (await api.client.get("/visualization-jobs?search_content=xyz")).json()
    assert [job["job_id"] for job in found["jobs"]] == [job_id]
