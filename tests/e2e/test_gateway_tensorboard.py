"""A real TensorBoard behind the gateway, in a real Chromium: every dashboard, its bytes, its sleep."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace
from playwright.async_api import Page, Response, expect

from belvedere.runtimes.local import LocalRuntime
from belvedere.viewers.tensorboard.viewer import TensorBoard
from tests.support.chromium import browser, look_away, needs_chromium
from tests.support.gateway import Stage, job, stage
from tests.support.viewers import get, stand_up, until, viewer_spec
from tests.support.wire import wire

pytestmark = [pytest.mark.e2e, pytest.mark.browser, needs_chromium]
PATIENCE = 60_000  # milliseconds
DASHBOARDS = ("timeseries", "scalars", "images", "audio", "graphs", "distributions", "histograms", "text",
              "pr_curves", "mesh", "hparams", "custom_scalars", "projector", "debugger-v2")  # fmt: skip


@contextlib.asynccontextmanager
async def tensorboard(folder: Path) -> AsyncIterator[Stage]:
    """Jobs 1 and 2 on the same logs, awake."""
    runtime = LocalRuntime(folder)
    try:
        seen = await stand_up(runtime, viewer_spec(1))
        async with stage() as made:
            for job_id in (1, 2):
                made.put(job(job_id), seen)
            yield made
    finally:
        await runtime.close(end_viewers=True)


async def enter(page: Page, made: Stage, rest: str = "", job_id: int = 1) -> None:
    ticket = await made.ticket(job_id)
    await page.goto(str(made.url(f"/?ticket={ticket}{rest}", job_id)))
    await expect(page.locator("tb-webapp header, tb-webapp app-header")).to_be_visible(timeout=PATIENCE)


async def until_quiet(page: Page) -> None:
    await page.wait_for_load_state("networkidle")


async def test_every_dashboard_finds_all_that_it_asks_for(tmp_path: Path) -> None:
    async with tensorboard(tmp_path) as made, browser(width=1400, height=1000) as chromium:
        page = await chromium.new_page()
        urls: list[str] = []
        wrong: list[str] = []

        def note(answer: Response) -> None:
            urls.append(answer.url)
            wrong.extend([f"{answer.status} {answer.url}"] if answer.status >= 400 else [])

        page.on("response", note)
        await enter(page, made)
        for name in DASHBOARDS:
            await page.goto(str(made.url(f"/#{name}")))
            await until(_has(urls, f"/data/plugin/{name}/"))
        for name in ("index.js", "icon_bundle.svg", "data/plugin/projector/projector_binary.js"):
            await until(_has(urls, "/_belvedere/assets/tensorboard-", f"/{name}"))
        await until(_has(urls, "/projector/tensor"))
        assert wrong == []


def _has(urls: list[str], *parts: str) -> Callable[[], bool]:
    return lambda: any(all(part in url for part in parts) for url in urls)


async def test_a_second_job_costs_a_twentieth_of_the_first(tmp_path: Path) -> None:
    async with tensorboard(tmp_path) as made, wire(made.origin) as counted, browser() as chromium:
        made.origin = counted.origin
        costs = []
        for job_id in (1, 2):
            page, before = await chromium.new_page(), counted.down
            await enter(page, made, job_id=job_id)
            await expect(page.get_by_text("exp_0").filter(visible=True).first).to_be_visible(timeout=PATIENCE)
            await until_quiet(page)
            await page.close()
            costs.append(counted.down - before)
        assert costs[0] > 20 * costs[1], costs


async def test_shared_files_are_the_viewers_own_byte_for_byte(tmp_path: Path) -> None:
    async with tensorboard(tmp_path) as made, aiohttp.ClientSession() as client:
        seen = made.board.get(1)
        assert seen is not None
        assert seen.seen.endpoint is not None
        for file in TensorBoard().assets(None):
            _, headers, body = await asyncio.to_thread(get, seen.seen.endpoint.socket, f"/{file.path}")
            url = made.url(f"/{file.path}")
            async with client.get(url, headers={"X-Auth-Token": made.token, "Accept-Encoding": "gzip"}) as answer:
                assert (await answer.read(), answer.headers["Content-Type"]) == (body, headers["content-type"])
                assert answer.headers["Content-Encoding"] == "gzip"


async def test_a_sleeping_viewer_comes_back_by_a_reload_without_another_page(tmp_path: Path) -> None:
    async with tensorboard(tmp_path) as made, browser() as chromium:
        awake = made.board.get(1)
        assert awake is not None
        page = await chromium.new_page()
        await enter(page, made)
        made.asleep()
        made.on_use = lambda: made.put(replace(job(), version=9), awake.seen)
        statuses: list[int] = []
        page.on("response", lambda answer: statuses.append(answer.status))
        await page.reload()
        await expect(page.get_by_text("exp_0").filter(visible=True).first).to_be_visible(timeout=PATIENCE)
        assert 503 not in statuses


async def test_a_hidden_tab_that_reloads_its_data_is_no_use_until_it_is_looked_at(tmp_path: Path) -> None:
    async with tensorboard(tmp_path) as made, browser() as chromium:
        awake = made.board.get(1)
        assert awake is not None
        page = await chromium.new_page()
        await enter(page, made)
        await until(lambda: len(made.used) >= 2)  # the visit, and the page's own word
        await look_away(page, visible=False)
        made.used.clear()
        made.asleep()
        async with page.expect_response(lambda answer: answer.status == 503, timeout=PATIENCE):
            await page.locator(".reload-button").click()  # as its timer does
        assert made.used == []
        made.on_use = lambda: made.put(replace(job(), version=9), awake.seen)
        await look_away(page, visible=True)
        await until(lambda: made.used == [1])
        async with page.expect_response(_is_data, timeout=PATIENCE):
            await page.locator(".reload-button").click()


def _is_data(answer: Response) -> bool:
    return answer.status == 200 and "/data/" in answer.url
