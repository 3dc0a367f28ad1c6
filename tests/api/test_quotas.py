"""Quotas of projects: who sets them, and that they hold however many ask at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from belvedere.contract.audit import TraceName
from tests.support.api import OTHER_PROJECT, PROJECT, Api, api_in_process

QUOTAS = f"http://api.example/v1/identity/projects/{PROJECT}/quotas"
JOB = {"job_name": "run-1", "train_url": "/bucket/run-1/"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api_in_process(tmp_path, quota=5) as api:
        yield api


async def set_quotas(api: Api, **quotas: Any) -> httpx2.Response:
    return await api.client.put(QUOTAS, json=quotas)


async def limits(client: httpx2.AsyncClient) -> tuple[int, int]:
    found = (await client.get("/visualization-jobs")).json()
    return found["quotas"], found["job_count_limit"]


async def test_the_settings_count_until_an_administrator_says_otherwise(api: Api) -> None:
    assert (await api.client.get(QUOTAS)).json() == {
        "is_success": True,
        "project_id": PROJECT,
        "jobs": 5,
        "jobs_used": 0,
        "running_jobs": None,
        "awake_viewers": None,
        "memory_bytes": None,
        "mirror_bytes": None,
        "defaults": ["jobs", "running_jobs", "awake_viewers", "memory_bytes", "mirror_bytes"],
    }
    answer = (await set_quotas(api, jobs=7)).json()
    assert (answer["jobs"], answer["running_jobs"], answer["defaults"][0]) == (7, None, "running_jobs")
    assert (await set_quotas(api)).json()["defaults"][:2] == ["jobs", "running_jobs"]


async def test_the_list_tells_the_projects_own_quota_and_what_is_left(api: Api) -> None:
    await set_quotas(api, jobs=3)
    await api.create()
    assert await limits(api.client) == (3, 2)
    async with api.client_of(OTHER_PROJECT) as other:
        assert await limits(other) == (5, 5)
    await set_quotas(api, jobs=0)
    assert await limits(api.client) == (0, 0)


async def test_forty_creates_at_once_never_exceed_the_quota(api: Api) -> None:
    await set_quotas(api, jobs=7)
    answers = await asyncio.gather(*(api.client.post("/visualization-jobs", json=JOB) for _ in range(40)))
    codes = [answer.status_code for answer in answers]
    assert (codes.count(200), codes.count(400)) == (7, 33)
    assert {answer.json()["error_code"] for answer in answers if answer.status_code == 400} == {"ModelArts.0118"}
    assert await limits(api.client) == (7, 0)
    told = await api.traces(project_id=PROJECT, name=TraceName.CREATE_JOB)
    assert [trace.rating for trace in told].count("normal") == 7


async def test_an_owner_sees_the_quotas_and_does_not_set_them(api: Api) -> None:
    async with api.client_of(PROJECT, "colleague") as owner:
        assert (await owner.get(QUOTAS)).status_code == 200
        assert (await owner.put(QUOTAS, json={"jobs": 1000})).status_code == 403
        other = QUOTAS.replace(PROJECT, OTHER_PROJECT)
        assert {(await owner.get(other)).status_code, (await owner.put(other, json={})).status_code} == {403}
    assert await limits(api.client) == (5, 5)


async def test_who_set_them_is_told(api: Api) -> None:
    await set_quotas(api, jobs=3, running_jobs=2)
    (trace,) = await api.traces(name=TraceName.UPDATE_QUOTAS)
    assert (trace.user, trace.resource_id, trace.message) == ("admin", PROJECT, "jobs=3 running_jobs=2")


async def test_a_project_that_is_not_there_has_none(api: Api) -> None:
    nowhere = QUOTAS.replace(PROJECT, "0" * 32)
    assert (await api.client.get(nowhere)).status_code == 404
    assert (await api.client.put(nowhere, json={"jobs": 1})).status_code == 404


@pytest.mark.parametrize(
    "quotas", [{"jobs": -1}, {"jobs": "many"}, {"jobs": True}, {"running_jobs": 1.5}, {"jobs": 10**9}, {"cats": 1}]
)
async def test_a_wrong_quota_is_named(api: Api, quotas: dict[str, Any]) -> None:
    answer = await set_quotas(api, **quotas)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert next(iter(quotas)) in answer.json()["error_message"]
