"""A hostile script in a viewer's page, in a real Chromium, against a real service.

The browser is signed in at the console and has both jobs open. The script runs in the page of the first one.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from tests.support.chromium import browser, needs_chromium
from tests.support.service import BelvedereProcess

pytestmark = [pytest.mark.e2e, pytest.mark.browser, needs_chromium, pytest.mark.asyncio(loop_scope="module")]
PATIENCE = 60_000  # milliseconds
LOGS = Path(__file__).parents[1] / "data" / "tensorboard-rich" / "exp_1"

# Each gives what the script got; what is no more than this is nothing.
NOTHING = {"refused", "unreadable", "empty", 403, 421}

SCRIPTS = {
    "asks for another job at its own origin": "get(other + 'data/runs')",
    "asks for another job at its own origin, unread": "get(other + 'data/runs', { mode: 'no-cors' })",
    "asks for another job at this origin": "get(otherPath + 'data/runs')",
    "asks for another job at the shared origin": "get(shared + otherPath + 'data/runs')",
    "asks the API for the jobs": "get(api + '/v1/' + project + '/visualization-jobs')",
    "asks for the console's page": "get(api + '/')",
    "asks for the console's page, unread": "get(api + '/', { mode: 'no-cors' })",
    "asks for a ticket to another job": "get(api + '/jobs/2/open', { mode: 'no-cors' })",
    "makes a share link of another job": (
        "get(api + '/jobs/2/shares', { method: 'POST', mode: 'no-cors', body: new URLSearchParams({ note: 'x' }) })"
    ),
    "stops another job": "get(api + '/jobs/2/stop', { method: 'POST', mode: 'no-cors' })",
    "signs the person out": "get(api + '/sign-out', { method: 'POST', mode: 'no-cors' })",
    "says that somebody looks at another job": (
        "get(other + '_belvedere/present', { method: 'POST', mode: 'no-cors' })"
    ),
    "reads the cookies": "document.cookie || 'empty'",
    "shows a picture of another job": "load('img', other + 'data/plugin/images/individualImage?ts=0')",
    "runs another job's answer as a script": "load('script', other + 'data/runs')",
    "frames another job and reads it": "frame(other)",
    "frames the console and reads it": "frame(api + '/')",
    "opens another job in a window and reads it": "opened(other)",
    "opens the console in a window and reads it": "opened(api + '/')",
    "reads who opened it": "window.opener ? String(window.opener.location) : 'empty'",
    "installs a service worker": "worker('/_belvedere/assets/x.js')",
    "installs a service worker of a file that is there": "worker(own('presence'), 'all')",
    "installs a service worker below its prefix": "worker('data/plugin/x.js')",
    "makes itself one site with the others": "domain()",
    "plants a session for all jobs": "plant()",
}

PRELUDE = """
(where) => {
  const { api, shared, other, otherPath, project } = where;
  const get = (url, options) => fetch(url, { credentials: 'include', ...options }).then(
    (answer) => answer.type.startsWith('opaque') ? 'unreadable' : answer.ok ? answer.text() : answer.status,
    () => 'refused');
  const load = (kind, url) => new Promise((resolve) => {
    const element = document.createElement(kind);
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve('refused');
    element.src = url;
    document.body.append(element);
  });
  const reading = (read) => { try { return read() || 'unreadable'; } catch { return 'unreadable'; } };
  const after = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const frame = async (url) => {
    const element = document.createElement('iframe');
    element.src = url;
    document.body.append(element);
    await after(1000);
    return reading(() => element.contentDocument.body.innerText);
  };
  const opened = async (url) => {
    const page = window.open(url, '_blank');
    await after(1000);
    return page ? reading(() => page.document.body.innerText) : 'refused';
  };
  const worker = (url, cache) => navigator.serviceWorker.register(url, { updateViaCache: cache ?? 'imports' })
    .then(() => 'installed', (error) => String(error).includes('(403)') ? 'refused' : String(error));
  const own = (name) => document.querySelector(`script[src*=${name}]`).src;
  const domain = () => {
    const before = document.domain;
    return reading(() => { document.domain = 'localhost'; return document.domain === before ? 'refused' : 'done'; });
  };
  const plant = () => {
    document.cookie = 'belvedere_viewer=planted; Domain=localhost; Path=/';
    document.cookie = 'belvedere_console=planted; Domain=localhost; Path=/';
    return document.cookie || 'empty';
  };
  return SCRIPT;
}
"""


# Where all jobs share one origin. The other job has not been opened in this browser, and no script can open it.
ON_ONE_ORIGIN = (
    "asks the API for the jobs",
    "asks for the console's page",
    "asks for a ticket to another job",
    "opens another job in a window and reads it",
    "opens the console in a window and reads it",
    "frames the console and reads it",
    "asks for another job at this origin",
    "stops another job",
    "reads the cookies",
    "installs a service worker",
    "installs a service worker of a file that is there",
)


class World(msgspec.Struct):
    """What a test holds: the service, the browser, the hostile page, and where all else is."""

    service: BelvedereProcess
    chromium: BrowserContext
    page: Page
    where: dict[str, Any]


@contextlib.contextmanager
def service(folder: Path, *, on_one_origin: bool = False) -> Iterator[BelvedereProcess]:
    """A service with two jobs, both running."""
    for name in ("one", "two"):
        shutil.copytree(LOGS, folder / "logs" / name)
    made = BelvedereProcess(folder, log_roots=(folder / "logs",))
    if on_one_origin:
        made.add_flags("--viewer-url", made.viewer_url)
    made.start()
    try:
        for name in ("one", "two"):
            made.run(name, folder / "logs" / name)
        yield made
    finally:
        made.stop()


@contextlib.asynccontextmanager
async def hostile(running: BelvedereProcess, *, open_both: bool) -> AsyncIterator[World]:
    """A browser that is signed in and has the first job open, or both."""
    async with browser() as chromium:
        page = await chromium.new_page()
        await page.goto(running.endpoint)
        await page.get_by_text("Sign in with a token").click()
        await page.get_by_label("Token", exact=True).fill(running.token)
        await page.get_by_role("button", name="Sign in with the token").click()
        await expect(page.get_by_role("heading", name="Visualization jobs")).to_be_visible(timeout=PATIENCE)
        if open_both:
            await visit(await chromium.new_page(), running, 2)
        own = await visit(page, running, 1)
        other = own.replace("job-1.", "job-2.").replace("/1/", "/2/")
        where = {
            "api": running.endpoint,
            "shared": running.viewer_url,
            "other": other,
            "otherPath": "/" + other.split("/", 3)[3],
            "project": running.project_id,
        }
        yield World(running, chromium, page, where)


async def visit(page: Page, running: BelvedereProcess, job_id: int) -> str:
    """Open the job by a click on the console; where its viewer is."""
    await page.goto(f"{running.endpoint}/jobs/{job_id}")
    await page.get_by_role("link", name="Open", exact=True).click()
    await page.wait_for_selector("tb-webapp", timeout=PATIENCE)
    return page.url.partition("?")[0].partition("#")[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    with service(tmp_path_factory.mktemp("own")) as running:
        async with hostile(running, open_both=True) as made:
            yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_origin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    with service(tmp_path_factory.mktemp("shared"), on_one_origin=True) as running:
        async with hostile(running, open_both=False) as made:
            yield made


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_a_script_in_a_viewers_page_gets_nothing(world: World, script: str) -> None:
    got = await world.page.evaluate(PRELUDE.replace("SCRIPT", script), world.where)
    assert got in NOTHING


@pytest.mark.parametrize("name", ON_ONE_ORIGIN)
async def test_on_one_origin_a_script_gets_no_job_that_was_not_opened(one_origin: World, name: str) -> None:
    got = await one_origin.page.evaluate(PRELUDE.replace("SCRIPT", SCRIPTS[name]), one_origin.where)
    assert got in NOTHING | {401}


async def test_on_one_origin_the_other_job_is_still_closed_after_all_that(one_origin: World) -> None:
    got = await one_origin.page.evaluate(PRELUDE.replace("SCRIPT", "get(otherPath + 'data/runs')"), one_origin.where)
    assert got == 401
    own = await one_origin.page.evaluate(PRELUDE.replace("SCRIPT", "get('data/runs')"), one_origin.where)
    assert own.startswith("[")


async def test_all_that_changed_nothing(world: World) -> None:
    """After all that the script has tried."""
    jobs = {job["job_id"]: job["status"] for job in world.service.ask("GET", "").json()["jobs"]}
    assert jobs == {1: 8, 2: 8}
    assert world.service.ask("GET", "/2/shares").json()["shares"] == []
    page = await world.chromium.new_page()
    await page.goto(world.service.endpoint)
    await expect(page.get_by_role("heading", name="Visualization jobs")).to_be_visible(timeout=PATIENCE)
    assert {cookie["domain"].partition(".")[0] for cookie in await world.chromium.cookies()} == {
        "127",
        "job-1",
        "job-2",
    }


async def test_what_one_job_stores_in_the_browser_another_does_not_find(world: World) -> None:
    await world.page.evaluate("localStorage.setItem('planted', '1'); caches.open('planted')")
    page = await world.chromium.new_page()
    await page.goto(world.where["other"])
    found = await page.evaluate("Promise.all([localStorage.getItem('planted'), caches.has('planted')])")
    assert found == [None, False]


async def test_its_own_job_it_may_read(world: World) -> None:
    """Else the scripts above would get nothing whatever they asked for."""
    got = await world.page.evaluate(PRELUDE.replace("SCRIPT", "get('data/runs')"), world.where)
    assert got == '["."]' or got.startswith("[")


FILL = """
([count, size, path]) => {
  const value = 'v'.repeat(size);
  for (let n = 0; n < count; n++) document.cookie = `planted-${n}=${value}; Domain=belvedere.localhost; Path=${path}`;
  return document.cookie.length;
}
"""


async def fill(world: World, script: str, *given: object) -> int:
    """Let the viewer's page fill the jar; its characters then. Offline, else an answer might empty it meanwhile."""
    await world.chromium.set_offline(True)
    filled: int = await world.page.evaluate(script, given)
    await world.chromium.set_offline(False)
    return filled


@pytest.mark.parametrize("path", ["/", "/modelarts2/tensorboard"])
@pytest.mark.parametrize(("count", "size"), [(60, 4000), (300, 3500), (300, 10)], ids=["large", "evicting", "many"])
async def test_a_jar_that_it_fills_locks_nobody_out_of_another_job(
    world: World, count: int, size: int, path: str
) -> None:
    assert await fill(world, FILL, count, size, path) > min(count, 60) * size
    page = await world.chromium.new_page()
    await visit(page, world.service, 2)
    assert len(await page.evaluate("document.cookie")) < 2**16
    await page.close()


ODD = {
    "long names": "`${long}${n}=v`",
    "names beyond ASCII": "`é${n}=${long}`",
}
PLANT = """
() => {
  const long = 'v'.repeat(4000);
  for (let n = 0; n < 60; n++) document.cookie = PAIR + '; Domain=belvedere.localhost; Path=/modelarts2/tensorboard/';
  return document.cookie.length;
}
"""


@pytest.mark.parametrize("pair", ODD.values(), ids=ODD)
async def test_nor_does_a_jar_of_cookies_with_odd_names(world: World, pair: str) -> None:
    assert await fill(world, PLANT.replace("PAIR", pair)) > 2**16
    page = await world.chromium.new_page()
    await visit(page, world.service, 2)
    assert len(await page.evaluate("document.cookie")) < 2**16
    await page.close()


async def test_after_a_sign_out_its_own_job_is_closed_to_it(world: World) -> None:
    page = await world.chromium.new_page()
    await page.goto(world.service.endpoint)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=PATIENCE)
    for _ in range(100):
        got = await world.page.evaluate(PRELUDE.replace("SCRIPT", "get('data/runs')"), world.where)
        if got == 401:
            break
        await asyncio.sleep(0.1)
    assert got == 401
