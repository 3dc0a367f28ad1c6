"""A person's way to a Netron job: Chromium sees the layers of a real model drawn, whichever place it lies in."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.conftest import BUCKET
from tests.support.chromium import browser, needs_chromium
from tests.support.installed import MODELS
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.object_store, needs_chromium]
PATIENCE = 60_000  # milliseconds
SHOTS = Path(__file__).parents[2] / "test-results"
MODEL = (MODELS / "small.onnx").read_bytes()
Place = Callable[[], str]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browser(width=1200, height=900) as context:
        yield await opened(context)


async def opened(context: BrowserContext) -> Page:
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    return page


@pytest.fixture
def train_url(request: pytest.FixtureRequest, folder: Path, seaweedfs: SeaweedFs) -> str:
    if request.param == "store":
        seaweedfs.put(BUCKET, "models/v 1/small.onnx", MODEL)
        return f"obs://{BUCKET}/models/"
    (folder / "models" / "v 1").mkdir(parents=True, exist_ok=True)
    (folder / "models" / "v 1" / "small.onnx").write_bytes(MODEL)
    return str(folder / "models")


@pytest.mark.parametrize("train_url", ["folder", "store"], indirect=True)
async def test_a_model_is_listed_and_its_layers_are_drawn(
    mindinsight_service: BelvedereProcess, train_url: str, page: Page
) -> None:
    job: dict[str, Any] = mindinsight_service.run("model", train_url, job_type="netron")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda each: complaints.append(f"{each.status} {each.url}") if each.status >= 400 else None)
    await page.goto(mindinsight_service.ask("POST", f"/{job['job_id']}/ticket").json()["url"])
    await page.get_by_role("link", name="v 1/small.onnx").click()
    for layer in ("Conv", "GlobalAveragePool", "Gemm", "Softmax"):
        await expect(page.locator("#target g.node").get_by_text(layer, exact=True)).to_be_visible(timeout=PATIENCE)
    SHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SHOTS / "netron.png")
    own = mindinsight_service.browser_url(job).partition("/modelarts2/")[0]
    assert complaints == []
    assert [url for url in asked if not url.startswith((own, "data:", "blob:"))] == []
