"""A job of another project, for somebody who has signed in for one: told where they may see it, else never."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.identity.permissions import Role
from belvedere.identity.records import Caller, Member, Principal, SignedBy
from tests.support.api import OTHER_PROJECT, PROJECT, Api, api_in_process
from tests.support.identities import enrol


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api_in_process(tmp_path) as api:
        await enrol(api.identities, "ann", OTHER_PROJECT)
        yield api


async def as_ann(api: Api) -> Caller:
    principal = Principal(user="ann", project_id=OTHER_PROJECT)
    caller = await api.people.gatekeeper.caller_of(principal, SignedBy.SESSION)
    assert caller
    return caller


async def join(api: Api, role: Role = Role.VIEWER) -> None:
    await api.identities.put_member(Member(project_id=PROJECT, user="ann", role=role))


async def test_a_member_is_told_the_project(api: Api) -> None:
    job_id = await api.create()
    await join(api)
    assert await api.jobs.elsewhere(await as_ann(api), job_id) == PROJECT


async def test_anybody_else_is_told_nothing(api: Api) -> None:
    job_id = await api.create()
    for number in (job_id, job_id + 1, None):
        assert await api.jobs.elsewhere(await as_ann(api), number) is None


async def test_a_private_job_of_another_stays_unseen(api: Api) -> None:
    job_id = await api.create(visibility="private")
    await join(api, Role.OWNER)
    assert await api.jobs.elsewhere(await as_ann(api), job_id) is None


async def test_a_job_of_ones_own_project_is_not_elsewhere(api: Api) -> None:
    job_id = await api.create()
    await join(api)
    here = replace(await as_ann(api), project_id=PROJECT)
    assert await api.jobs.elsewhere(here, job_id) is None
