"""Whatever comes in, the service answers for it: never a 5xx, always the documented shape."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import Api, api_in_process

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=30),
    st.sampled_from(["stop", "HOURS", "run-1", "/bucket/run-1/", "tensorboard", "0", "default", "private"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
FIELDS = st.sampled_from(
    [
        "job_name",
        "train_url",
        "job_desc",
        "job_type",
        "flavor",
        "schedule",
        "workspace_id",
        "tags",
        "visibility",
        "sources",
        "x",
    ]
)
PARAMETERS = st.sampled_from(
    ["status", "per_page", "page", "sortBy", "sort_by", "order", "search_content", "workspace_id", "tag", "owner",
     "job_type", "created_from", "created_before", "marker", "x"]
)  # fmt: skip
SCHEDULES = st.fixed_dictionaries(
    {}, optional={"type": SCALARS, "time_unit": SCALARS, "timeUnit": SCALARS, "duration": SCALARS}
)
BODIES = st.dictionaries(FIELDS, VALUES, max_size=6)
NEARLY_GOOD = st.builds(
    lambda extra, schedule: {"job_name": "run-1", "train_url": "/b/", **extra, "schedule": schedule}, BODIES, SCHEDULES
)
SOURCES = st.fixed_dictionaries(
    {"name": SCALARS | st.sampled_from(["a", "b"]), "url": SCALARS},
    optional={"include": VALUES, "exclude": VALUES, "latest": SCALARS, "store": SCALARS},
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Synchronous:
    """The API behind a loop of its own, since a property test is no coroutine."""

    def __init__(self, runner: asyncio.Runner, api: Api) -> None:
        self._runner = runner
        self.api = api

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self._runner.run(self._request(method, path, options))

    async def _request(self, method: str, path: str, options: dict[str, Any]) -> httpx2.Response:
        return await self.api.client.request(method, path, **options)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Synchronous]:
    with asyncio.Runner() as runner:
        opened = api_in_process(tmp_path, quota=100_000)
        api = runner.run(_enter(opened))
        yield Synchronous(runner, api)
        runner.run(_leave(opened))


async def _enter(opened: Any) -> Api:
    api: Api = await opened.__aenter__()
    return api


async def _leave(opened: Any) -> None:
    await opened.__aexit__(None, None, None)


def check(answer: httpx2.Response) -> None:
    assert answer.status_code < 500, answer.text
    assert answer.json()["is_success"] is (answer.status_code == 200)


@QUICK
@given(body=BODIES | NEARLY_GOOD | VALUES)
def test_any_json_is_created_or_refused(client: Synchronous, body: object) -> None:
    check(client.request("POST", "/visualization-jobs", content=json.dumps(body).encode("utf-8", "surrogatepass")))


@QUICK
@given(body=st.binary(max_size=64))
def test_any_bytes_are_refused(client: Synchronous, body: bytes) -> None:
    assert client.request("POST", "/visualization-jobs", content=body).status_code == 400


@QUICK
@given(pairs=st.lists(st.tuples(PARAMETERS, st.text(max_size=20) | st.integers().map(str)), max_size=5))
def test_any_query_is_answered_or_refused(client: Synchronous, pairs: list[tuple[str, str]]) -> None:
    check(client.request("GET", "/visualization-jobs", params=pairs))


@QUICK
@given(body=BODIES)
def test_any_update_is_made_or_refused(client: Synchronous, body: dict[str, object]) -> None:
    created = client.request("POST", "/visualization-jobs", json={"job_name": "a", "train_url": "/b/"}).json()
    check(client.request("PUT", f"/visualization-jobs/{created['job_id']}", content=json.dumps(body).encode()))


@QUICK
@given(sources=st.lists(SOURCES, max_size=3) | VALUES)
def test_any_sources_are_taken_or_refused(client: Synchronous, sources: object) -> None:
    body = json.dumps({"job_name": "a", "sources": sources}).encode("utf-8", "surrogatepass")
    check(client.request("POST", "/visualization-jobs", content=body))
    check(client.request("PUT", "/visualization-jobs/1/sources", content=body))


@QUICK
@given(job_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_job_id_is_answered(client: Synchronous, job_id: str) -> None:
    check(client.request("GET", f"/visualization-jobs/{quote(job_id, safe='')}"))
