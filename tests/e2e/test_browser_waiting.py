"""What a person sees whose logs' store does not answer: when it is tried again, until when, and then the board."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import BUCKET, QUICK, store_settings
from tests.support.chromium import browser, needs_chromium
from tests.support.fault_proxy import PASS, Fault, FaultProxy
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import running_service

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.object_store, needs_chromium]
PATIENCE = 60_000  # milliseconds
SHOTS = Path(__file__).parents[2] / "test-results"


async def test_a_store_that_is_overloaded_is_waited_for_in_the_open(tmp_path: Path, seaweedfs: SeaweedFs) -> None:
    async with FaultProxy(seaweedfs.settings()) as proxy, browser(height=700, zone="Asia/Kathmandu") as chromium:
        proxy.always = Fault(status=503)
        env = {**QUICK, **store_settings(seaweedfs, endpoint=proxy.settings().endpoint)}
        with running_service(tmp_path, env=env) as service:
            created = await asyncio.to_thread(service.create, "patient", f"obs://{BUCKET}/rich/exp_0/")
            ticket = await asyncio.to_thread(service.ask, "POST", f"/{created['job_id']}/ticket")
            page = await chromium.new_page()
            await page.goto(ticket.json()["url"])
            await expect(page.get_by_text("is overloaded (503). Retrying.")).to_be_visible(timeout=PATIENCE)
            await expect(page.get_by_text("Tried 3 times; next try")).to_be_visible(timeout=PATIENCE)
            await expect(page.get_by_text("given up at")).to_be_visible()
            said, local = await page.locator("#outlook time").first.evaluate("each => [each.title, each.textContent]")
            assert (int(said.split(":")[1]) + 45) % 60 == int(local.split(":")[1]), (said, local)  # 5:45 h from UTC
            SHOTS.mkdir(exist_ok=True)
            await page.screenshot(path=SHOTS / "waiting-overloaded.png")
            await page.set_viewport_size({"width": 360, "height": 640})
            await page.screenshot(path=SHOTS / "waiting-overloaded-narrow.png")
            proxy.always = PASS
            await expect(page.get_by_role("heading", name="Settings")).to_be_visible(timeout=PATIENCE)
