"""What is done to hide in the audit, or to write into it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from belvedere.api.envelope import Envelope
from belvedere.api.throttle import Throttle
from belvedere.identity.acts import WHENCE, one_line
from belvedere.identity.addresses import Proxies, networks
from belvedere.identity.rates import Rates
from belvedere.server.edge import Edge, EdgeRules
from tests.support.api import OTHER_PROJECT, PROJECT, Api, api_in_process

LINES = {
    "a line feed": 'x\n{"trace_name": "login", "user": "mallory"}',
    "a carriage return": "x\rlogin mallory",
    "a line separator": "x\u2028login mallory",
    "a next line": "x\x85login mallory",
    "a NUL": "x\x00y",
    "an escape sequence": "x\x1b[2J\x1b[31mlogin",
    "text that runs backwards": "x\u202eyrollam",
    "half a letter": "x\ud83d",
    "a mile of text": "x" * 100_000,
}
HEADERS = {
    "a quote and a brace": 'x", "user": "mallory',
    "a long id": "x" * 65,
    "a letter beyond ASCII": "caf\u00e9",
    "a blank": "x y",
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api_in_process(tmp_path) as api:
        yield api


@pytest.mark.parametrize("text", LINES.values(), ids=LINES)
def test_no_text_begins_a_line_of_its_own(text: str) -> None:
    told = one_line(text)
    assert len(told) <= 256
    assert told.splitlines() == [told]
    assert told.isprintable()
    told.encode()


@pytest.mark.parametrize("text", LINES.values(), ids=LINES)
async def test_a_name_is_told_on_one_line_or_not_at_all(api: Api, text: str) -> None:
    body = json.dumps({"job_name": text, "train_url": "/bucket/run-1/"})
    answer = await api.client.post("/visualization-jobs", content=body)
    assert answer.status_code == 400
    await api.client.post("/visualization-jobs", json={"job_name": "ok", "train_url": "/bucket/run-1/"})
    assert [trace.resource_name for trace in await api.traces()] == ["ok"]


@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS)
async def test_a_request_id_of_strangers_is_replaced(api: Api, text: str) -> None:
    await api.client.post("/visualization-jobs/1/stop", headers=[(b"X-Request-Id", text.encode())])
    (trace,) = await api.traces()
    assert len(trace.request_id) == 32
    assert text not in trace.request_id


async def test_whoever_writes_a_proxys_header_is_told_by_their_own_address(api: Api) -> None:
    seen = await _address_behind(forwarded="203.0.113.9", trusted="10.0.0.0/8")
    assert seen == "192.0.2.66"


async def test_behind_our_proxy_the_clients_address_is_told(api: Api) -> None:
    assert await _address_behind(forwarded="203.0.113.9", trusted="192.0.2.0/24") == "203.0.113.9"


async def _address_behind(*, forwarded: str, trusted: str) -> str:
    """The address that would be told of a request from 192.0.2.66 with that X-Forwarded-For."""
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        whence = WHENCE.get()
        told.append(whence.address if whence else "")

    rules = EdgeRules(names=frozenset(), is_secure=False, proxies=Proxies(networks=networks([trusted])))
    edge = Edge(Envelope(app, lambda *_: None, Throttle(Rates())), rules)
    headers = [(b"host", b"api.example"), (b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": headers, "client": ("192.0.2.66", 5)}
    await edge(scope, _nothing, _drop)
    return told[0]


async def _nothing() -> dict[str, str]:
    return {"type": "http.disconnect"}


async def _drop(message: object) -> None:
    del message


async def test_looking_for_other_projects_jobs_leaves_traces_and_learns_nothing(api: Api) -> None:
    job_id = await api.create()
    async with api.client_of(OTHER_PROJECT) as other:
        answers = [(await other.post(f"/visualization-jobs/{each}/stop")).json() for each in (job_id, 4711)]
    assert answers[0]["error_message"] == answers[1]["error_message"]
    told = [(trace.resource_id, trace.resource_name) for trace in await api.traces(project_id=OTHER_PROJECT)]
    assert told == [(str(job_id), ""), ("4711", "")]


async def test_nobody_removes_a_trace_by_the_api(api: Api) -> None:
    await api.create()
    methods = ("DELETE", "PUT", "POST", "PATCH")
    assert {(await api.client.request(method, "/audit")).status_code for method in methods} == {405}
    assert len(await api.traces(project_id=PROJECT)) == 1
