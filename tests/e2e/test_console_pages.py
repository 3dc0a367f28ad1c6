"""The console of a real service in a real Chromium: a job is stopped, restarted and deleted from its page."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.support.chromium import browser, needs_chromium
from tests.support.service import BelvedereProcess

pytestmark = [pytest.mark.browser, needs_chromium]
PATIENCE = 60_000  # milliseconds
SHOTS = Path(__file__).parents[2] / "test-results"


async def signed_in(chromium: BrowserContext, service: BelvedereProcess, path: str) -> Page:
    page = await chromium.new_page()
    page.set_default_timeout(PATIENCE)
    await page.goto(f"{service.endpoint}{path}")
    await page.get_by_text("Sign in with a token").click()
    await page.get_by_label("Token", exact=True).fill(service.bootstrap["token"])
    await page.get_by_role("button", name="Sign in with the token").click()
    return page


@pytest.mark.parametrize("java_script", [True, False])
async def test_a_job_is_stopped_restarted_and_deleted_from_its_page(
    service: BelvedereProcess, folder: Path, java_script: bool
) -> None:
    job_id = service.create("by-hand", folder)["job_id"]
    async with browser(java_script=java_script) as chromium:
        page = await signed_in(chromium, service, f"/jobs/{job_id}")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_text("Stopped", exact=True)).to_be_visible(timeout=PATIENCE)
        await page.get_by_role("button", name="Restart").click()
        await expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE)
        await page.get_by_role("link", name="Delete…").click()
        await page.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("heading", name="Visualization jobs")).to_be_visible(timeout=PATIENCE)
        await expect(page.get_by_role("link", name="by-hand", exact=True)).to_have_count(0, timeout=PATIENCE)


async def test_who_is_signed_in_at_the_console_is_led_to_the_job_at_its_own_origin(
    service: BelvedereProcess, folder: Path
) -> None:
    created = service.run("shared", folder)
    async with browser() as chromium:
        page = await signed_in(chromium, service, "/")
        await expect(page.get_by_role("heading", name="Visualization jobs")).to_be_visible(timeout=PATIENCE)
        await page.goto(f"{created['service_url']}?tag=a%26b")
        await expect(page.get_by_role("heading", name="Nothing to show yet")).to_be_visible(timeout=PATIENCE)
        assert page.url == f"{service.browser_url(created)}?tag=a%26b"
    service.delete(created["job_id"])


async def test_times_are_told_in_the_readers_own_zone_and_stay_so(service: BelvedereProcess, folder: Path) -> None:
    job_id = service.create("timely", folder)["job_id"]
    async with browser(zone="Asia/Kathmandu") as chromium:  # 5:45 h from UTC
        page = await signed_in(chromium, service, f"/jobs/{job_id}")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_text("Stopped", exact=True)).to_be_visible(timeout=PATIENCE)
        told = await page.locator("time").evaluate_all("all => all.map(each => [each.title, each.textContent])")
        SHOTS.mkdir(exist_ok=True)
        await page.screenshot(path=SHOTS / "job-page-times.png")
    assert len(told) >= 3  # when it was created, and events
    for said, local in told:
        assert (int(said.split(":")[1]) + 45) % 60 == int(local.split(":")[1]), (said, local)
    service.delete(job_id)


async def test_a_mistyped_address_is_a_page_for_people_and_json_for_scripts(service: BelvedereProcess) -> None:
    async with browser() as chromium:
        page = await chromium.new_page()
        answer = await page.goto(f"{service.endpoint}/nope")
        assert answer is not None
        assert answer.status == 404
        await expect(page.get_by_role("heading", name="There is no such page")).to_be_visible(timeout=PATIENCE)
        script = await chromium.request.get(f"{service.endpoint}/nope")
        assert (script.status, (await script.json())["is_success"]) == (404, False)


async def test_a_key_is_made_and_revoked_by_the_keyboard_alone(service: BelvedereProcess) -> None:
    async with browser() as chromium:
        page = await signed_in(chromium, service, "/account")
        await expect(page.get_by_role("heading", name="admin")).to_be_visible(timeout=PATIENCE)
        await press_until(page, "New key")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("by hand")
        await page.keyboard.press("Enter")
        access = await page.get_by_label("Access key", exact=True).input_value(timeout=PATIENCE)
        assert len(await page.get_by_label("Secret key").input_value()) == 40
        await press_until(page, f"Revoke the key {access}, by hand")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("by hand")).to_have_count(0, timeout=PATIENCE)


async def press_until(page: Page, name: str) -> None:
    """Tab on until what has this name is in focus."""
    focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate(focused) == name:
            return
    raise AssertionError(f"no Tab leads to {name}")


@pytest.mark.parametrize("java_script", [True, False])
async def test_a_job_is_made_by_keyboard_from_the_form_that_finds_its_logs(
    service: BelvedereProcess, folder: Path, java_script: bool
) -> None:
    (folder / "below" / "run-1").mkdir(parents=True, exist_ok=True)
    async with browser(width=390, java_script=java_script) as chromium:
        page = await signed_in(chromium, service, "/jobs/new")
        await page.get_by_label("Name").fill("by-form")
        await page.get_by_role("button", name="Browse").press("Enter")
        for name in (f"{folder}/", "below", "run-1"):
            await page.get_by_role("button", name=name, exact=True).press("Enter")
        await expect(page.get_by_label("Logs")).to_have_value(f"{folder}/below/run-1/", timeout=PATIENCE)
        await expect(page.get_by_text("No folders below it.")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        await page.get_by_label("Stops by itself").fill("3")
        await page.get_by_label("Name").press("Enter")
        await expect(page.get_by_role("heading", name="by-form")).to_be_visible(timeout=PATIENCE)
        job_id = int(page.url.rpartition("/")[2])
    made = service.details(job_id)
    assert (made["train_url"], made["schedule"][0]["duration"]) == (f"{folder}/below/run-1/", 3)
    service.delete(job_id)


async def test_a_refused_form_is_gone_on_with_in_the_faulty_field(service: BelvedereProcess, folder: Path) -> None:
    async with browser(width=390) as chromium:
        page = await signed_in(chromium, service, "/jobs/new")
        await page.get_by_label("Name").fill("refused")
        await page.get_by_label("Logs").fill(f"{folder}/absent/")
        await page.get_by_label("Logs").press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("absent", timeout=PATIENCE)
        await expect(page.locator("[aria-invalid]")).to_be_focused()
        fields = page.get_by_label("Logs"), page.get_by_label("Name")
        grounds = {await each.evaluate("each => getComputedStyle(each).backgroundColor") for each in fields}
        assert len(grounds) == 1


HURRIED = """const pauses = [], later = setTimeout;
window.seven = new Promise((resolve) => {
  window.setTimeout = (act, pause) => { if (pauses.push(pause) === 7) resolve(pauses); return later(act, 1); };
});"""


async def test_a_page_looks_more_often_at_first(service: BelvedereProcess) -> None:
    async with browser() as chromium:
        page = await signed_in(chromium, service, "/")
        await expect(page.get_by_role("heading", name="Visualization jobs")).to_be_visible(timeout=PATIENCE)
        await page.add_init_script(HURRIED)
        await page.reload()
        async with asyncio.timeout(PATIENCE / 1000):
            assert await page.evaluate("seven") == [500, 500, 500, 1000, 1000, 3000, 3000]
