"""The audit: what leaves a trace, what is in it, and who may read it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from belvedere.contract.audit import TraceName
from belvedere.identity.permissions import Role
from belvedere.identity.records import Principal, SecretKind
from tests.support.api import OTHER_PROJECT, PROJECT, Api, api_in_process
from tests.support.identities import enrol

PASSWORD = "correct-horse-battery"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api_in_process(tmp_path) as api:
        yield api


async def told(api: Api, **wanted: Any) -> list[dict[str, Any]]:
    answer = await api.client.get("/audit", params={"order": "asc", **wanted})
    assert answer.status_code == 200, answer.text
    traces: list[dict[str, Any]] = answer.json()["traces"]
    return traces


async def at_root(api: Api, method: str, path: str, **request: Any) -> httpx2.Response:
    """A request to a path that names no project."""
    return await api.client.request(method, f"http://api.example{path}", **request)


async def test_the_verbs_of_a_job_bear_the_names_of_cts(api: Api) -> None:
    job_id = await api.running()
    path = f"/visualization-jobs/{job_id}"
    await api.client.put(path, json={"job_desc": "A word."})
    await api.client.post(f"{path}/stop")
    await api.ended()
    await api.client.post("/visualization-jobs/2/restart")
    await api.client.delete("/visualization-jobs/2")
    assert [trace["trace_name"] for trace in await told(api)] == [
        "createModelArtsTensorboardJob",
        "updateModelArtsTensorboardDesc",
        "stopModelArtsTensorboardJob",
        "createModelArtsTensorboardJob",
        "restartModelArtsgTensorboardJob",
        "deleteModelArtsTensorboardJob",
    ]


async def test_a_trace_says_who_did_what_to_which_job_from_where(api: Api) -> None:
    answer = await api.client.post(
        "/visualization-jobs",
        json={"job_name": "run-1", "train_url": "/bucket/run-1/"},
        headers={"X-Request-Id": "asked-1"},
    )
    (trace,) = await told(api)
    assert trace == {
        "trace_id": 1,
        "time": 1767323045000,
        "trace_name": "createModelArtsTensorboardJob",
        "trace_rating": "normal",
        "resource_type": "ModelArtsTensorboardJob",
        "resource_id": str(answer.json()["job_id"]),
        "resource_name": "run-1",
        "project_id": PROJECT,
        "user": "admin",
        "signed_by": "token",
        "source_ip": "127.0.0.1",
        "request_id": "asked-1",
        "code": "",
        "message": "",
    }


async def test_what_is_refused_is_told_with_its_code(api: Api) -> None:
    await api.client.post("/visualization-jobs/4711/stop")
    job_id = await api.ended()
    await api.client.post(f"/visualization-jobs/{job_id}/stop")
    found = [
        (trace["resource_id"], trace["resource_name"], trace["code"], trace["message"])
        for trace in await told(api, trace_rating="warning")
    ]
    gone = "The job does not exist in this project. List the jobs to see which do."
    assert found == [
        ("4711", "", "ModelArts.0015", gone),
        (str(job_id), "run-1", "ModelArts.0105", "This job can't be stop. job status: 12"),
    ]


async def test_what_somebody_may_not_do_is_told(api: Api) -> None:
    await enrol(api.identities, "guest", PROJECT, role=Role.VIEWER)
    job_id = await api.create()
    client = await client_of(api, "guest")
    assert (await client.delete(f"/visualization-jobs/{job_id}")).status_code == 403
    (trace,) = await told(api, user="guest")
    assert (trace["trace_name"], trace["code"]) == ("deleteModelArtsTensorboardJob", "ModelArts.0108")


async def client_of(api: Api, user: str) -> httpx2.AsyncClient:
    principal = Principal(user=user, project_id=PROJECT)
    token = await api.people.gatekeeper.issue(SecretKind.TOKEN, principal, api.world.now, None)
    api.tokens[f"{user}@{PROJECT}"] = token
    return api.client_of(PROJECT, user)


async def test_the_same_request_again_changes_nothing_and_is_told_again(api: Api) -> None:
    for _ in range(2):
        await api.client.post(
            "/visualization-jobs",
            json={"job_name": "run-1", "train_url": "/bucket/run-1/"},
            headers={"Idempotency-Key": "k"},
        )
    assert [(trace["resource_id"], trace["trace_rating"]) for trace in await told(api)] == [("1", "normal")] * 2


async def test_users_keys_projects_and_roles_are_told(api: Api) -> None:
    user = {"name": "ben", "password": PASSWORD}
    await at_root(api, "POST", "/v1/identity/users", json=user)
    await at_root(api, "PUT", "/v1/identity/users/ben", json={"enabled": False, "password": PASSWORD + "2"})
    await at_root(api, "POST", "/v1/identity/projects", json={"name": "vision"})
    await at_root(api, "PUT", f"/v1/identity/projects/{PROJECT}/members/ben", json={"role": "editor"})
    await at_root(api, "DELETE", f"/v1/identity/projects/{PROJECT}/members/ben")
    key = (await at_root(api, "POST", "/v3.0/OS-CREDENTIAL/credentials", json={"credential": {}})).json()["credential"]
    await at_root(api, "DELETE", f"/v3.0/OS-CREDENTIAL/credentials/{key['access']}")
    assert [(trace["trace_name"], trace["resource_id"], trace["message"]) for trace in await told(api)] == [
        ("createUser", "ben", "password=set service=false administrator=false"),
        ("updateUser", "ben", "enabled=false password=set"),
        ("createProject", (await told(api))[2]["resource_id"], ""),
        ("grantRole", "ben", "editor"),
        ("revokeRole", "ben", ""),
        ("createAccessKey", key["access"], ""),
        ("deleteAccessKey", key["access"], ""),
    ]


async def test_log_stores_are_told(api: Api) -> None:
    store = {"name": "mine", "endpoint": "https://obs.example", "access_key": "AK", "secret_key": "hush-hush"}
    await api.client.post("/log-stores", json=store)
    await api.client.put("/log-stores/mine", json={"access_key": "AK", "secret_key": "hush-hush-2"})
    await api.client.delete("/log-stores/mine")
    assert [trace["trace_name"] for trace in await told(api)] == ["createLogStore", "updateLogStore", "deleteLogStore"]
    assert {trace["resource_id"] for trace in await told(api)} == {"mine"}


def sign_in(user: str, password: str) -> dict[str, Any]:
    who = {"name": user, "password": password, "domain": {"name": "Account"}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": who}}}}


async def test_signing_in_is_told_and_so_is_a_wrong_password(api: Api) -> None:
    await at_root(api, "POST", "/v1/identity/users", json={"name": "ben", "password": PASSWORD})
    for password in (PASSWORD, "wrong-password"):
        await at_root(api, "POST", "/v3/auth/tokens", json=sign_in("ben", password))
    found = await told(api, trace_name="login", all_projects="true")
    assert [(trace["user"], trace["signed_by"], trace["code"]) for trace in found] == [
        ("ben", "password", ""),
        ("ben", "password", "ModelArts.0201"),
    ]


async def test_a_name_that_nobody_has_is_not_kept_because_it_may_be_a_password(api: Api) -> None:
    await at_root(api, "POST", "/v3/auth/tokens", json=sign_in("typed-in-the-wrong-field", "x" * 8))
    (trace,) = await told(api, trace_name="login", all_projects="true")
    assert (trace["user"], trace["resource_id"], trace["trace_rating"]) == ("", "", "warning")


async def test_opening_a_viewer_is_told(api: Api) -> None:
    job_id = await api.running()
    await api.client.post(f"/visualization-jobs/{job_id}/ticket")
    assert (await told(api))[-1]["trace_name"] == "openModelArtsTensorboardJob"


async def test_a_project_sees_its_own_traces_only(api: Api) -> None:
    await api.create()
    async with api.client_of(OTHER_PROJECT) as other:
        assert (await other.get("/audit")).json()["traces"] == []
        everything = (await other.get("/audit", params={"all_projects": "true"})).json()["traces"]
    assert [trace["project_id"] for trace in everything] == [PROJECT]


async def test_an_owner_reads_the_projects_audit_and_no_other(api: Api) -> None:
    async with api.client_of(PROJECT, "colleague") as owner:
        assert (await owner.get("/audit")).status_code == 200
        answer = await owner.get("/audit", params={"all_projects": "true"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ModelArts.0108")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
async def test_who_works_in_a_project_does_not_read_its_audit(api: Api, role: Role) -> None:
    await enrol(api.identities, "worker", PROJECT, role=role)
    client = await client_of(api, "worker")
    assert (await client.get("/audit")).status_code == 403


async def test_pages_lead_from_one_to_the_next(api: Api) -> None:
    for number in range(5):
        await api.create(f"run-{number}")
    pages, marker = [], None
    while True:
        page = (await api.client.get("/audit", params={"limit": 2, **({"marker": marker} if marker else {})})).json()
        pages.append([trace["resource_name"] for trace in page["traces"]])
        marker = page["next_marker"]
        if marker is None:
            break
    assert pages == [["run-4", "run-3"], ["run-2", "run-1"], ["run-0"]]


@pytest.mark.parametrize(
    "query",
    [
        {"trace_name": "readMinds"},
        {"trace_rating": "grave"},
        {"resource_type": "Cat"},
        {"order": "sideways"},
        {"limit": "0"},
        {"limit": "1001"},
        {"marker": "x"},
        {"time_from": "yesterday"},
        {"all_projects": "perhaps"},
    ],
    ids=str,
)
async def test_a_wrong_condition_is_named(api: Api, query: dict[str, str]) -> None:
    answer = await api.client.get("/audit", params=query)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert answer.json()["error_message"].startswith(next(iter(query)))


async def test_conditions_of_the_query_count_together(api: Api) -> None:
    for _ in range(2):
        await api.create()
    await api.client.post("/visualization-jobs/2/stop")
    found = await told(api, job_id="2", trace_name=TraceName.STOP_JOB.value, user="admin", source_ip="127.0.0.1")
    assert [trace["resource_id"] for trace in found] == ["2"]


async def test_no_secret_gets_into_the_audit(api: Api) -> None:
    await api.create(train_url="/bucket/run-1/")
    store = {"name": "mine", "endpoint": "https://obs.example", "access_key": "AK", "secret_key": "hush-hush"}
    await api.client.post("/log-stores", json=store)
    await at_root(api, "POST", "/v1/identity/users", json={"name": "ben", "password": PASSWORD})
    await at_root(api, "POST", "/v3/auth/tokens", json=sign_in("ben", PASSWORD))
    made = (await at_root(api, "POST", "/v3.0/OS-CREDENTIAL/credentials", json={"credential": {}})).json()["credential"]
    ticket = (await api.client.post("/visualization-jobs/1/ticket")).json()["url"].partition("ticket=")[2]
    share = (await api.client.post("/visualization-jobs/1/shares", json={"password": PASSWORD})).json()["url"]
    everything = (await api.client.get("/audit", params={"all_projects": "true"})).text
    secrets = ["hush-hush", PASSWORD, made["secret"], share.rpartition("/")[2], *api.tokens.values(), ticket]
    assert all(secrets)
    assert [secret for secret in secrets if secret and secret in everything] == []


async def test_a_project_that_was_not_made_has_no_id(api: Api) -> None:
    for _ in range(2):
        await at_root(api, "POST", "/v1/identity/projects", json={"name": "new"})
    made, refused = (await told(api, all_projects="true"))[-2:]
    assert (len(made["resource_id"]), refused["resource_id"], refused["resource_name"]) == (32, "", "new")
