"""The console's pages in process: signing in and out, the home page, the way over to a viewer."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette

from belvedere.console.assets import assets
from belvedere.console.forms import form_fields, is_same_origin
from belvedere.console.home import age_text
from belvedere.console.routes import ConsoleRules, console_routes
from belvedere.contract.errors import NotFound
from belvedere.contract.jobs import JobList, Ticket
from belvedere.contract.listing import ValidList
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.records import Principal, SecretKind
from belvedere.lifecycle.jobs import Job
from belvedere.service.views import details
from belvedere.testing.store import MemoryIdentityStore
from tests.support.gateway import NO_BUCKET, NOW, PROJECT, job

ANN = Principal(user="ann", project_id=PROJECT)
ORIGIN, VIEWERS = "http://console.example", "http://view.example"
OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}


class SomeJobs:
    """The use cases that the console needs, over a list."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = jobs

    async def list(self, who: Principal, request: ValidList) -> JobList:
        mine = [details(a_job, None, NOW, VIEWERS) for a_job in self.jobs if a_job.project_id == who.project_id]
        return JobList(job_total_count=len(mine), job_count_limit=1, quotas=100, jobs=mine[: request.per_page])

    async def ticket(self, who: Principal, job_id: int | None) -> Ticket:
        if job_id not in {a_job.id for a_job in self.jobs if a_job.project_id == who.project_id}:
            raise NotFound("No such job.")
        return Ticket(url=f"{VIEWERS}/modelarts2/tensorboard/{PROJECT}/{job_id}/?ticket=t", expires_in=120)


class Stage:
    """A browser before the console, and the gatekeeper behind it."""

    def __init__(self, *jobs: Job) -> None:
        self.gatekeeper = Gatekeeper(MemoryIdentityStore())
        rules = ConsoleRules(public_origin=ORIGIN, viewer_origin=VIEWERS)
        routes = console_routes(jobs=SomeJobs(*jobs), gatekeeper=self.gatekeeper, clock=lambda: NOW, rules=rules)
        transport = httpx2.ASGITransport(app=Starlette(routes=routes))
        self.client = httpx2.AsyncClient(transport=transport, base_url=ORIGIN)

    async def sign_in(self) -> None:
        session = await self.gatekeeper.issue(SecretKind.SESSION, ANN, NOW, None)
        self.client.cookies.set("belvedere_console", session)


@contextlib.asynccontextmanager
async def console(*jobs: Job) -> AsyncIterator[Stage]:
    stage = Stage(*jobs)
    async with stage.client:
        yield stage


@pytest.mark.parametrize("path", ["/", "/jobs/1/open"])
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
        assert all(word in answer.headers["Set-Cookie"] for word in ("HttpOnly", "SameSite=Strict", "Path=/;"))
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


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
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
        await stage.client.post("/sign-out", headers=OUR_PAGE)
        assert await stage.gatekeeper.principal_of_session(session, NOW) is None


async def test_the_home_page_shows_jobs_with_word_and_reason() -> None:
    async with console(job(2, run=NO_BUCKET), replace(job(1), description="<b>bold</b>")) as stage:
        await stage.sign_in()
        text = (await stage.client.get("/")).text
        assert all(part in text for part in (PROJECT, "Logs unreadable", "does not exist", "Running", "/jobs/1/open"))
        assert "<b>" not in text


async def test_an_empty_home_page_says_how_to_make_a_job() -> None:
    async with console() as stage:
        await stage.sign_in()
        text = (await stage.client.get("/")).text
        assert f"curl -X POST {ORIGIN}/v1/{PROJECT}/visualization-jobs" in text
        assert "belvedere job create" in text


async def test_opening_a_job_takes_a_ticket_along() -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        answer = await stage.client.get("/jobs/1/open")
        assert (answer.status_code, answer.headers["Location"].endswith("/1/?ticket=t")) == (303, True)


@pytest.mark.parametrize("job_id", ["9", "0", "x", str(2**63), "-1", "٣"])
async def test_a_job_that_is_not_there_is_a_page(job_id: str) -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        assert (await stage.client.get(f"/jobs/{job_id}/open")).status_code == 404


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
