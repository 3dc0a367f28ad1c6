"""Signing in to the console by name and password, and going from one project to another."""

import re
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from belvedere.identity.permissions import Role
from belvedere.identity.records import Member, Project
from tests.support.console import OUR_PAGE, Stage, console
from tests.support.gateway import PROJECT, job
from tests.support.identities import enrol, user

BORN = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD = "correct horse"
OTHER = "f" * 32


async def furnish(stage: Stage) -> None:
    """Ann has a password, and there are two projects; she has a role in one."""
    for project_id, name in ((PROJECT, "first"), (OTHER, "second")):
        await stage.identities.add_project(Project(id=project_id, name=name, created_at=BORN))
    await enrol(stage.identities, "root", role=None)
    hashed = await stage.passwords.hashed(PASSWORD)
    await stage.identities.change_user(replace(user("ann"), password_hash=hashed))


async def test_a_name_and_password_sign_in_and_lead_back() -> None:
    async with console(job()) as stage:
        await furnish(stage)
        form = {"user": " Ann", "password": PASSWORD, "next": "/jobs/1/open"}
        answer = await stage.client.post("/sign-in", data=form, headers=OUR_PAGE)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs/1/open")
        assert "ann" in (await stage.client.get("/")).text


@pytest.mark.parametrize("name", ["ann", "nobody", "", "root", "<b>"])
async def test_wrong_ones_are_told_alike_and_the_name_is_kept(name: str) -> None:
    async with console() as stage:
        await furnish(stage)
        form = {"user": name, "password": "wrong"}
        answer = await stage.client.post("/sign-in", data=form, headers=OUR_PAGE)
        assert (answer.status_code, "The username or password is wrong." in answer.text) == (401, True)
        assert "<b>" not in answer.text
        assert 'wrong"' not in answer.text


async def test_somebody_without_a_project_is_told_what_to_do() -> None:
    async with console() as stage:
        await furnish(stage)
        await stage.identities.remove_member(PROJECT, "ann")
        form = {"user": "ann", "password": PASSWORD}
        answer = await stage.client.post("/sign-in", data=form, headers=OUR_PAGE)
        assert (answer.status_code, "Ask an administrator" in answer.text) == (401, True)


async def test_one_goes_from_project_to_project_where_one_has_a_role() -> None:
    async with console() as stage:
        await furnish(stage)
        await stage.sign_in()
        refused = await stage.client.post("/project", data={"project": OTHER}, headers=OUR_PAGE)
        await stage.identities.put_member(Member(project_id=OTHER, user="ann", role=Role.VIEWER))
        home = (await stage.client.get("/")).text
        moved = await stage.client.post("/project", data={"project": OTHER}, headers=OUR_PAGE)
        after = (await stage.client.get("/")).text
    assert (refused.status_code, moved.status_code) == (404, 303)
    assert ("second" in home, OTHER in after) == (True, True)


async def in_two_projects(stage: Stage) -> None:
    await furnish(stage)
    await stage.identities.put_member(Member(project_id=OTHER, user="ann", role=Role.VIEWER))
    await stage.sign_in()


@pytest.mark.parametrize("path", ["/jobs/7", "/jobs/7/open", "/jobs/7/open?to=%2F%3Fx", "/jobs/7/delete"])
async def test_a_job_of_another_project_of_ones_own_is_one_click_away(path: str) -> None:
    async with console(job(7, project_id=OTHER)) as stage:
        await in_two_projects(stage)
        answer = await stage.client.get(path)
        fields = dict(re.findall(r'name="(project|next)" value="([^"]*)"', answer.text))
        assert (answer.status_code, fields, "Go to second" in answer.text) == (
            404,
            {"project": OTHER, "next": path},
            True,
        )
        moved = await stage.client.post("/project", data=fields, headers=OUR_PAGE)
        assert (moved.status_code, moved.headers["Location"]) == (303, path)
        assert (await stage.client.get("/jobs/7")).status_code == 200


async def test_a_change_of_project_leads_to_our_own_pages_only() -> None:
    async with console() as stage:
        await in_two_projects(stage)
        form = {"project": OTHER, "next": "//evil.example"}
        assert (await stage.client.post("/project", data=form, headers=OUR_PAGE)).headers["Location"] == "/"


async def test_the_project_bears_its_name() -> None:
    async with console(job()) as stage:
        await furnish(stage)
        await stage.sign_in()
        home, page = (await stage.client.get("/")).text, (await stage.client.get("/jobs/1")).text
    assert ("Project <strong>first</strong>" in home, PROJECT in home.partition("<table")[0]) == (True, False)
    assert f"first <code>{PROJECT}</code>" in page


async def test_who_may_not_make_jobs_is_not_told_how() -> None:
    async with console() as stage:
        await stage.enrol_as(Role.VIEWER)
        await stage.sign_in()
        text = (await stage.client.get("/")).text
    assert ("editors and owners make them" in text, "job create" in text) == (True, False)


async def test_a_change_of_project_comes_from_our_page_only() -> None:
    async with console() as stage:
        await furnish(stage)
        await stage.sign_in()
        assert (await stage.client.post("/project", data={"project": PROJECT})).status_code == 403


async def test_whoever_signs_in_anew_leaves_no_session_behind() -> None:
    async with console() as stage:
        await furnish(stage)
        await stage.sign_in()
        before = stage.client.cookies["belvedere_console"]
        answer = await stage.client.post("/sign-in", data={"user": "ann", "password": PASSWORD}, headers=OUR_PAGE)
        assert answer.status_code == 303
        assert before not in answer.headers["Set-Cookie"]
        assert await stage.gatekeeper.principal_of_session(before, stage.now) is None
        assert (await stage.client.get("/")).status_code == 200
