"""Share links through the API: made, listed, revoked; by whom."""

from typing import Any

import pytest

from belvedere.contract.audit import TraceName
from belvedere.contract.shares import MOST
from belvedere.identity.permissions import Role
from belvedere.identity.records import Member
from tests.support.api import OTHER_PROJECT, PROJECT, Api


async def make(api: Api, job_id: int, **fields: Any) -> dict[str, Any]:
    answer = await api.client.post(f"/visualization-jobs/{job_id}/shares", json=fields)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def listed(api: Api, job_id: int) -> list[dict[str, Any]]:
    shares: list[dict[str, Any]] = (await api.client.get(f"/visualization-jobs/{job_id}/shares")).json()["shares"]
    return shares


async def test_a_link_is_told_once_and_listed_without_what_opens_it(api: Api) -> None:
    job_id = await api.create()
    made = await make(api, job_id, note="for bob", password="hush-hush", expires_in=3600)
    assert made["url"].startswith("https://belvedere.example/s/")
    secret = made["url"].rpartition("/")[2]
    (share,) = await listed(api, job_id)
    assert share == made["share"]
    assert share["expire_time"] - share["create_time"] == 3_600_000
    assert (share["has_password"], share["note"], share["created_by"], share["uses"]) == (True, "for bob", "admin", 0)
    assert secret not in str(share)


async def test_an_expired_link_is_still_listed_as_that(api: Api) -> None:
    job_id = await api.create()
    await make(api, job_id, expires_in=60)
    api.world.pass_time(seconds=60)
    assert [share["is_expired"] for share in await listed(api, job_id)] == [True]


async def test_a_revoked_link_is_gone(api: Api) -> None:
    job_id = await api.create()
    made = await make(api, job_id)
    path = f"/visualization-jobs/{job_id}/shares/{made['share']['share_id']}"
    assert [(await api.client.delete(path)).status_code for _ in range(2)] == [200, 404]
    assert await listed(api, job_id) == []


async def test_making_and_revoking_are_told_to_the_audit(api: Api) -> None:
    job_id = await api.create()
    made = await make(api, job_id)
    await api.client.delete(f"/visualization-jobs/{job_id}/shares/{made['share']['share_id']}")
    told = [(trace.name, trace.user) for trace in await api.traces(resource_id=str(job_id))]
    assert told[1:] == [(TraceName.CREATE_SHARE, "admin"), (TraceName.REVOKE_SHARE, "admin")]


async def test_a_job_can_have_so_many(api: Api) -> None:
    job_id = await api.create()
    for _ in range(MOST):
        await make(api, job_id)
    answer = await api.client.post(f"/visualization-jobs/{job_id}/shares")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "ModelArts.2878")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_projects_job_has_no_links(api: Api, method: str) -> None:
    job_id = await api.create()
    async with api.client_of(OTHER_PROJECT) as other:
        assert (await other.request(method, f"/visualization-jobs/{job_id}/shares")).status_code == 404
        assert (await other.delete(f"/visualization-jobs/{job_id}/shares/{'0' * 16}")).status_code == 404


@pytest.mark.parametrize(("role", "status"), [(Role.OWNER, 200), (Role.EDITOR, 200), (Role.VIEWER, 403)])
async def test_who_may_only_look_may_not_share(api: Api, role: Role, status: int) -> None:
    job_id = await api.create()
    await api.identities.put_member(Member(project_id=PROJECT, user="colleague", role=role))
    async with api.client_of(PROJECT, "colleague") as colleague:
        for method in ("POST", "GET"):
            answer = await colleague.request(method, f"/visualization-jobs/{job_id}/shares")
            assert answer.status_code == status


@pytest.mark.parametrize("share_id", ["x", "0" * 16, "%2e%2e", "0" * 400])
async def test_a_link_that_is_not_there_is_404(api: Api, share_id: str) -> None:
    job_id = await api.create()
    assert (await api.client.delete(f"/visualization-jobs/{job_id}/shares/{share_id}")).status_code == 404
