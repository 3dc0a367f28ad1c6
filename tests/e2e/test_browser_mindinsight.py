"""A person's way to a MindInsight job: Chromium sees what a real MindSpore wrote to an object store drawn."""

import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, Request, expect

from belvedere.viewers.environments import Environments
from tests.e2e.conftest import BUCKET, QUICK, store_settings
from tests.support.chromium import browser, needs_chromium
from tests.support.installed import MINDSPORE_TRAINING
from tests.support.ports import free_port
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess, running_service

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.object_store, needs_chromium]
PATIENCE = 60_000  # milliseconds
SHOTS = Path(__file__).parents[2] / "test-results"
DRAWN_BY_A_TRAINING = {
    "/train-manage/training-dashboard?id=.%2Frun_lr0.1": "canvas",
    "/train-manage/graph?train_id=.%2Frun_lr0.1": "svg g.node",
    "/train-manage/data-map?train_id=.%2Frun_lr0.1": "svg g.node",
    "/model-traceback": ".el-table :text('run_lr0.01'):visible",
    "/data-traceback": ".el-table :text('GeneratorDataset'):visible",
}
RUN = "train_id=.%2Ftrain_0"


@pytest.fixture
async def chromium() -> AsyncIterator[BrowserContext]:
    async with browser(width=1400, height=900) as context:
        yield context


@pytest.fixture(scope="module")
def job(mindinsight_service: BelvedereProcess) -> dict[str, Any]:
    return mindinsight_service.run("mind", f"obs://{BUCKET}/mindspore-values/", job_type="mindinsight")


def ticket(service: BelvedereProcess, job: dict[str, Any]) -> str:
    url: str = service.ask("POST", f"/{job['job_id']}/ticket").json()["url"]
    return url


async def save(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SHOTS / f"mindinsight-{name}.png")


async def test_curve_image_and_histogram_are_drawn_and_nothing_is_asked_outside_of_the_prefix(
    mindinsight_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    page = await chromium.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda each: complaints.append(f"{each.status} {each.url}") if each.status >= 400 else None)
    await page.goto(ticket(mindinsight_service, job))
    await expect(page.get_by_text("train_0").filter(visible=True).first).to_be_visible(timeout=PATIENCE)
    await save(page, "runs")
    await take_in(page)
    for kind, drawing in (("scalar", "canvas"), ("image", "img[src*='image']"), ("histogram", "canvas")):
        await page.goto(f"{mindinsight_service.browser_url(job)}#/train-manage/{kind}?{RUN}")
        await expect(page.locator(drawing).filter(visible=True).first).to_be_visible(timeout=PATIENCE)
        await page.wait_for_load_state("networkidle")
        await save(page, kind)
    assert complaints == []
    assert [url for url in asked if not belongs(url, mindinsight_service, job)] == []


async def take_in(page: Page) -> None:
    """Look at the list of runs for as long as a person does at least.

    300 ms after it stands MindInsight's own script reaches for its table, and stumbles ("… reading 'bodyWrapper'") over
    a page that has been left by then. A timer of the page itself comes after that one, however busy the machine is.
    """
    await page.evaluate("() => new Promise(done => setTimeout(done, 300))")


@pytest.fixture(scope="module")
def training(mindinsight_service: BelvedereProcess) -> dict[str, Any]:
    return mindinsight_service.run("training", f"obs://{BUCKET}/{MINDSPORE_TRAINING.name}/", job_type="mindinsight")


async def test_a_guest_sees_graph_and_lineage_too_and_changes_nothing(
    mindinsight_service: BelvedereProcess, training: dict[str, Any], chromium: BrowserContext
) -> None:
    link = mindinsight_service.ask("POST", f"/{training['job_id']}/shares", {}).json()["url"]
    page = await chromium.new_page()
    refused: list[str] = []
    page.on("response", lambda each: refused.append(f"{each.status} {each.url}") if each.status >= 400 else None)
    await page.goto(link)
    await expect(page.get_by_text("run_lr0.1").filter(visible=True).first).to_be_visible(timeout=PATIENCE)
    await take_in(page)
    for place, drawing in DRAWN_BY_A_TRAINING.items():
        await page.goto(f"{mindinsight_service.browser_url(training)}#{place}")
        await expect(page.locator(drawing).filter(visible=True).first).to_be_visible(timeout=PATIENCE)
        await page.wait_for_load_state("networkidle")
        await save(page, f"guest-{place.partition('?')[0].rpartition('/')[2]}")
    assert refused == []
    debugger = await page.evaluate("fetch('v1/mindinsight/debugger/sessions', {method: 'POST'}).then(it => it.status)")
    assert debugger == 403


def belongs(url: str, service: BelvedereProcess, job: dict[str, Any]) -> bool:
    """Whether it is below the job's prefix, or one of the files that all jobs share."""
    own, asked = urlsplit(service.browser_url(job)), urlsplit(url)
    if asked.scheme in {"data", "blob"}:
        return True
    if asked.netloc == f"assets.belvedere.localhost:{own.port}":
        return asked.path.startswith("/_belvedere/assets/mindinsight-")
    return asked.netloc == own.netloc and asked.path.startswith((own.path, "/_belvedere/"))


class Portal(ThreadingHTTPServer):
    """Somebody's own page on the API's origin, as beside it behind a proxy: our pages frame nothing."""

    def __init__(self) -> None:
        self.page = b""
        super().__init__(("127.0.0.1", 0), PortalPage)


class PortalPage(BaseHTTPRequestHandler):
    server: Portal

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Nobody reads it."""


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def same_site(
    tmp_path: Path, seaweedfs: SeaweedFs, environments: Environments, portal: Portal
) -> Iterator[BelvedereProcess]:
    """A service whose viewers have another origin of the portal's site, so that frames keep their sessions."""
    env = {**QUICK, **store_settings(seaweedfs), "BELVEDERE_VIEWERS_FOLDER": str(environments.folder)}
    port = free_port()
    origins = ("--public-url", f"http://127.0.0.1:{portal.server_port}", "--viewer-url", f"http://127.0.0.1:{port}")
    with running_service(tmp_path, env=env, flags=(*origins, "--viewer-port", str(port))) as service:
        yield service


async def test_it_stands_in_a_page_of_the_apis_origin(
    same_site: BelvedereProcess, mindinsight_service: BelvedereProcess, portal: Portal, chromium: BrowserContext
) -> None:
    """`mindinsight_service` has filled the object store."""
    job = same_site.run("mind", f"obs://{BUCKET}/mindspore-values/", job_type="mindinsight")
    page = await chromium.new_page()
    await page.goto(ticket(same_site, job))
    portal.page = f"<iframe src='{job['service_url']}' width=1300 height=800></iframe>".encode()
    await page.goto(f"http://127.0.0.1:{portal.server_port}/")
    await expect(page.frame_locator("iframe").get_by_text("train_0").filter(visible=True).first).to_be_visible(
        timeout=PATIENCE
    )
    await save(page, "framed")


async def test_its_files_are_kept_by_the_browser_for_all_jobs(
    mindinsight_service: BelvedereProcess, job: dict[str, Any], chromium: BrowserContext
) -> None:
    page = await chromium.new_page()
    scripts: list[Request] = []
    page.on("request", lambda request: scripts.append(request) if request.resource_type == "script" else None)
    await page.goto(ticket(mindinsight_service, job))
    await expect(page.get_by_text("train_0").filter(visible=True).first).to_be_visible(timeout=PATIENCE)
    kept = []
    for script in scripts:
        answer = await script.response()
        kept.append(await answer.header_value("cache-control") if answer else None)
    assert sum("max-age=31536000, immutable" in (each or "") for each in kept) >= 2
    assert "no-store" not in " ".join(filter(None, kept))
