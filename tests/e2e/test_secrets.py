"""Every kind of secret is used, rightly and wrongly; then they are looked for wherever one might have been left."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.files import contents_below
from tests.support.logs import write_log
from tests.support.openid import OpenIdProvider, openid_provider
from tests.support.service import BelvedereProcess, wait_until
from tests.support.signing import sdk_signed

pytestmark = pytest.mark.e2e
PASSWORD, WRONG_PASSWORD, SHARE_PASSWORD = "hush-hush-right", "hush-hush-wrong", "hush-hush-share"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def logs(folder: Path) -> Path:
    write_log(folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as started:
        yield started


@pytest.fixture(scope="module")
def used(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, logs: Path, provider: OpenIdProvider
) -> Iterator[tuple[BelvedereProcess, dict[str, str], list[httpx2.Response]]]:
    """A service, the secrets that were used, and what it answered to wrong ones."""
    place = tmp_path_factory.mktemp("service")
    service = BelvedereProcess(place, log_roots=(folder,))
    oidc = provider.registered(service, create_users="true", first_project="default")
    service.add_variables({**oidc, "BELVEDERE_AUDIT_FILE": str(place / "audit.jsonl"), "BELVEDERE_LOG_LEVEL": "debug"})
    service.start()
    try:
        secrets = {"the provider's secret": oidc["BELVEDERE_OIDC_CLIENT_SECRET"]}
        answers = [*_use_passwords(service, secrets), *_use_keys(service, secrets), *_use_links(service, logs, secrets)]
        _use_provider(service, provider, secrets)
        yield service, secrets, answers
    finally:
        service.stop()


def _use_passwords(service: BelvedereProcess, secrets: dict[str, str]) -> list[httpx2.Response]:
    api = httpx2.Client(base_url=service.endpoint, headers=service.headers, timeout=30)
    api.post("/v1/identity/users", json={"name": "ann", "password": PASSWORD}).raise_for_status()
    api.put(f"/v1/identity/projects/{service.project_id}/members/ann", json={"role": "editor"}).raise_for_status()
    right, wrong = (
        httpx2.post(f"{service.endpoint}/v3/auth/tokens", json=_sign_in(each)) for each in (PASSWORD, WRONG_PASSWORD)
    )
    form = httpx2.post(f"{service.endpoint}/sign-in", data={"user": "ann", "password": PASSWORD}, headers=OURS)
    httpx2.post(f"{service.endpoint}/sign-in", data={"user": PASSWORD, "password": "ann"}, headers=OURS)  # a slip
    api.close()
    secrets |= {"a password": PASSWORD, "a wrong password": WRONG_PASSWORD, "a token": right.headers["X-Subject-Token"]}
    secrets["a session"] = form.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    return [wrong]


def _sign_in(password: str) -> object:
    user = {"name": "ann", "password": password, "domain": {"name": "default"}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}


def _use_keys(service: BelvedereProcess, secrets: dict[str, str]) -> list[httpx2.Response]:
    with httpx2.Client(base_url=service.endpoint, headers=service.headers, timeout=30) as admin:
        key = admin.post("/v3.0/OS-CREDENTIAL/credentials", json={"credential": {}}).json()["credential"]
        seconds = {"auth": {"identity": {"methods": ["token"], "token": {"duration_seconds": 900}}}}
        temporary = admin.post("/v3.0/OS-CREDENTIAL/securitytokens", json=seconds).json()["credential"]
    secrets |= {"a key": key["secret"], "a temporary key": temporary["secret"]}
    secrets["a security token"] = temporary["securitytoken"]
    url = f"{service.endpoint}/v1/{service.project_id}/visualization-jobs"
    _, right = sdk_signed(key["access"], key["secret"], "GET", url)
    httpx2.get(url, headers=right).raise_for_status()
    _, wrong = sdk_signed(key["access"], "wrong", "GET", url)
    wrong["X-Security-Token"] = secrets["a security token"]
    _, swapped = sdk_signed("A" * 20, key["secret"], "GET", url)
    bad = {"X-Auth-Token": secrets["a token"] + "x"}
    secrets["a bad token"] = bad["X-Auth-Token"]
    return [httpx2.get(url, headers=each) for each in (wrong, swapped, bad)]


def _use_links(service: BelvedereProcess, logs: Path, secrets: dict[str, str]) -> list[httpx2.Response]:
    job = service.run("secret", logs)
    wait_until(lambda: service.curve(job["service_url"]))
    share = service.ask("POST", f"/{job['job_id']}/shares", {"expires_in": 3600, "password": SHARE_PASSWORD}).json()
    opened = httpx2.post(share["url"], data={"password": SHARE_PASSWORD}, headers=OURS)
    link = service.ask("POST", f"/{job['job_id']}/ticket").json()["url"]
    name = httpx2.URL(link).host
    visit = link.replace(name, "127.0.0.1")
    entered = httpx2.get(visit, headers={"Host": f"{name}:{service.viewer_port}", "Accept": "text/html"})
    secrets |= {"a share's password": SHARE_PASSWORD, "a share link": share["url"].rpartition("/")[2]}
    secrets["a share's ticket"] = opened.headers["Location"].partition("ticket=")[2]
    secrets["a ticket"] = link.partition("ticket=")[2]
    secrets["a viewer's session"] = entered.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    httpx2.post(share["url"], data={"password": WRONG_PASSWORD}, headers=OURS)  # the page's own address is the link
    return [httpx2.get(visit)]


def _use_provider(service: BelvedereProcess, provider: OpenIdProvider, secrets: dict[str, str]) -> None:
    provider.add_person("p", preferred_username="ben")
    with httpx2.Client(base_url=service.endpoint, timeout=30) as browser:
        there = browser.get("/sign-in/oidc").headers["Location"]
        secrets["an attempt"] = next(iter(browser.cookies.values()))
        back = httpx2.post(there, data={"sub": "p"}).headers["Location"]
        secrets["a code"] = httpx2.URL(back).params["code"]
        secrets["a state"] = httpx2.URL(back).params["state"]
        assert browser.get(back).status_code == 303
        secrets["a session by the provider"] = next(iter(browser.cookies.values()))


Used = tuple[BelvedereProcess, dict[str, str], list[httpx2.Response]]


def test_each_was_a_secret_and_was_used(used: Used) -> None:
    _, secrets, _ = used
    assert len(secrets) >= 18
    assert {name: text for name, text in secrets.items() if len(text) < 12} == {}


def test_no_file_of_the_service_holds_one(used: Used) -> None:
    """Logs, the audit, the database with its write-ahead log, viewers' logs and mirrors; but for bootstrap.json."""
    service, secrets, _ = used
    files = contents_below(service.data.parent)
    assert any(path.name == "belvedere.db" for path in files)
    found = {
        (name, path.name) for path, data in files.items() for name, text in secrets.items() if text.encode() in data
    }
    assert {(name, file) for name, file in found if file != "bootstrap.json"} == set()


def test_no_process_shows_one(used: Used) -> None:
    service, secrets, _ = used
    assert service.process is not None
    children = [each.pid for each in service.processes() if each.pid != service.process.pid]
    assert children
    places = [Path(f"/proc/{service.process.pid}/cmdline")]
    places += [Path(f"/proc/{pid}/{name}") for pid in children for name in ("cmdline", "environ")]
    found = {(name, str(path)) for path in places for name, text in secrets.items() if text.encode() in _read(path)}
    assert found == set()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # it has ended meanwhile
        return b""


def test_no_answer_to_a_wrong_one_repeats_one(used: Used) -> None:
    _, secrets, answers = used
    assert all(400 <= answer.status_code < 500 for answer in answers)
    told = "".join(answer.text + repr(answer.headers) for answer in answers)
    assert {name for name, text in secrets.items() if text in told} == set()


def test_nothing_of_the_service_leaves_a_core(used: Used) -> None:
    service, _, _ = used
    for process in service.processes():
        limits = _read(Path(f"/proc/{process.pid}/limits")).decode()
        assert not limits or re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), process
