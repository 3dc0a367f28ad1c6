"""A browser that comes by https: to the service itself, and to a real proxy in front that ends TLS."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import expect

from tests.e2e.conftest import QUICK
from tests.support.caddy import Caddy, caddy
from tests.support.certificates import write_certificate
from tests.support.chromium import browser, needs_chromium
from tests.support.logs import write_log
from tests.support.openid import OpenIdProvider, openid_provider
from tests.support.service import BelvedereProcess, wait_until

pytestmark = pytest.mark.e2e
PATIENCE = 60_000  # milliseconds
GUESSES = 5  # a minute


class ByHttps(BelvedereProcess):
    """Speaks TLS itself, on names that browsers resolve to this machine by themselves."""

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self.endpoint}/readyz", timeout=5, verify=False).status_code == 200
        except httpx2.TransportError:
            return False

    def client(self) -> httpx2.Client:
        url = f"{self.endpoint}/v1/{self.project_id}"
        return httpx2.Client(base_url=url, headers=self.headers, timeout=60, verify=False)


@pytest.fixture(scope="module")
def logs(folder: Path) -> Path:
    write_log(folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Caddy:
    return Caddy(tmp_path_factory.mktemp("caddy"))


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as started:
        yield started


@pytest.fixture(scope="module")
def behind(
    proxy: Caddy, provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory, folder: Path
) -> Iterator[BelvedereProcess]:
    """A service that speaks plain HTTP to the proxy alone."""
    env = {**QUICK, "BELVEDERE_TRUSTED_PROXIES": "127.0.0.1", "BELVEDERE_GUESS_RATE": str(GUESSES)}
    flags = ("--public-url", proxy.console, "--viewer-url", proxy.viewers)
    service = BelvedereProcess(tmp_path_factory.mktemp("service"), log_roots=(folder,), env=env, flags=flags)
    service.add_variables(
        provider.registered(service, origin=proxy.console, create_users="true", first_project="default")
    )
    with caddy(proxy, api=service.port, gateway=service.viewer_port):
        service.start()
        try:
            yield service
        finally:
            service.stop()


@pytest.fixture(scope="module")
def by_itself(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[BelvedereProcess]:
    names = ("belvedere.localhost", "viewers.localhost", "*.viewers.localhost")
    certificate, key = map(str, write_certificate(tmp_path_factory.mktemp("tls"), *names))
    service = ByHttps(tmp_path_factory.mktemp("service"), log_roots=(folder,), env=QUICK)
    service.add_flags("--tls-cert", certificate, "--tls-key", key)
    service.add_flags("--public-url", f"https://belvedere.localhost:{service.port}")
    service.add_flags("--viewer-url", f"https://*.viewers.localhost:{service.viewer_port}")
    service.start()
    yield service
    service.stop()


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("way", ["behind", "by_itself"])
async def test_a_browser_opens_a_job_at_its_own_origin_and_its_cookies_stay_there(
    way: str, request: pytest.FixtureRequest, logs: Path
) -> None:
    service: BelvedereProcess = request.getfixturevalue(way)
    job = service.run("secure", logs)
    own = f"job-{job['job_id']}.viewers.localhost"
    async with browser(ignore_https_errors=True) as chromium:
        page = await chromium.new_page()
        page.set_default_timeout(PATIENCE)
        await page.goto(f"{service.bootstrap['endpoint']}/jobs/{job['job_id']}")
        await page.get_by_text("Sign in with a token").click()
        await page.get_by_label("Token", exact=True).fill(service.token)
        await page.get_by_role("button", name="Sign in with the token").click()
        await page.get_by_role("link", name="Open", exact=True).click()
        await expect(page.get_by_text("loss", exact=True).filter(visible=True).first).to_be_visible(timeout=PATIENCE)
        assert page.url.startswith(f"https://{own}:")
        kept = {(cookie["name"], cookie["domain"], cookie["secure"]) for cookie in await chromium.cookies()}
        ours = {each for each in kept if "belvedere" in each[0]}
        assert ours == {
            ("__Host-Http-belvedere_console", "belvedere.localhost", True),
            ("__Host-belvedere_viewer", own, True),
        }
        assert await page.evaluate("document.cookie.includes('belvedere')") is False


PLANT = "name => { document.cookie = `${name}=planted; Secure; Path=/`; return document.cookie }"


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("name", ["console", "attempt"])
async def test_no_script_at_the_consoles_host_plants_a_session_there(by_itself: BelvedereProcess, name: str) -> None:
    """Whatever the port: cookies know none."""
    async with browser(ignore_https_errors=True) as chromium:
        page = await chromium.new_page()
        await page.goto(f"{by_itself.bootstrap['endpoint']}/sign-in")
        assert await page.evaluate(PLANT, f"__Host-Http-belvedere_{name}") == ""
        assert await page.evaluate(PLANT, f"__Host-belvedere_{name}") != ""  # else the line above could not fail


@pytest.mark.browser
@needs_chromium
async def test_a_sign_in_at_a_provider_goes_over_the_proxy_with_secure_cookies(
    behind: BelvedereProcess, proxy: Caddy, provider: OpenIdProvider
) -> None:
    provider.add_person("p", preferred_username="ann")
    async with browser(ignore_https_errors=True) as chromium:
        page = await chromium.new_page()
        page.set_default_timeout(PATIENCE)
        await page.goto(f"{proxy.console}/sign-in/oidc")
        (attempt,) = await chromium.cookies(proxy.console)
        assert (attempt["name"], attempt["secure"]) == ("__Host-Http-belvedere_attempt", True)
        await page.get_by_placeholder("sub").fill("p")
        await page.get_by_role("button", name="Authorize").click()
        await expect(page.get_by_role("heading", name="Visualization jobs")).to_be_visible(timeout=PATIENCE)
        (session,) = await chromium.cookies(proxy.console)
        assert (session["name"], session["secure"]) == ("__Host-Http-belvedere_console", True)


def test_the_audit_tells_the_clients_address_and_no_made_up_one(behind: BelvedereProcess, proxy: Caddy) -> None:
    assert_audited_from_where_it_came(behind, proxy)


def test_so_it_does_behind_a_proxy_that_writes_forwarded(tmp_path: Path) -> None:
    proxy = Caddy(tmp_path)
    env = {**QUICK, "BELVEDERE_TRUSTED_PROXIES": "127.0.0.1", "BELVEDERE_PROXY_HEADER": "forwarded"}
    flags = ("--public-url", proxy.console, "--viewer-url", proxy.viewers)
    service = BelvedereProcess(tmp_path, env=env, flags=flags)
    with caddy(proxy, api=service.port, gateway=service.viewer_port):
        service.start()
        try:
            assert_audited_from_where_it_came(service, proxy)
        finally:
            service.stop()


def assert_audited_from_where_it_came(service: BelvedereProcess, proxy: Caddy) -> None:
    made_up = {"X-Forwarded-For": "203.0.113.66", "Forwarded": "for=203.0.113.66", "Sec-Fetch-Site": "same-origin"}
    answer = proxy.ask(
        "POST", f"{proxy.console}/sign-in", address="127.0.0.2", headers=made_up, user="ann", password="wrong-wrong"
    )
    assert answer.status_code == 401
    with service.client() as client:
        asked = {"trace_name": "login", "all_projects": "true", "limit": "1"}
        (trace,) = client.get("/audit", params=asked).json()["traces"]
    assert trace["source_ip"] == "127.0.0.2"


def test_who_goes_round_the_proxy_is_told_by_their_own_address(behind: BelvedereProcess) -> None:
    transport = httpx2.HTTPTransport(local_address="127.0.0.3")
    with httpx2.Client(transport=transport, base_url=behind.endpoint) as client:
        client.get("/v1/identity/me", headers={"X-Auth-Token": "made-up", "X-Forwarded-For": "203.0.113.67"})
    with behind.client() as client:
        asked = {"trace_name": "turnAway", "all_projects": "true", "limit": "1"}
        (trace,) = client.get("/audit", params=asked).json()["traces"]
    assert trace["source_ip"] == "127.0.0.3"


@pytest.mark.parametrize(("origin", "last"), [("console", 4), ("viewers", 6)])
def test_bad_tokens_are_counted_by_the_address_behind_the_proxy_at_both_origins(
    behind: BelvedereProcess, proxy: Caddy, logs: Path, origin: str, last: int
) -> None:
    job = behind.create("counted", logs)
    url = f"{proxy.console}/v1/identity/me" if origin == "console" else f"{job['service_url']}data/runs"
    bad = {"X-Auth-Token": "made-up"}
    found = [proxy.ask("GET", url, address=f"127.0.0.{last}", headers=bad).status_code for _ in range(GUESSES + 1)]
    assert found == [401] * GUESSES + [429]
    assert proxy.ask("GET", url, address=f"127.0.0.{last + 1}", headers=bad).status_code == 401


def test_pages_say_to_come_by_https_alone_and_answers_are_streamed(
    behind: BelvedereProcess, proxy: Caddy, logs: Path
) -> None:
    assert proxy.ask("GET", f"{proxy.console}/").headers["Strict-Transport-Security"] == "max-age=31536000"
    job = behind.run("streamed", logs)
    url = f"{job['service_url']}data/plugin/scalars/scalars?run=.&tag=loss"
    answer = wait_until(lambda: _data(proxy.ask("GET", url, headers={"X-Auth-Token": behind.token})))
    assert answer is not None
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    upgrade = {"X-Auth-Token": behind.token, "Connection": "Upgrade", "Upgrade": "websocket"}
    assert proxy.ask("GET", url, headers=upgrade).status_code == 400


def _data(answer: httpx2.Response) -> httpx2.Response | None:
    return answer if answer.status_code == 200 and answer.json() else None
