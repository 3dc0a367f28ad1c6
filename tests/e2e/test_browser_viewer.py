"""A person's way: Chromium opens a job whose logs lie in an object store, and sees the curves drawn."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.conftest import BUCKET
from tests.support.charts import curve_heights
from tests.support.chromium import browser, needs_chromium
from tests.support.logs import log_content
from tests.support.received import bytes_received
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.object_store, needs_chromium]
PATIENCE = 60_000  # milliseconds
SHOTS = Path(__file__).parents[2] / "test-results"
LOG = "events.out.tfevents.1795443490.host"


@pytest.fixture
async def chromium() -> AsyncIterator[BrowserContext]:
    async with browser(width=1400, height=1000) as context:
        yield context


@pytest.fixture(scope="module")
def job(store_service: BelvedereProcess) -> dict[str, Any]:
    """A job on the rich logs, running."""
    return store_service.run("curves", f"obs://{BUCKET}/rich/")


def ticket(service: BelvedereProcess, job_id: int) -> str:
    url: str = service.ask("POST", f"/{job_id}/ticket").json()["url"]
    return url


def complaints_of(page: Page) -> list[str]:
    """Errors on the page's console and answers that are errors, as they come."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda each: complaints.append(f"{each.status} {each.url}") if each.status >= 400 else None)
    return complaints


async def save(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SHOTS / f"{name}.png")


async def drawn_curve(page: Page) -> dict[int, float]:
    """The first chart's curve, once it is drawn across the chart."""
    chart = page.locator("line-chart canvas").first
    await expect(chart).to_be_visible(timeout=PATIENCE)
    for _ in range(200):
        heights = curve_heights(await chart.screenshot())
        if len(heights) > 200:
            return heights
        await page.wait_for_timeout(100)
    raise AssertionError(f"only {len(heights)} columns of the chart are drawn")


async def test_a_ticket_opens_the_board_and_a_rising_curve_is_drawn(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    """The accuracy in the sample logs rises from 0 towards 1."""
    page = await chromium.new_page()
    complaints = complaints_of(page)
    await page.goto(ticket(store_service, job["job_id"]))
    heights = list((await drawn_curve(page)).values())
    await save(page, "time-series")
    tenth = len(heights) // 10
    assert sum(heights[-tenth:]) > 2 * sum(heights[:tenth])
    assert complaints == []
    assert page.url == f"{store_service.browser_url(job)}#timeseries"


async def test_the_scalars_images_and_histograms_dashboards_show(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    page = await chromium.new_page()
    complaints = complaints_of(page)
    await page.goto(ticket(store_service, job["job_id"]))
    for dashboard, drawing in (
        ("scalars", "vz-line-chart2 svg path, line-chart canvas"),
        ("images", "tf-image-loader img"),
        ("histograms", "vz-histogram-timeseries svg path"),
    ):
        await page.goto(f"{store_service.browser_url(job)}#{dashboard}")
        await expect(page.locator(drawing).filter(visible=True).first).to_be_visible(timeout=PATIENCE)
        await page.wait_for_load_state("networkidle")
        await save(page, dashboard)
    assert complaints == []


async def test_a_guest_of_a_share_link_sees_the_curves_and_nothing_is_refused(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    page = await chromium.new_page()
    complaints = complaints_of(page)
    await page.goto(store_service.ask("POST", f"/{job['job_id']}/shares", {}).json()["url"])
    assert len(await drawn_curve(page)) > 200
    for dashboard in ("scalars", "hparams", "histograms"):
        await page.goto(f"{store_service.browser_url(job)}#{dashboard}")
        await page.wait_for_load_state("networkidle")
    await save(page, "guest")
    assert complaints == []


async def test_the_board_is_set_in_its_own_font(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    page = await chromium.new_page()
    await page.goto(ticket(store_service, job["job_id"]))
    await drawn_curve(page)
    loaded = await page.evaluate("[...document.fonts].filter(font => font.status === 'loaded').map(f => f.family)")
    assert "Roboto" in " ".join(loaded)


async def test_a_second_job_in_the_same_browser_costs_a_twentieth_of_the_bytes(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    """Though it has an origin of its own: what all jobs have comes from one origin."""
    other = store_service.run("other", f"obs://{BUCKET}/rich/")
    first = await bytes_received(chromium, ticket(store_service, job["job_id"]))
    second = await bytes_received(chromium, ticket(store_service, other["job_id"]))
    assert 20 * second < first


async def test_a_used_ticket_opens_nothing(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    link = ticket(store_service, job["job_id"])
    page = await chromium.new_page()
    await page.goto(link)
    await chromium.clear_cookies()
    await page.goto(link)
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=PATIENCE)


async def test_a_token_pasted_once_opens_every_job_at_its_service_url(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    page = await chromium.new_page()
    await page.goto(job["service_url"])
    await page.get_by_text("Sign in with a token").click()
    await page.get_by_label("Token", exact=True).fill(store_service.token)
    await page.get_by_role("button", name="Sign in with the token").click()
    await drawn_curve(page)
    other = store_service.run("other", f"obs://{BUCKET}/rich/exp_0/")
    await page.goto(other["service_url"])
    await drawn_curve(page)


async def test_the_session_is_nothing_that_scripts_can_read(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    page = await chromium.new_page()
    await page.goto(ticket(store_service, job["job_id"]))
    await drawn_curve(page)
    assert await page.evaluate("document.cookie") == ""
    (cookie,) = await chromium.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")


async def test_from_the_console_to_the_board_by_clicks_alone(
    store_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    page = await chromium.new_page()
    complaints = complaints_of(page)
    await page.goto(store_service.endpoint)
    await page.get_by_text("Sign in with a token").click()
    await page.get_by_label("Token", exact=True).fill(store_service.token)
    complaints.clear()  # the sign-in page itself is a 401
    await page.get_by_role("button", name="Sign in with the token").click()
    await expect(page.get_by_role("heading", name="Visualization jobs")).to_be_visible(timeout=PATIENCE)
    await save(page, "console")
    await page.get_by_role("link", name="Open curves").click()
    await drawn_curve(page)
    assert complaints == []


async def test_the_page_of_an_empty_folder_becomes_the_board_when_logs_come(
    store_service: BelvedereProcess, seaweedfs: SeaweedFs, chromium: BrowserContext
) -> None:
    empty = store_service.run("empty", f"obs://{BUCKET}/awaited/")
    page = await chromium.new_page()
    await page.goto(ticket(store_service, empty["job_id"]))
    await expect(page.get_by_role("heading", name="Nothing to show yet")).to_be_visible(timeout=PATIENCE)
    await save(page, "nothing-to-show")
    seaweedfs.put(BUCKET, f"awaited/{LOG}", log_content(100))
    await drawn_curve(page)


async def test_the_page_of_a_stopped_job_becomes_the_board_after_a_restart(
    store_service: BelvedereProcess, chromium: BrowserContext
) -> None:
    stopped = store_service.run("stopped", f"obs://{BUCKET}/rich/exp_0/")
    store_service.act(stopped["job_id"], "stop")
    store_service.wait_for_status(stopped["job_id"], 12)
    page = await chromium.new_page()
    await page.goto(ticket(store_service, stopped["job_id"]))
    await expect(page.get_by_role("heading", name=re.compile("was stopped"))).to_be_visible(timeout=PATIENCE)
    await save(page, "stopped")
    store_service.act(stopped["job_id"], "restart")
    await drawn_curve(page)


async def test_a_job_that_is_opened_at_once_becomes_the_board_by_itself(
    store_service: BelvedereProcess, chromium: BrowserContext
) -> None:
    created = store_service.create("at-once", f"obs://{BUCKET}/rich/")
    page = await chromium.new_page()
    await page.goto(ticket(store_service, created["job_id"]))
    await drawn_curve(page)


async def test_the_board_lists_runs_under_the_names_of_their_sources(
    store_service: BelvedereProcess, chromium: BrowserContext
) -> None:
    sources = [{"name": name, "url": f"obs://{BUCKET}/rich/exp_0/"} for name in ("baseline", "tuned")]
    created = store_service.ask("POST", "", {"job_name": "named", "sources": sources}).json()
    job = store_service.wait_for_status(created["job_id"], 8)
    page = await chromium.new_page()
    await page.goto(ticket(store_service, job["job_id"]))
    for name in ("baseline", "tuned"):
        await expect(page.get_by_text(name, exact=True).filter(visible=True).first).to_be_visible(timeout=PATIENCE)
    await save(page, "named-sources")
