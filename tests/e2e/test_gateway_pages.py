"""People's pages in a real Chromium: coming in, waiting, and becoming the viewer."""

import pytest
from aiohttp import web
from msgspec.structs import replace
from playwright.async_api import Page, expect

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import Job, Run
from belvedere.lifecycle.seen import Phase, Seen
from tests.support.chromium import browser, look_away, needs_chromium
from tests.support.gateway import COPYING, NO_BUCKET, STARTING, Stage, job, stage, upstream
from tests.support.viewers import until

pytestmark = [pytest.mark.browser, needs_chromium]
PATIENCE = 30_000  # milliseconds


async def curves(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="<!doctype html><title>v</title><h1>Curves</h1>", content_type="text/html")


async def enter(page: Page, made: Stage, job_id: int = 1) -> None:
    ticket = await made.ticket(job_id)
    await page.goto(str(made.url(f"/?ticket={ticket}", job_id)))


def later(a_job: Job, run: Run) -> Job:
    return replace(a_job, run=run, version=a_job.version + 1)


async def test_a_ticket_is_gone_from_the_address() -> None:
    async with stage() as made, upstream(made.folder / "viewer.sock", curves), browser() as chromium:
        made.ready()
        page = await chromium.new_page()
        await enter(page, made)
        await expect(page.get_by_role("heading", name="Curves")).to_be_visible(timeout=PATIENCE)
        assert page.url == str(made.url("/"))


@pytest.mark.parametrize("java_script", [True, False])
async def test_the_waiting_page_becomes_the_viewer(java_script: bool) -> None:
    async with stage() as made, browser(java_script=java_script) as chromium:
        made.put(job(run=STARTING), Seen(phase=Phase.STARTING, attempt=1))
        page = await chromium.new_page()
        await enter(page, made)
        await expect(page.get_by_role("heading", name="Starting the viewer")).to_be_visible(timeout=PATIENCE)
        made.put(job(run=STARTING), Seen(phase=Phase.STARTING, attempt=1, source=COPYING))
        await expect(page.get_by_text("12 of 40 files, 31 MB of 114 MB")).to_be_visible(timeout=PATIENCE)
        async with upstream(made.folder / "viewer.sock", curves):
            made.ready()
            await expect(page.get_by_role("heading", name="Curves")).to_be_visible(timeout=PATIENCE)


async def test_a_start_that_fails_under_ones_eyes_says_why_and_what_to_do() -> None:
    async with stage() as made, browser() as chromium:
        starting = job(run=STARTING)
        made.put(starting)
        page = await chromium.new_page()
        await enter(page, made)
        made.put(later(starting, NO_BUCKET))
        await expect(page.get_by_role("heading", name="The logs could not be read")).to_be_visible(timeout=PATIENCE)
        await expect(page.get_by_text("belvedere job restart 1")).to_be_visible()


async def test_nothing_to_show_becomes_the_viewer_when_data_appears() -> None:
    async with stage() as made, upstream(made.folder / "viewer.sock", curves), browser() as chromium:
        made.ready(reason=Reason(code=ReasonCode.NOTHING_TO_SHOW, text="Only train.log is here."))
        page = await chromium.new_page()
        await enter(page, made)
        await expect(page.get_by_text("Only train.log is here.")).to_be_visible(timeout=PATIENCE)
        made.ready(replace(job(), version=5))
        await expect(page.get_by_role("heading", name="Curves")).to_be_visible(timeout=PATIENCE)


async def test_nothing_to_show_can_be_opened_anyway() -> None:
    async with stage() as made, upstream(made.folder / "viewer.sock", curves), browser() as chromium:
        made.ready(reason=Reason(code=ReasonCode.NOTHING_TO_SHOW, text="Only train.log is here."))
        page = await chromium.new_page()
        await enter(page, made)
        await page.get_by_role("link", name="Open the viewer anyway").click()
        await expect(page.get_by_role("heading", name="Curves")).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_keep_their_policy_and_fit_a_phone(scheme: str) -> None:
    async with stage() as made, browser(width=380, scheme="dark" if scheme == "dark" else "light") as chromium:
        made.put(job(run=NO_BUCKET))
        page = await chromium.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await enter(page, made)
        await expect(page.get_by_role("heading", name="The logs could not be read")).to_be_visible(timeout=PATIENCE)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 380
        assert [text for text in complaints if "409" not in text] == []


async def test_a_page_in_view_says_so_every_20_seconds_and_a_hidden_one_never() -> None:
    async with stage() as made, upstream(made.folder / "viewer.sock", curves), browser() as chromium:
        made.ready()
        page = await chromium.new_page()
        await page.clock.install()
        await enter(page, made)
        await until(lambda: made.used == [1, 1])  # the visit, and the page's first word
        await page.clock.run_for(41_000)
        await until(lambda: made.used == [1] * 4)
        await look_away(page, visible=False)
        await page.clock.run_for(300_000)
        assert made.used == [1] * 4
        await look_away(page, visible=True)
        await until(lambda: made.used == [1] * 5)


async def test_frames_within_a_viewers_page_leave_it_the_word() -> None:
    async def framing(request: web.BaseRequest) -> web.Response:
        inner = "<iframe src='inner.html'></iframe>" if request.path.endswith("/") else "inner"
        return web.Response(text=f"<!doctype html>{inner}", content_type="text/html")

    async with stage() as made, upstream(made.folder / "viewer.sock", framing), browser() as chromium:
        made.ready()
        page = await chromium.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        await enter(page, made)
        await until(lambda: "present" in asked and "inner.html" in asked)
        await page.wait_for_load_state("networkidle")
        assert asked.count("present") == 1  # the frame within the viewer's own page stays silent
