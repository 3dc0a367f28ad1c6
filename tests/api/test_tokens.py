"""IAM v3 as clients use it: getting, showing and revoking tokens."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from belvedere.contract.identity import AddUser, ChangePassword, ChangeUser
from belvedere.identity.permissions import Role
from belvedere.identity.records import Caller, Member
from tests.support.api import OTHER_PROJECT, PROJECT, Api
from tests.support.identities import caller

PASSWORD = "correct horse ☃"
ROOT = caller("admin", PROJECT, None)


class Iam:
    """Ann, an editor in PROJECT, before /v3."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(api.app, raise_app_exceptions=False), base_url="http://api.example"
        )

    async def sign_in(self, scope: object = None, path: str = "/v3/auth/tokens", **user: Any) -> httpx2.Response:
        who = {"name": "ann", "password": PASSWORD, "domain": {"name": "account"}, **user}
        auth: dict[str, object] = {"identity": {"methods": ["password"], "password": {"user": who}}}
        body = json.dumps({"auth": {**auth, **({"scope": scope} if scope else {})}})
        return await self.client.post(path, content=body)

    async def rescope(self, token: str, scope: object = None) -> httpx2.Response:
        auth: dict[str, object] = {"identity": {"methods": ["token"], "token": {"id": token}}}
        return await self.client.post("/v3/auth/tokens", json={"auth": {**auth, **({"scope": scope} if scope else {})}})

    async def token(self, scope: object = None) -> str:
        answer = await self.sign_in(scope or IN_PROJECT)
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"]

    async def jobs(self, token: str, project_id: str = PROJECT) -> httpx2.Response:
        return await self.client.get(f"/v1/{project_id}/visualization-jobs", headers={"X-Auth-Token": token})

    async def look(self, token: str, subject: str, method: str = "GET") -> httpx2.Response:
        headers = {"X-Auth-Token": token, "X-Subject-Token": subject}
        return await self.client.request(method, "/v3/auth/tokens", headers=headers)


IN_PROJECT = {"project": {"id": PROJECT}}


@pytest.fixture
async def iam(api: Api) -> AsyncIterator[Iam]:
    await api.people.identities.add_user(ROOT, AddUser(name="ann", password=PASSWORD))
    await api.identities.put_member(Member(project_id=PROJECT, user="ann", role=Role.EDITOR))
    iam = Iam(api)
    async with iam.client:
        yield iam


@pytest.mark.parametrize(
    "scope",
    [IN_PROJECT, {"project": {"name": PROJECT[:4]}}, {"project": {"name": PROJECT[:4], "domain": {"id": "default"}}}],
)
async def test_a_password_opens_a_project(iam: Iam, scope: dict[str, Any]) -> None:
    answer = await iam.sign_in(scope)
    assert answer.status_code == 201
    token = answer.json()["token"]
    assert (token["user"]["name"], token["project"]["id"]) == ("ann", PROJECT)
    assert token["roles"] == [{"id": "editor", "name": "editor"}]
    assert (token["methods"], token["expires_at"]) == (["password"], "2026-01-03T03:04:05.000000Z")
    assert (await iam.jobs(answer.headers["X-Subject-Token"])).status_code == 200


async def test_the_catalog_leads_to_the_project(iam: Iam) -> None:
    catalog = (await iam.sign_in(IN_PROJECT)).json()["token"]["catalog"]
    entry = next(entry for entry in catalog if entry["type"] == "modelartsv1")
    endpoint = entry["endpoints"][0]
    assert (endpoint["interface"], endpoint["region"]) == ("public", "here")
    assert endpoint["url"] == f"http://api.example/v1/{PROJECT}"


@pytest.mark.parametrize("query", ["?nocatalog", "?nocatalog=true"])
async def test_the_catalog_can_be_left_out(iam: Iam, query: str) -> None:
    assert "catalog" not in (await iam.sign_in(IN_PROJECT, "/v3/auth/tokens" + query)).json()["token"]


@pytest.mark.parametrize(
    "scope", [None, {"unscoped": {}}, {"domain": {"name": "account"}}, {"domain": {"id": "default"}}]
)
async def test_without_a_project_a_token_opens_none(iam: Iam, scope: object) -> None:
    answer = await iam.sign_in(scope)
    refused = await iam.jobs(answer.headers["X-Subject-Token"])
    assert (answer.status_code, refused.status_code, refused.json()["error_code"]) == (201, 401, "ModelArts.0212")
    assert ("domain" in answer.json()["token"]) == bool(scope and "domain" in str(scope))


async def test_a_token_is_exchanged_for_one_with_another_scope_and_no_longer_life(iam: Iam) -> None:
    first = await iam.sign_in()
    iam.api.world.now += timedelta(hours=1)
    second = await iam.rescope(first.headers["X-Subject-Token"], IN_PROJECT)
    assert (second.status_code, second.json()["token"]["methods"]) == (201, ["password", "token"])
    assert second.json()["token"]["expires_at"] == first.json()["token"]["expires_at"]


async def test_a_token_that_never_ends_makes_one_that_does(iam: Iam) -> None:
    answer = await iam.rescope(iam.api.tokens[f"admin@{PROJECT}"], IN_PROJECT)
    assert answer.json()["token"]["expires_at"] == "2026-01-03T03:04:05.000000Z"
    assert answer.json()["token"]["roles"] == [{"id": "administrator", "name": "administrator"}]


async def test_a_token_ends_after_a_day(iam: Iam) -> None:
    token = await iam.token()
    iam.api.world.now += timedelta(hours=24)
    assert (await iam.jobs(token)).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"name": "nobody"},
        {"domain": {"name": "another"}},
        {"name": "ann ", "password": PASSWORD},
        {"password": PASSWORD + "\0"},
        {"password": "\ud800"},
        {"name": "", "id": "no-such-id"},
        {"name": "colleague", "password": ""},
    ],
)
async def test_wrong_credentials_are_answered_alike(iam: Iam, wrong: dict[str, Any]) -> None:
    answer = await iam.sign_in(IN_PROJECT, **wrong)
    if wrong.get("password") == "":
        assert answer.status_code == 400
        return
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (401, "ModelArts.0201")
    assert body["error"] == {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}
    assert "X-Subject-Token" not in answer.headers


async def test_nobody_costs_as_much_work_as_a_wrong_password(iam: Iam, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def verify(kept: str, password: str) -> bool:
        checked.append(kept.rsplit("$", 2)[0])
        return False

    monkeypatch.setattr("belvedere.identity.passwords._matches", verify)
    await iam.api.people.identities.add_user(ROOT, AddUser(name="robot", service=True))
    for name in ("ann", "nobody", "robot"):
        await iam.sign_in(IN_PROJECT, name=name, password="wrong")
    await iam.sign_in(IN_PROJECT, domain={"name": "another"})
    assert (len(checked), len(set(checked))) == (4, 1)


@pytest.mark.parametrize(
    "scope", [{"project": {"id": OTHER_PROJECT}}, {"project": {"id": "f" * 32}}, {"project": {"name": "no"}}]
)
async def test_a_project_that_is_not_ones_own_is_as_absent_as_none(iam: Iam, scope: object) -> None:
    answer = await iam.sign_in(scope)
    assert (answer.status_code, answer.json()["message"]) == (
        401,
        "The project does not exist, or this user has no role in it.",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"auth": 1}',
        b'{"auth": {"identity": {}}}',
        b'{"auth": {"identity": {"methods": "password"}}}',
        b'{"auth": {"identity": {"methods": ["password", "totp"]}}}',
        b'{"auth": {"identity": {"methods": ["password"]}}}',
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "ann"}}}}}',
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": 7, "password": "x"}}}}}',
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}}}',
        b'{"auth": {"identity": {"methods": ["token"], "token": {}}}}',
        b'{"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"project": {}}}}',
        b'{"auth": {"identity": {"methods": ["token"], "token": {"id": "%s"}}}}' % (b"x" * 2**20),
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "a", "password": "%s"}}}}}'
        % (b"p" * 2**20),
    ],
)
async def test_a_malformed_sign_in_is_told_what_is_wrong(iam: Iam, body: bytes) -> None:
    answer = await iam.client.post("/v3/auth/tokens", content=body)
    assert answer.status_code == 400, answer.text
    assert len(answer.json()["message"]) < 200


async def test_a_token_shows_itself(iam: Iam) -> None:
    token = await iam.token()
    shown, head = await iam.look(token, token), await iam.look(token, token, "HEAD")
    assert (shown.status_code, shown.json()["token"]["user"]["name"]) == (200, "ann")
    assert (head.status_code, head.content, head.headers["X-Subject-Token"]) == (200, b"", token)


async def test_a_token_of_somebody_else_is_shown_to_administrators_alone(iam: Iam) -> None:
    mine, theirs = await iam.token(), iam.api.tokens[f"admin@{PROJECT}"]
    assert (await iam.look(mine, theirs)).status_code == 404
    assert (await iam.look(mine, theirs, "DELETE")).status_code == 404
    assert (await iam.look(theirs, mine)).status_code == 200
    assert (await iam.look(mine, "unknown")).status_code == 404
    assert (await iam.look("unknown", mine)).status_code == 401


async def test_a_revoked_token_opens_nothing_at_once(iam: Iam) -> None:
    token = await iam.token()
    assert (await iam.jobs(token)).status_code == 200
    assert (await iam.look(token, token, "DELETE")).status_code == 204
    assert (await iam.jobs(token)).status_code == 401


async def test_projects_are_those_that_one_may_enter(iam: Iam) -> None:
    for path in ("/v3/projects", "/v3/auth/projects"):
        answer = await iam.client.get(path, headers={"X-Auth-Token": await iam.token()})
        assert [project["id"] for project in answer.json()["projects"]] == [PROJECT]
    admin = {"X-Auth-Token": iam.api.tokens[f"admin@{PROJECT}"]}
    found = await iam.client.get("/v3/projects", params={"name": OTHER_PROJECT[:4]}, headers=admin)
    assert [project["id"] for project in found.json()["projects"]] == [OTHER_PROJECT]


@pytest.mark.parametrize("path", ["/v3", "/v3/"])
async def test_the_version_is_found(iam: Iam, path: str) -> None:
    answer = await iam.client.get(path)
    assert answer.json()["version"]["links"][0]["href"] == "http://api.example/v3/"


async def test_the_root_lists_versions_to_programs(iam: Iam) -> None:
    answer = await iam.client.get("/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["versions"]["values"][0]["status"]) == (300, "stable")


async def test_a_disabled_user_has_nothing_left_at_once(iam: Iam) -> None:
    token, key = await iam.token(), await iam.api.keys.create("ann", iam.api.world.now)
    identities = iam.api.people.identities
    await identities.change_user(ROOT, "ann", ChangeUser(enabled=False))
    assert (await iam.jobs(token)).status_code == 401
    assert (await iam.sign_in(IN_PROJECT)).json()["message"] == "The username or password is wrong."
    await identities.change_user(ROOT, "ann", ChangeUser(enabled=True))
    assert (await iam.jobs(token)).status_code == 401
    assert await iam.api.keys.is_pair(key.key.access_key, key.secret_key)


async def test_a_new_password_ends_what_the_old_one_opened(iam: Iam) -> None:
    token = await iam.token()
    ann: Caller = caller("ann", PROJECT, Role.EDITOR)
    await iam.api.people.identities.change_password(ann, ChangePassword(password=PASSWORD, new_password="another one"))
    assert (await iam.jobs(token)).status_code == 401
    assert (await iam.sign_in(IN_PROJECT)).status_code == 401
    assert (await iam.sign_in(IN_PROJECT, password="another one")).status_code == 201


async def test_no_password_and_no_token_is_kept_as_it_is(iam: Iam) -> None:
    token = await iam.token()
    user = await iam.api.identities.find_user("ann")
    assert user
    assert user.password_hash.startswith("$argon2id$")
    assert token not in repr(user)
    assert user.password_hash not in repr(user)
