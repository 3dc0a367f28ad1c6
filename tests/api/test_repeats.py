"""The same request twice, at the same moment or later: Idempotency-Key, If-Match, races."""

import asyncio

import pytest

from belvedere.lifecycle.jobs import End, Job
from tests.support.api import PROJECT, Api, api_in_process

GOOD = {"job_name": "run-1", "train_url": "/bucket/run-1/"}
KEY = {"Idempotency-Key": "7f1c-1"}


async def test_the_same_key_and_body_give_the_same_job(api: Api) -> None:
    first = await api.client.post("/visualization-jobs", json=GOOD, headers=KEY)
    reordered = b'{ "train_url":"/bucket/run-1/", "job_desc":"", "job_name":"run-1" }'
    second = await api.client.post("/visualization-jobs", content=reordered, headers=KEY)
    assert second.status_code == 200
    assert second.json() == first.json()
    assert len(await api.everything()) == 1


async def test_the_same_key_with_another_body_is_a_conflict(api: Api) -> None:
    await api.client.post("/visualization-jobs", json=GOOD, headers=KEY)
    answer = await api.client.post("/visualization-jobs", json={**GOOD, "job_name": "other"}, headers=KEY)
    assert (answer.status_code, answer.json()["error_code"]) == (409, "ModelArts.2878")
    assert "new key" in answer.json()["message"]
    assert len(await api.everything()) == 1


async def test_one_user_never_gets_another_ones_job_by_a_key(api: Api) -> None:
    await api.client.post("/visualization-jobs", json={**GOOD, "visibility": "private"}, headers=KEY)
    async with api.client_of(PROJECT, "colleague") as colleague:
        answer = await colleague.post("/visualization-jobs", json={**GOOD, "visibility": "private"}, headers=KEY)
    assert answer.status_code == 409


async def test_a_key_is_good_for_a_day(api: Api) -> None:
    await api.client.post("/visualization-jobs", json=GOOD, headers=KEY)
    api.world.pass_time(hours=24, seconds=1)
    await api.client.post("/visualization-jobs", json=GOOD, headers=KEY)
    assert len(await api.everything()) == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    answer = await api.client.post("/visualization-jobs", json=GOOD, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert "Idempotency-Key" in answer.json()["message"]
    assert await api.everything() == []


async def test_the_same_create_at_the_same_moment_makes_one_job(api: Api) -> None:
    requests = [api.client.post("/visualization-jobs", json=GOOD, headers=KEY) for _ in range(8)]
    answers = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["job_id"] for answer in answers}) == 1


@pytest.mark.parametrize("verb", ["stop", "restart"])
async def test_of_the_same_verb_at_the_same_moment_one_wins(api: Api, verb: str) -> None:
    job_id = await (api.running() if verb == "stop" else api.ended())
    answers = await asyncio.gather(*[api.client.post(f"/visualization-jobs/{job_id}/{verb}") for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    assert {answer.json().get("error_code") for answer in answers} == {None, "ModelArts.0105"}


async def test_many_updates_at_the_same_moment_are_all_made(api: Api) -> None:
    job_id = await api.running()
    path = f"/visualization-jobs/{job_id}"
    answers = await asyncio.gather(*[api.client.put(path, json={"job_desc": f"{n}"}) for n in range(40)])
    assert {answer.status_code for answer in answers} == {200}
    assert (await api.client.get(path)).headers["ETag"] == '"41"'


async def test_a_write_in_between_does_not_lose_a_request(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await api.running()
    read = api.store.get

    async def read_then_be_overtaken(project_id: str, job_id: int) -> Job | None:
        job = await read(project_id, job_id)
        monkeypatch.setattr(api.store, "get", read)
        await api.write(job_id, description="written by another")
        return job

    monkeypatch.setattr(api.store, "get", read_then_be_overtaken)
    assert (await api.client.post(f"/visualization-jobs/{job_id}/stop")).status_code == 200
    details = await api.details(job_id)
    assert (details["status"], details["job_desc"]) == (9, "written by another")


async def test_the_etag_changes_with_every_change_of_a_user(api: Api) -> None:
    job_id = await api.create()
    path = f"/visualization-jobs/{job_id}"
    assert (await api.client.get(path)).headers["ETag"] == '"1"'
    assert (await api.client.put(path, json={"job_desc": "new"})).headers["ETag"] == '"2"'
    assert (await api.client.put(path, json={"job_desc": "new"})).headers["ETag"] == '"2"'
    assert (await api.client.get(path)).headers["ETag"] == '"2"'


@pytest.mark.parametrize("if_match", ['"1"', "*", '"7", "1"'])
async def test_a_change_with_the_right_etag_is_made(api: Api, if_match: str) -> None:
    job_id = await api.create()
    headers = {"If-Match": if_match}
    answer = await api.client.put(f"/visualization-jobs/{job_id}", json={"job_desc": "new"}, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("if_match", ['"2"', 'W/"1"', "1", "nonsense", ""])
@pytest.mark.parametrize("verb", ["update", "stop", "restart", "delete"])
async def test_a_change_with_another_etag_is_not_made(api: Api, verb: str, if_match: str) -> None:
    job_id = await (api.ended(End.USER) if verb == "restart" else api.create())
    before, headers = await api.everything(), {"If-Match": if_match}
    path = f"/visualization-jobs/{job_id}"
    match verb:
        case "update":
            answer = await api.client.put(path, json={"job_desc": "new"}, headers=headers)
        case "delete":
            answer = await api.client.delete(path, headers=headers)
        case _:
            answer = await api.client.post(f"{path}/{verb}", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (412, "ModelArts.2878")
    assert await api.everything() == before


async def test_a_full_project_is_told_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with api_in_process(tmp_path_factory.mktemp("full"), quota=1) as api:
        await api.create()
        answer = await api.client.post("/visualization-jobs", json=GOOD)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0118")
        assert len(await api.everything()) == 1
        assert (await api.client.get("/visualization-jobs")).json()["job_count_limit"] == 0
