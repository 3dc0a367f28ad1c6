"""Who may do what, through the HTTP API: each role at each route, and each permission given to or taken from a role."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from belvedere.api.operation import Door
from belvedere.api.operations import OPERATIONS
from belvedere.contract.errors import PermissionDenied
from belvedere.identity import permissions
from belvedere.identity.permissions import ADMINISTRATOR, EVERYBODY, ROLES, Permission, Role
from belvedere.identity.records import Member, Principal, SecretKind
from tests.support.api import PROJECT, Api
from tests.support.identities import caller, enrol

IDENTITY = Path(__file__).parents[2] / "docs" / "reference" / "identity.md"
STORE = {"name": "mine", "endpoint": "https://minio.example", "access_key": "AK", "secret_key": "SK"}
JOB = {"job_name": "run-1", "train_url": "/bucket/run-1/"}

# For each operation that asks for a permission: the permission, and a body that is fine.
ASKS: Mapping[str, tuple[Permission, object]] = {
    "createVisualizationJob": (Permission.CREATE, JOB),
    "listVisualizationJobs": (Permission.LIST, None),
    "showVisualizationJob": (Permission.GET, None),
    "listVisualizationJobEvents": (Permission.GET, None),
    "showVisualizationJobLogs": (Permission.GET, None),
    "createVisualizationJobTicket": (Permission.GET, None),
    "updateVisualizationJob": (Permission.UPDATE, {"job_desc": "x"}),
    "setVisualizationJobSources": (Permission.UPDATE, {"sources": [{"url": "/bucket/run-1/", "name": "one"}]}),
    "listVisualizationJobSources": (Permission.GET, None),
    "deleteVisualizationJob": (Permission.DELETE, None),
    "stopVisualizationJob": (Permission.STOP, None),
    "restartVisualizationJob": (Permission.RESTART, None),
    "listLogSources": (Permission.BROWSE, None),
    "listLogStores": (Permission.READ_STORES, None),
    "showLogStore": (Permission.READ_STORES, None),
    "testLogStore": (Permission.TEST_STORES, {}),
    "addLogStore": (Permission.CHANGE_STORES, STORE),
    "updateLogStore": (Permission.CHANGE_STORES, {"region": "x"}),
    "removeLogStore": (Permission.CHANGE_STORES, None),
    "listMembers": (Permission.READ_MEMBERS, None),
    "setQuotas": (Permission.PROJECTS, {}),
    "showQuotas": (Permission.LIST, None),
    "listAuditTraces": (Permission.READ_AUDIT, None),
    "giveRole": (Permission.CHANGE_MEMBERS, {"role": "viewer"}),
    "removeMember": (Permission.CHANGE_MEMBERS, None),
    "listUsers": (Permission.USERS, None),
    "addUser": (Permission.USERS, {"name": "new"}),
    "showUser": (Permission.USERS, None),
    "changeUser": (Permission.USERS, {"administrator": False}),
    "listAllProjects": (Permission.PROJECTS, None),
    "addProject": (Permission.PROJECTS, {"name": "new"}),
    "changeProject": (Permission.PROJECTS, {"name": "renamed"}),
    "changeMyPassword": (Permission.OWN_PASSWORD, {"password": "x", "new_password": "long enough"}),
    "createTemporaryKey": (Permission.OWN_KEYS, {"auth": {"identity": {"methods": ["token"]}}}),
    "createAccessKey": (Permission.OWN_KEYS, {"credential": {}}),
    "listAccessKeys": (Permission.OWN_KEYS, None),
    "showAccessKey": (Permission.OWN_KEYS, None),
    "deleteAccessKey": (Permission.OWN_KEYS, None),
    "createVisualizationJobShare": (Permission.SHARE, {"expires_in": 3600}),
    "listVisualizationJobShares": (Permission.SHARE, None),
    "revokeVisualizationJobShare": (Permission.SHARE, None),
}
# Those that everybody may who is let in at all.
ASK_NOTHING = {
    "showMe",
    "showToken",
    "revokeToken",
    "listProjects",
    "listAuthProjects",
    "listDomains",
    "listVisualizationJobFlavors",
    "listViewerTypes",
}
# What no operation alone shows: it decides within one that asks for another, or the service asks for it elsewhere.
WITHIN = {Permission.SHARE_STORES, Permission.ANY_ADDRESS, Permission.READ_METRICS}
BY_NAME = {operation.name: operation for operation in OPERATIONS}


class Somebody:
    """A member with one role, before every route."""

    def __init__(self, api: Api, name: str, token: str) -> None:
        self.api = api
        self.name = name
        self.headers = {"X-Auth-Token": token}

    async def is_denied(self, name: str) -> bool:
        """Whether the operation is refused for want of a permission."""
        operation, (_, body) = BY_NAME[name], ASKS.get(name, (None, None))
        job_id = await self.api.running()
        await self.api.client.post("/log-stores", json={**STORE, "name": "there"})
        found = {
            "project_id": PROJECT,
            "job_id": str(job_id),
            "store_name": "there",
            "user_name": "colleague",
            "access_key": "A" * 20,
            "share_id": "1",
        }
        path = operation.path.format_map(found)
        query = {"url": "/bucket/"} if name == "listLogSources" else {}
        url = f"http://api.example{path}"
        answer = await self.api.client.request(operation.method, url, params=query, json=body, headers=self.headers)
        assert answer.status_code < 500, answer.text
        assert answer.status_code != 401, answer.text
        return answer.status_code == 403 and answer.json()["error_code"] == "ModelArts.0108"


async def somebody(api: Api, role: Role | None) -> Somebody:
    name = role.value if role else "root"
    await enrol(api.identities, name, PROJECT, role=role)
    principal = Principal(user=name, project_id=PROJECT)
    token = await api.people.gatekeeper.issue(SecretKind.TOKEN, principal, api.world.now, None)
    return Somebody(api, name, token)


@pytest.mark.parametrize(
    ("permission", "whom"),
    [
        (Permission.USERS, "an administrator"),
        (Permission.SHARE_STORES, "an administrator"),
        (Permission.CHANGE_MEMBERS, "an owner of the project"),
        (Permission.CREATE, "an owner of the project"),
    ],
)
def test_who_is_refused_is_told_whom_to_ask(permission: Permission, whom: str) -> None:
    with pytest.raises(PermissionDenied, match=rf"Ask {whom}\.$"):
        caller("ann", PROJECT, Role.VIEWER).require(permission)


def test_every_operation_says_what_it_asks_for() -> None:
    known = {operation.name for operation in OPERATIONS if operation.door is not Door.OPEN}
    assert known == ASKS.keys() | ASK_NOTHING
    assert {permission for permission, _ in ASKS.values()} | WITHIN == set(Permission)


@pytest.mark.parametrize("role", [*Role, None])
async def test_a_role_at_every_route(api: Api, role: Role | None) -> None:
    one = await somebody(api, role)
    allowed = ROLES[role] | EVERYBODY if role else ADMINISTRATOR
    denied = {name for name in (*ASKS, *ASK_NOTHING) if name != "revokeToken" and await one.is_denied(name)}
    assert denied == {name for name, (permission, _) in ASKS.items() if permission not in allowed}


@pytest.mark.parametrize("role", list(Role))
async def test_each_permission_that_a_role_gains_or_loses_shows(
    api: Api, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await somebody(api, role)
    probes = {permission: name for name, (permission, _) in ASKS.items() if permission not in EVERYBODY}
    for permission, name in probes.items():
        monkeypatch.setattr(permissions, "ROLES", {**ROLES, role: ROLES[role] ^ {permission}})
        api.people.gatekeeper.forget()
        assert await one.is_denied(name) == (permission in ROLES[role]), (permission, name)


def documented(column: int) -> set[str]:
    """The permissions that the reference ticks in this column."""
    ticked = set()
    for row in re.findall(
        r"^\| (`(?:modelarts|belvedere):[^|]*)((?:\|[^|\n]*){4})\|$", IDENTITY.read_text(), re.MULTILINE
    ):
        if "✓" in row[1].split("|")[column]:
            prefix = ""
            for word in re.findall(r"`([^`]+)`", row[0]):
                prefix = word.rpartition(":")[0] if not word.startswith(":") else prefix
                ticked.add(prefix + word if word.startswith(":") else word)
    return ticked


@pytest.mark.parametrize(("column", "role"), [(1, Role.VIEWER), (2, Role.EDITOR), (3, Role.OWNER)])
def test_the_reference_has_the_table_as_it_is(column: int, role: Role) -> None:
    assert documented(column) == set(ROLES[role] | EVERYBODY)
    assert documented(4) == set(ADMINISTRATOR)


@pytest.mark.parametrize("role", [*Role, None])
async def test_only_administrators_share_stores_and_name_any_address(api: Api, role: Role | None) -> None:
    one = await somebody(api, role)
    stores = f"http://api.example/v1/{PROJECT}/log-stores"
    shared = await api.client.post(stores, json={**STORE, "shared": True}, headers=one.headers)
    inward = {**STORE, "name": "inward", "endpoint": "http://127.0.0.1:9", "allow_http": True}
    near = await api.client.post(stores, json=inward, headers=one.headers)
    expected = (403, 403) if role in {Role.VIEWER, Role.EDITOR} else (403, 400) if role else (200, 200)
    assert (shared.status_code, near.status_code) == expected


async def test_a_job_shows_the_verbs_that_its_viewer_may_use(api: Api) -> None:
    one, job_id = await somebody(api, Role.VIEWER), await api.running()
    mine = await api.details(job_id)
    theirs = await api.client.get(f"/visualization-jobs/{job_id}", headers=one.headers)
    assert (sorted(mine["allowed"]), theirs.json()["allowed"]) == (["delete", "open", "stop", "update"], ["open"])


async def test_an_owner_manages_the_members_of_their_own_project_alone(api: Api) -> None:
    one = await somebody(api, Role.OWNER)
    other = "http://api.example/v1/identity/projects/77b6a44cba5143ab91d13ab9a8ff44fd/members"
    none = f"http://api.example/v1/identity/projects/{'f' * 32}/members"
    answers = [await api.client.get(url, headers=one.headers) for url in (other, none)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["message"] == answers[1].json()["message"]


async def test_what_is_not_ones_own_is_answered_as_what_is_not_there(api: Api) -> None:
    private = await api.create(visibility="private")
    await api.identities.put_member(Member(project_id=PROJECT, user="colleague", role=Role.OWNER))
    headers = {"X-Auth-Token": api.tokens[f"colleague@{PROJECT}"]}
    texts: dict[str, set[Any]] = {}
    for job_id in (private, 99999, 2**62):
        for method, rest in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/stop"), ("GET", "/logs")):
            url = f"http://api.example/v1/{PROJECT}/visualization-jobs/{job_id}{rest}"
            answer = await api.client.request(method, url, headers=headers, json={"job_desc": "x"})
            body = {key: value for key, value in answer.json().items() if key != "request_id"}
            kept = {name for name in answer.headers if name not in {"x-request-id", "content-length"}}
            texts.setdefault(method + rest, set()).add((answer.status_code, str(body), str(sorted(kept))))
    assert {place: len(found) for place, found in texts.items()} == dict.fromkeys(texts, 1)
