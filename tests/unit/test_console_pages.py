"""The console's pages in process: signing in and out, the home page, the way over to a viewer."""

import html
from datetime import timedelta

import pytest
from msgspec.structs import replace

from belvedere.console.assets import assets
from belvedere.console.desk import Desk
from belvedere.console.forms import form_fields, is_same_origin
from belvedere.console.home import age_text
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.records import SecretKind
from belvedere.lifecycle.jobs import AutoStop, Intent, Job, Run, Source, TimeUnit
from belvedere.lifecycle.seen import Phase, Seen
from belvedere.lifecycle.status import Verb
from belvedere.service.audit import Auditor
from belvedere.testing.audit import MemoryAuditStore
from tests.support.console import (
    ANN,
    ORIGIN,
    OUR_PAGE,
    RULES,
    console,
)
from tests.support.gateway import NO_BUCKET, NOW, PROJECT, QUEUED, job
from tests.support.identities import owners


@pytest.mark.parametrize("path", ["/", "/jobs/1", "/jobs/1/open", "/jobs/1/delete"])
async def test_strangers_get_the_sign_in_page(path: str) -> None:
    async with console(job()) as stage:
        answer = await stage.client.get(path)
        assert (answer.status_code, f'value="{path}"' in answer.text) == (401, True)
        assert PROJECT not in answer.text


async def test_a_pasted_token_signs_in_and_leads_back() -> None:
    async with console(job()) as stage:
        token = await stage.gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
        form = {"token": token, "next": "/jobs/1/open"}
        answer = await stage.client.post("/sign-in", data=form, headers=OUR_PAGE)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs/1/open")
        assert all(word in answer.headers["Set-Cookie"] for word in ("HttpOnly", "SameSite=Lax", "Path=/;"))
        assert (await stage.client.get("/")).status_code == 200


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil", "/jobs/1/open/../x"])
async def test_sign_in_leads_nowhere_else(target: str) -> None:
    async with console() as stage:
        token = await stage.gatekeeper.issue(SecretKind.TOKEN, ANN, NOW, None)
        answer = await stage.client.post("/sign-in", data={"token": token, "next": target}, headers=OUR_PAGE)
        assert answer.headers["Location"] == "/"


async def test_a_wrong_token_is_told_so() -> None:
    async with console() as stage:
        answer = await stage.client.post("/sign-in", data={"token": "no"}, headers=OUR_PAGE)
        assert (answer.status_code, "not valid here" in answer.text) == (401, True)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/jobs/1/stop", "/jobs/1/delete"])
@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}])
async def test_forms_from_elsewhere_are_refused(path: str, headers: dict[str, str]) -> None:
    async with console() as stage:
        assert (await stage.client.post(path, headers=headers)).status_code == 403


async def test_the_printed_link_signs_in_once() -> None:
    async with console() as stage:
        ticket = await stage.gatekeeper.issue(SecretKind.TICKET, ANN, NOW, timedelta(hours=1))
        assert (await stage.client.get(f"/sign-in?ticket={ticket}")).headers["Location"] == "/"
        stage.client.cookies.clear()
        again = await stage.client.get(f"/sign-in?ticket={ticket}")
        assert (again.status_code, "has been used" in again.text) == (401, True)


async def test_signing_out_ends_the_session_itself() -> None:
    async with console() as stage:
        session = await stage.gatekeeper.issue(SecretKind.SESSION, ANN, NOW, None)
        stage.client.cookies.set("belvedere_console", session)
        answer = await stage.client.post("/sign-out", headers=OUR_PAGE)
        assert "You are signed out." in (await stage.client.get(answer.headers["Location"])).text
        assert await stage.gatekeeper.principal_of_session(session, NOW) is None


async def test_the_home_page_shows_jobs_with_word_and_reason() -> None:
    async with console(job(2, run=NO_BUCKET), replace(job(1), description="<b>bold</b>")) as stage:
        await stage.sign_in()
        text = (await stage.client.get("/")).text
        assert all(part in text for part in (PROJECT, "Logs unreadable", "does not exist", "Running", "/jobs/1/open"))
        assert "<b>" not in text


def of_sources(*sources: Source) -> Job:
    return replace(job(), sources=sources, train_url=sources[0].url, store=sources[0].store)


async def test_a_jobs_page_shows_each_of_its_sources() -> None:
    first = Source(name="base", url="/bucket/base/", store="minio")
    second = Source(name="<b>x", url="/bucket/x-*/", exclude=("**/tmp",), latest=3)
    async with console(of_sources(first, second)) as stage:
        await stage.sign_in()
        page = (await stage.client.get("/jobs/1")).text
        home = (await stage.client.get("/")).text
    for text in ("<strong>base</strong>", "in store minio", "&lt;b&gt;x", "without **/tmp, the latest 3"):
        assert text in page
    assert "and 1 more" in home


async def test_a_sole_source_needs_no_list() -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        page = (await stage.client.get("/jobs/1")).text
    assert 'class="sources"' not in page
    assert "<code>/<wbr>bucket/<wbr>run/<wbr></code>" in page


async def test_an_empty_home_page_says_how_to_make_a_job() -> None:
    async with console() as stage:
        await stage.sign_in()
        text = html.unescape((await stage.client.get("/")).text)
        assert f"curl -X POST {ORIGIN}/v1/{PROJECT}/visualization-jobs" in text
        assert "belvedere job create run-1 --train-url '/my logs/run-1' --wait --open --data /srv/belvedere" in text


async def test_where_no_logs_can_come_from_no_command_pretends_so() -> None:
    async with console(example_logs="") as stage:
        await stage.sign_in()
        text = (await stage.client.get("/")).text
        assert ("belvedere job create" in text, "--log-root" in text) == (False, True)


@pytest.mark.parametrize(
    ("seen", "words"), [(Phase.READY, 'class="word good">Running'), (Phase.ASLEEP, 'class="word calm">Asleep')]
)
async def test_who_sleeps_wears_a_quieter_badge(seen: Phase, words: str) -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        stage.board.put(job(), Seen(phase=seen, attempt=1))
        assert words in (await stage.client.get("/")).text


async def test_who_has_nothing_to_show_wears_a_quieter_badge() -> None:
    nothing = Reason(code=ReasonCode.NOTHING_TO_SHOW, text="Only train.log is here.")
    async with console(job(run=Run(submitted_at=NOW, running_since=NOW, note=nothing))) as stage:
        await stage.sign_in()
        assert 'class="word calm">Running' in (await stage.client.get("/")).text


@pytest.mark.parametrize("path", ["/", "/jobs/1"])
async def test_an_auto_stop_says_when(path: str) -> None:
    async with console(replace(job(), auto_stop=AutoStop(unit=TimeUnit.HOURS, duration=2))) as stage:
        await stage.sign_in()
        assert "tops in about 2 h" in (await stage.client.get(path)).text


@pytest.mark.parametrize("path", ["/", "/jobs/1"])
async def test_before_it_runs_no_job_is_said_to_stop_soon(path: str) -> None:
    waits = replace(job(run=QUEUED), auto_stop=AutoStop(unit=TimeUnit.HOURS, duration=2))
    async with console(waits) as stage:
        await stage.sign_in()
        text = (await stage.client.get(path)).text
        assert ("tops in" in text, "of running" in text, "Waiting" in text) == (False, True, True)


async def test_a_job_that_is_being_stopped_is_not_said_to_stop_by_itself() -> None:
    stopping = replace(job(intent=Intent.STOP), auto_stop=AutoStop(unit=TimeUnit.HOURS, duration=2))
    async with console(stopping) as stage:
        await stage.sign_in()
        assert 'class="stops"' not in (await stage.client.get("/")).text


async def test_a_job_says_of_which_type_it_is() -> None:
    async with console(replace(job(), job_type="mindinsight")) as stage:
        await stage.sign_in()
        assert '<td data-label="Type">mindinsight</td>' in (await stage.client.get("/")).text
        assert "<dt>Type</dt><dd>mindinsight</dd>" in (await stage.client.get("/jobs/1")).text


async def test_a_jobs_page_shows_what_its_viewer_said_and_how_to_see_more() -> None:
    async with console(job(run=NO_BUCKET)) as stage:
        await stage.sign_in()
        stage.jobs.lines = ["Traceback <module>", "x" * 5000]
        text = (await stage.client.get("/jobs/1")).text
        assert ("Traceback &lt;module&gt;" in text, "It &lt;answers&gt;." in text, "x" * 1001 in text) == (
            True,
            True,
            False,
        )
        assert "belvedere job logs 1 --follow --data /srv/belvedere" in text


async def test_an_ended_viewer_without_lines_promises_none() -> None:
    async with console(job(run=NO_BUCKET)) as stage:
        await stage.sign_in()
        text = (await stage.client.get("/jobs/1")).text
        assert ("belvedere job logs" in text, "Once the job is restarted" in text) == (False, True)


@pytest.mark.parametrize(("run", "verbs"), [(None, {"stop", "open"}), (NO_BUCKET, {"restart"})])
async def test_a_jobs_page_has_the_buttons_that_its_status_allows(run: Run | None, verbs: set[str]) -> None:
    async with console(job(run=run)) as stage:
        await stage.sign_in()
        text = (await stage.client.get("/jobs/1")).text
        assert {verb for verb in ("open", "stop", "restart") if f'"/jobs/1/{verb}"' in text} == verbs
        assert 'href="/jobs/1/delete"' in text


@pytest.mark.parametrize(("verb", "leads_to"), [(Verb.STOP, "/jobs/1"), (Verb.DELETE, "/")])
async def test_a_button_does_what_it_says(verb: Verb, leads_to: str) -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        answer = await stage.client.post(f"/jobs/1/{verb}", headers=OUR_PAGE)
        assert (answer.status_code, answer.headers["Location"]) == (303, leads_to)
        assert stage.jobs.acted == [(1, verb)]


async def test_a_button_that_came_too_late_is_answered_by_a_sentence() -> None:
    async with console(job(run=NO_BUCKET)) as stage:
        await stage.sign_in()
        answer = await stage.client.post("/jobs/1/stop", headers=OUR_PAGE)
        assert (answer.status_code, "can’t be stopped now" in answer.text) == (409, True)


async def test_a_job_that_others_change_is_answered_by_a_sentence() -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        stage.jobs.is_busy = True
        answer = await stage.client.post("/jobs/1/stop", headers=OUR_PAGE)
        assert (answer.status_code, "being changed by others" in answer.text) == (409, True)


async def test_a_button_without_a_session_asks_to_sign_in() -> None:
    async with console(job()) as stage:
        answer = await stage.client.post("/jobs/1/stop", headers=OUR_PAGE)
        assert (answer.status_code, 'value="/jobs/1"' in answer.text, stage.jobs.acted) == (401, True, [])


async def test_deletion_asks_first() -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        answer = await stage.client.get("/jobs/1/delete")
        assert (answer.status_code, "Delete run-1?" in answer.text, stage.jobs.acted) == (200, True, [])


@pytest.mark.parametrize(
    ("method", "path", "accept", "is_page"),
    [("GET", "/nope", "text/html,*/*", True), ("GET", "/nope", "*/*", False), ("POST", "/nope", "text/html", False),
     ("GET", "/v1/nope", "text/html", False)],
)  # fmt: skip
def test_only_a_person_gets_a_page_about_a_wrong_path(method: str, path: str, accept: str, is_page: bool) -> None:
    desk = Desk(Gatekeeper(owners(ANN)), lambda: NOW, RULES, Auditor(MemoryAuditStore(), lambda: NOW))
    page = desk.page_for_error(method, {"accept": accept}, path, 404)
    assert (page is not None and page.status_code == 404) == is_page


async def test_opening_a_job_takes_a_ticket_along() -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        answer = await stage.client.get("/jobs/1/open")
        assert (answer.status_code, answer.headers["Location"].endswith("/1/?ticket=t")) == (303, True)


@pytest.mark.parametrize(
    ("site", "share_origin", "status"),
    [("none", True, 303), ("same-origin", True, 303), ("same-site", True, 200), ("cross-site", True, 200),
     ("cross-site", False, 303)],
)  # fmt: skip
async def test_where_viewers_share_an_origin_another_page_opens_none_without_a_click(
    site: str, share_origin: bool, status: int
) -> None:
    async with console(job(), share_origin=share_origin) as stage:
        await stage.sign_in()
        answer = await stage.client.get("/jobs/1/open?to=%2F%3Fx%3D1", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == status
        assert ('href="/jobs/1/open?to=%2F%3Fx%3D1"' in answer.text) == (status == 200)


async def test_what_a_session_opens_hangs_on_it_and_leads_to_the_place_that_was_wanted() -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        answer = await stage.client.get("/jobs/1/open?to=%2F%3Ftag%3Da%2526b")
        assert answer.headers["Location"].endswith("/1/?tag=a%26b&ticket=t")
        (basis,) = stage.jobs.bases
        assert basis is not None
        assert basis.kind is SecretKind.SESSION


@pytest.mark.parametrize("job_id", ["9", "0", "x", str(2**63), "-1", "٣"])
async def test_a_job_that_is_not_there_is_a_page(job_id: str) -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        for path in ("", "/open", "/delete"):
            assert (await stage.client.get(f"/jobs/{job_id}{path}")).status_code == 404
        assert (await stage.client.post(f"/jobs/{job_id}/stop", headers=OUR_PAGE)).status_code == 404


async def test_every_page_has_a_policy_without_inline_code() -> None:
    async with console() as stage:
        headers = (await stage.client.get("/")).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"


async def test_assets_are_kept_for_ever_under_their_hashed_names() -> None:
    async with console() as stage:
        answer = await stage.client.get(f"/static/{assets()['style.css'].name}")
        assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True)
        assert (await stage.client.get("/static/style.css")).status_code == 404


@pytest.mark.parametrize(
    ("age", "text"),
    [(timedelta(seconds=5), "just now"), (timedelta(minutes=5), "5 min ago"), (timedelta(hours=3), "3 h ago"),
     (timedelta(days=20), "3 Nov 2026"), (timedelta(seconds=-5), "just now")],
)  # fmt: skip
def test_ages_read_well(age: timedelta, text: str) -> None:
    assert age_text(NOW - age, NOW) == text


@pytest.mark.parametrize("body", [b"\xff=1", b"x" * 20_000, b"&".join(b"a=1" for _ in range(20)), b""])
def test_what_is_no_form_has_no_fields(body: bytes) -> None:
    assert form_fields(body) == {}


def test_silence_is_not_our_own_page() -> None:
    assert not is_same_origin(site=None, origin=None, host="h")
