"""Debian's Chromium, driven by Playwright, with a fresh profile and no talk to the outside."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGUMENTS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt install chromium")


@contextlib.asynccontextmanager
async def browser(
    *,
    width: int = 1200,
    height: int = 800,
    scheme: Literal["light", "dark"] = "light",
    java_script: bool = True,
    ignore_https_errors: bool = False,
    zone: str | None = None,
) -> AsyncIterator[BrowserContext]:
    """A browser with a profile of its own, both gone when the context ends."""
    with tempfile.TemporaryDirectory(prefix="bv-chromium-", ignore_cleanup_errors=True) as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile,
                executable_path=CHROMIUM,
                headless=True,
                args=list(ARGUMENTS),
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                java_script_enabled=java_script,
                ignore_https_errors=ignore_https_errors,
                timezone_id=zone,
            )
            try:
                yield context
            finally:
                await context.close()


async def look_away(page: Page, *, visible: bool) -> None:
    """Let the page believe that its tab went behind another one, or came back. Headless Chromium's tabs never do."""
    state = "visible" if visible else "hidden"
    await page.evaluate(
        f"Object.defineProperty(document, 'visibilityState', {{ value: '{state}', configurable: true }});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
