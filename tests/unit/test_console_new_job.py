"""Making a job in the browser, in process."""

import re

import httpx2
import pytest

from belvedere.console.new_job import once_key, shelf_of
from belvedere.contract.errors import BelvedereError, LogSourceRefused, QuotaExceeded
from belvedere.contract.log_sources import LogFolderList
from belvedere.identity.permissions import Role
from tests.support.console import OUR_PAGE, Stage, console

FORM = {"job_name": "run-1", "job_type": "mindinsight", "train_url": "/bucket/run-1/", "hours": "2", "key": "k"}


async def send(stage: Stage, **fields: str) -> httpx2.Response:
    await stage.sign_in()
    return await stage.client.post("/jobs/new", data={**FORM, **fields}, headers=OUR_PAGE)


def told_at(page: str) -> list[str]:
    """The fields that are marked, focused and described as faulty."""
    form = r'<(?:input|select) [^>]*name="(\w+)"[^>]* aria-describedby="problem[^"]*" aria-invalid="true" autofocus>'
    return re.findall(form, page)


async def test_the_form_makes_a_job_and_leads_to_it() -> None:
    async with console() as stage:
        answer = await send(stage)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs/77")
        ((wanted, _),) = stage.jobs.created
        assert (wanted.job_name, wanted.job_type, wanted.train_url) == ("run-1", "mindinsight", "/bucket/run-1/")
        assert wanted.schedule
        assert (wanted.schedule.duration, wanted.schedule.time_unit) == (2, "HOURS")


async def test_without_hours_it_never_stops_by_itself() -> None:
    async with console() as stage:
        await send(stage, hours="")
        assert stage.jobs.created[0][0].schedule is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"job_name": "a b"}, "a blank at position 2"),
        ({"job_name": ""}, "job_name is missing"),
        ({"train_url": ""}, "train_url is missing"),
        ({"job_type": "netron2"}, "job_type: expected one of"),
        ({"hours": "25"}, "an integer from 0 to 24"),
        ({"hours": "many"}, "an integer from 0 to 24"),
    ],
)
async def test_what_the_api_refuses_the_form_refuses_alike_and_keeps_what_was_typed(
    fields: dict[str, str], told: str
) -> None:
    async with console() as stage:
        answer = await send(stage, **fields)
        kept = {**FORM, **fields}["train_url"]
        assert (answer.status_code, told in answer.text, f'value="{kept}"' in answer.text) == (400, True, True)
        assert stage.jobs.created == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [("a b", "job_name"), ("", "train_url"), ("netron2", "job_type"), ("25", "hours"), ("many", "hours")],
)
async def test_a_refusal_is_told_at_the_field_that_it_is_about_and_nowhere_else(typed: str, name: str) -> None:
    async with console() as stage:
        assert told_at((await send(stage, **{name: typed})).text) == [name]


@pytest.mark.parametrize(
    ("error", "names"), [(LogSourceRefused("There is no bucket."), ["train_url"]), (QuotaExceeded("Full."), [])]
)
async def test_a_refusal_of_the_service_is_told_at_the_logs_if_they_are_the_matter(
    error: BelvedereError, names: list[str]
) -> None:
    async with console() as stage:
        stage.jobs.source_says = error
        assert told_at((await send(stage)).text) == names


async def test_the_empty_form_begins_at_the_name() -> None:
    async with console() as stage:
        await stage.sign_in()
        page = (await stage.client.get("/jobs/new")).text
        assert re.findall(r'<\w+ id="([^"]+)"[^>]* autofocus', page) == ["job-name"]
        assert "aria-invalid" not in page


@pytest.mark.parametrize("error", [LogSourceRefused("There is no bucket."), QuotaExceeded("The project is full.")])
async def test_what_the_service_refuses_is_told_on_the_form(error: BelvedereError) -> None:
    async with console() as stage:
        stage.jobs.source_says = error
        answer = await send(stage)
        assert (answer.status_code, error.message in answer.text) == (400, True)


async def test_the_same_form_sent_twice_is_one_request() -> None:
    async with console() as stage:
        for fields in ({}, {}, {"job_name": "other"}):
            await send(stage, **fields)
        keys = [key for _, key in stage.jobs.created]
        assert (keys[0] == keys[1], keys[0] == keys[2], once_key({"job_name": "x"})) == (True, False, None)


async def test_looking_around_begins_where_logs_may_lie() -> None:
    async with console() as stage:
        page = (await send(stage, browse="1", train_url="")).text
        assert 'name="go" value="/srv/logs/"' in page
        assert stage.jobs.created == []


async def test_going_to_a_folder_puts_it_into_the_form_and_shows_what_lies_below() -> None:
    async with console() as stage:
        page = (await send(stage, go="/srv/logs/exp/")).text
        offered = re.findall(r'name="(?:go|more)" value="([^"]*)"', page)
        assert offered == ["/srv/logs/", "/srv/logs/exp/run-1/", "run-1"]
        assert 'name="train_url" value="/srv/logs/exp/"' in page
        assert 'name="job_name" value="run-1"' in page


async def test_more_folders_are_shown_from_the_marker_on() -> None:
    async with console() as stage:
        await send(stage, more="run-1", train_url="/srv/logs/")
        assert (stage.jobs.browsed[0].url, stage.jobs.browsed[0].marker) == ("/srv/logs/", "run-1")


async def test_a_place_that_cannot_be_looked_into_says_why_and_where_one_can() -> None:
    async with console() as stage:
        stage.jobs.source_says = LogSourceRefused("There is no such folder.")
        page = (await send(stage, go="/nowhere/")).text
        assert ("There is no such folder." in page, 'value="/srv/logs/"' in page) == (True, True)


@pytest.mark.parametrize(
    ("url", "above"),
    [
        ("/srv/logs/", ""),
        ("/srv/logs/a/b/", "/srv/logs/a/"),
        ("obs://bucket/", ""),
        ("obs://bucket/a/", "obs://bucket/"),
        ("/bucket/", ""),
        ("/", ""),
    ],
)
def test_above_the_first_places_there_is_nothing(url: str, above: str) -> None:
    assert shelf_of(LogFolderList(url=url, folders=[]), ("/srv/logs/",)).above == above


async def test_only_installed_viewers_are_offered_and_the_default_is_chosen() -> None:
    async with console() as stage:
        await stage.sign_in()
        page = (await stage.client.get("/jobs/new")).text
        offered = re.findall(r'<option value="(\w+)"( selected)?', page)
        assert offered == [("tensorboard", " selected"), ("mindinsight", "")]


async def test_who_may_not_make_jobs_gets_no_form() -> None:
    async with console() as stage:
        await stage.enrol_as(Role.VIEWER)
        for answer in (await send(stage), await send(stage, browse="1"), await stage.client.get("/jobs/new")):
            assert (answer.status_code, "<form class" in answer.text) == (403, False)
        assert (stage.jobs.created, stage.jobs.browsed) == ([], [])


async def test_another_sites_form_makes_nothing() -> None:
    async with console() as stage:
        await stage.sign_in()
        answer = await stage.client.post("/jobs/new", data=FORM, headers={"Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, stage.jobs.created) == (403, [])


async def test_strangers_sign_in_first_and_come_back() -> None:
    async with console() as stage:
        answer = await stage.client.get("/jobs/new")
        assert (answer.status_code, 'value="/jobs/new"' in answer.text) == (401, True)


async def test_an_empty_list_begins_with_it() -> None:
    async with console() as stage:
        await stage.sign_in()
        assert '<a class="button" href="/jobs/new">Make the first job</a>' in (await stage.client.get("/")).text
