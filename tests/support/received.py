"""What a browser gets over the wire for a page: what it has kept from before costs nothing."""

from typing import Any

from playwright.async_api import BrowserContext, expect

PATIENCE = 60_000  # milliseconds


async def bytes_received(context: BrowserContext, url: str) -> int:
    """Headers and bodies, as sent, of all that a TensorBoard's page takes to draw its first chart."""
    page = await context.new_page()
    sizes: list[float] = []

    def finished(event: dict[str, Any]) -> None:
        sizes.append(event["encodedDataLength"])

    session = await context.new_cdp_session(page)
    session.on("Network.loadingFinished", finished)
    await session.send("Network.enable")
    await page.goto(url)
    await expect(page.locator("line-chart canvas").filter(visible=True).first).to_be_visible(timeout=PATIENCE)
    await page.wait_for_load_state("networkidle")
    await page.close()
    return round(sum(sizes))
