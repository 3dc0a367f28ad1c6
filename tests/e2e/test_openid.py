"""Signing in at a real OpenID provider, in a real browser and by its requests one by one."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.async_api import expect

from tests.support.chromium import browser, needs_chromium
from tests.support.openid import OpenIdProvider, openid_provider
from tests.support.service import BelvedereProcess

PATIENCE = 60_000  # milliseconds
CALLBACK = "/sign-in/oidc/callback"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as started:
        yield started


@pytest.fixture(scope="module")
def service(provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BelvedereProcess]:
    """It makes users of whoever the provider knows, viewers of the first project."""
    made = BelvedereProcess(tmp_path_factory.mktemp("service"))
    settings = provider.registered(made, create_users="true", first_project="default", require="org=hill")
    made.add_variables({**settings, "BELVEDERE_GUESS_RATE": "0"})
    made.start()
    yield made
    made.stop()


class Person:
    """Somebody's browser, one request at a time."""

    def __init__(self, service: BelvedereProcess, subject: str) -> None:
        self.service = service
        self.subject = subject
        self.client = httpx2.Client(base_url=service.endpoint, timeout=30)

    def depart(self, target: str = "/") -> str:
        answer = self.client.get("/sign-in/oidc", params={"next": target})
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def allowed(self, url: str) -> str:
        """The provider's answer: where it sends the browser."""
        answer = httpx2.post(url, data={"sub": self.subject}, timeout=30)
        assert answer.status_code in {302, 303}, answer.text
        return answer.headers["Location"]

    def arrive(self, url: str) -> httpx2.Response:
        return self.client.get(url)

    def is_signed_in(self) -> bool:
        return self.client.get("/").status_code == 200


People = Callable[[BelvedereProcess, str], Person]


@pytest.fixture
def people() -> Iterator[People]:
    with contextlib.ExitStack() as stack:

        def somebody(service: BelvedereProcess, subject: str) -> Person:
            made = Person(service, subject)
            stack.enter_context(made.client)
            return made

        yield somebody


@pytest.fixture
def person(service: BelvedereProcess, provider: OpenIdProvider, people: People) -> Person:
    provider.add_person("person-1", preferred_username="Carl")
    return people(service, "person-1")


@pytest.fixture
def stranger(service: BelvedereProcess, people: People) -> Person:
    return people(service, "")


@pytest.mark.browser
@needs_chromium
async def test_somebody_signs_in_at_the_provider_and_out_again(
    service: BelvedereProcess, provider: OpenIdProvider
) -> None:
    provider.add_person("person-0", preferred_username="ann")
    async with browser() as chromium:
        page = await chromium.new_page()
        page.set_default_timeout(PATIENCE)
        await page.goto(service.endpoint)
        await page.get_by_role("link", name="Sign in with Hill ID").click()
        await page.get_by_placeholder("sub").fill("person-0")
        await page.get_by_role("button", name="Authorize").click()
        await expect(page.get_by_role("heading", name="Visualization jobs")).to_be_visible(timeout=PATIENCE)
        await expect(page.get_by_text("ann", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("link", name="Sign in with Hill ID")).to_be_visible(timeout=PATIENCE)
        assert {cookie["name"] for cookie in await chromium.cookies(service.endpoint)} == set()


@pytest.mark.browser
@needs_chromium
async def test_whoever_changes_their_mind_there_is_told_so_here(service: BelvedereProcess) -> None:
    async with browser() as chromium:
        page = await chromium.new_page()
        page.set_default_timeout(PATIENCE)
        await page.goto(f"{service.endpoint}/sign-in/oidc")
        await page.get_by_role("button", name="Deny").click()
        await expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE)
        assert CALLBACK in page.url


def test_whoever_comes_is_led_to_where_they_wanted_to_go(person: Person) -> None:
    back = person.arrive(person.allowed(person.depart("/jobs/7")))
    assert (back.status_code, back.headers["Location"]) == (303, "/jobs/7")
    assert "Max-Age=43200" in back.headers["Set-Cookie"]
    assert person.is_signed_in()


def test_a_name_that_changes_there_stays_one_user_here(person: Person, provider: OpenIdProvider) -> None:
    person.arrive(person.allowed(person.depart()))
    provider.add_person("person-1", preferred_username="carla")
    person.client.cookies.clear()
    person.arrive(person.allowed(person.depart()))
    assert ">carl<" in person.client.get("/").text


def test_another_person_of_the_same_name_is_not_let_in(
    person: Person, provider: OpenIdProvider, people: People
) -> None:
    person.arrive(person.allowed(person.depart()))
    provider.add_person("person-2", preferred_username="carl")
    other = people(person.service, "person-2")
    back = other.arrive(other.allowed(other.depart()))
    assert (back.status_code, "Somebody else signs in as carl already" in back.text) == (403, True)
    assert not other.is_signed_in()
    users = f"{person.service.endpoint}/v1/identity/users/carl"
    httpx2.put(users, json={"outside": False}, headers=person.service.headers).raise_for_status()
    assert not person.is_signed_in()
    assert other.arrive(other.allowed(other.depart())).status_code == 303
    httpx2.put(users, json={"outside": False}, headers=person.service.headers).raise_for_status()


def test_whoever_lacks_what_is_required_is_not_let_in(
    service: BelvedereProcess, provider: OpenIdProvider, people: People
) -> None:
    provider.add_person("olga", preferred_username="olga", org="valley")
    olga = people(service, "olga")
    back = olga.arrive(olga.allowed(olga.depart()))
    assert (back.status_code, "not among those" in back.text, olga.is_signed_in()) == (403, True, False)
    provider.add_person("olga", preferred_username="olga", org=["valley", "hill"])
    assert olga.arrive(olga.allowed(olga.depart())).status_code == 303


def test_nobody_becomes_the_administrator_by_calling_themselves_so(
    service: BelvedereProcess, provider: OpenIdProvider, people: People
) -> None:
    provider.add_person("mallory", preferred_username="admin")
    mallory = people(service, "mallory")
    back = mallory.arrive(mallory.allowed(mallory.depart()))
    assert (back.status_code, mallory.is_signed_in()) == (403, False)


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/sign-out", "/%0d%0a"]
)
def test_nobody_is_led_elsewhere(person: Person, target: str) -> None:
    back = person.arrive(person.allowed(person.depart(target)))
    assert (back.status_code, back.headers["Location"]) == (303, "/")


def test_a_code_is_good_once_and_so_is_an_attempt(person: Person, stranger: Person) -> None:
    url = person.allowed(person.depart())
    kept = dict(person.client.cookies)
    person.arrive(url)
    stranger.client.cookies.update(kept)
    assert (stranger.arrive(url).status_code, stranger.is_signed_in()) == (401, False)


def test_another_browsers_answer_signs_nobody_in(person: Person, stranger: Person) -> None:
    """Else somebody could be made to work, unknowing, in the attacker's account."""
    url = person.allowed(person.depart())
    assert (stranger.arrive(url).status_code, stranger.is_signed_in()) == (401, False)
    stranger.depart()
    assert (stranger.arrive(url).status_code, stranger.is_signed_in()) == (401, False)


def test_a_stolen_code_is_worth_nothing_in_another_attempt(person: Person, stranger: Person) -> None:
    code = parse_qs(urlsplit(person.allowed(person.depart())).query)["code"][0]
    state = parse_qs(urlsplit(stranger.depart()).query)["state"][0]
    back = stranger.arrive(f"{CALLBACK}?code={code}&state={state}")
    assert (back.status_code, stranger.is_signed_in()) == (401, False)


@pytest.mark.parametrize(
    "query",
    ["", "code=x", "state={state}", "code=a&code=b&state={state}", "code=x&state={state}&state={state}",
     "code=x&state={state}&iss=https://evil.example", "error=<script>&state={state}", "code=made-up&state={state}"],
)  # fmt: skip
def test_an_answer_that_is_none_opens_nothing_and_repeats_nothing(person: Person, query: str) -> None:
    state = parse_qs(urlsplit(person.depart()).query)["state"][0]
    back = person.arrive(f"{CALLBACK}?{query.format(state=state)}")
    assert (back.status_code, person.is_signed_in()) == (401, False)
    assert "<script>" not in back.text
    assert "belvedere_attempt=;" in back.headers["Set-Cookie"]


def test_who_signed_in_and_how_is_in_the_audit_and_no_secret_is(person: Person) -> None:
    url = person.allowed(person.depart())
    person.arrive(url)
    with person.service.client() as admin:
        traces = admin.get("/audit", params={"trace_name": "login", "user": "carl", "all_projects": "true"}).json()
    assert traces["traces"][0]["signed_by"] == "oidc"
    told = (person.service.log_file.read_text(), str(traces))
    code, state = (parse_qs(urlsplit(url).query)[name][0] for name in ("code", "state"))
    assert not any(secret in text for secret in (code, state) for text in told)


def test_while_the_provider_is_away_the_page_says_so_and_the_other_ways_work(tmp_path: Path) -> None:
    with openid_provider() as provider:
        service = BelvedereProcess(tmp_path)
        service.add_variables(provider.registered(service))
    service.start()
    try:
        away = httpx2.get(f"{service.endpoint}/sign-in/oidc")
        assert (away.status_code, "Hill ID can’t be reached" in away.text.replace("&#39;", "’")) == (503, True)
        entered = httpx2.post(
            f"{service.endpoint}/sign-in", data={"token": service.token}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert entered.status_code == 303
        with openid_provider(provider):
            assert httpx2.get(f"{service.endpoint}/sign-in/oidc").status_code == 303
    finally:
        service.stop()


def test_an_unknown_person_is_refused_until_an_administrator_adds_them(tmp_path: Path, people: People) -> None:
    with openid_provider() as provider:
        service = BelvedereProcess(tmp_path)
        service.add_variables(provider.registered(service))
        service.start()
        try:
            provider.add_person("person-3", preferred_username="dora")
            dora = people(service, "person-3")
            back = dora.arrive(dora.allowed(dora.depart()))
            assert (back.status_code, "dora is nobody here yet" in back.text) == (403, True)
            with httpx2.Client(base_url=f"{service.endpoint}/v1/identity", headers=service.headers) as admin:
                admin.post("/users", json={"name": "dora"}).raise_for_status()
                back = dora.arrive(dora.allowed(dora.depart()))
                assert (back.status_code, "no role in any project" in back.text) == (403, True)
                admin.put(f"/projects/{service.project_id}/members/dora", json={"role": "editor"}).raise_for_status()
            assert dora.arrive(dora.allowed(dora.depart())).status_code == 303
            assert dora.is_signed_in()
        finally:
            service.stop()
