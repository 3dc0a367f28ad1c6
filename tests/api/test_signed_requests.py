"""Signed requests at the API's door: each part changed, replayed, too often wrong, by temporary keys."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from belvedere.identity.keys import FAILURES, LOCKED, NewKey
from belvedere.identity.passes import Passes
from belvedere.identity.permissions import Role
from belvedere.identity.records import Member
from belvedere.identity.replays import TWIN
from tests.support.api import OTHER_PROJECT, PROJECT, Api
from tests.support.signing import sdk_signed

JOBS = f"http://api.example/v1/{PROJECT}/visualization-jobs"
BODY = b'{"job_name": "run-1", "train_url": "/bucket/run-1/"}'


class Signer:
    """Signs as colleague, an owner in PROJECT, and sends."""

    def __init__(self, api: Api, made: NewKey) -> None:
        self.api = api
        self.made = made
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(api.app, raise_app_exceptions=False))

    def sign(self, method: str = "GET", url: str = JOBS, **how: Any) -> tuple[str, dict[str, str]]:
        how.setdefault("at", self.api.world.now)
        secret = how.pop("secret", self.made.secret_key)
        return sdk_signed(self.made.key.access_key, secret, method, url, **how)

    async def send(self, method: str = "GET", url: str = JOBS, *, body: bytes = b"", **how: Any) -> httpx2.Response:
        target, headers = self.sign(method, url, body=body, **how)
        return await self.client.request(method, target, headers=headers, content=body)


@pytest.fixture
async def signer(api: Api) -> Signer:
    return Signer(api, await api.keys.create("colleague", api.world.now))


def refusal(answer: httpx2.Response) -> str:
    """The message of an APIG.0301."""
    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIG.0301"), answer.text
    assert answer.headers["WWW-Authenticate"]
    message: str = answer.json()["error_msg"]
    return message


async def test_a_signed_request_acts_for_the_keys_user(signer: Signer) -> None:
    answer = await signer.send("POST", body=BODY)
    job = await signer.api.details(answer.json()["job_id"])
    assert job["owner"] == "colleague"


async def test_what_was_signed_can_not_be_changed(signer: Signer) -> None:
    url, headers = signer.sign("POST", body=BODY, query=[("a", "1")])
    later = (signer.api.world.now + timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")
    signature = headers["Authorization"][-64:]
    changes: list[tuple[str, str, bytes, dict[str, str]]] = [
        ("GET", url, BODY, {}),
        ("POST", url.replace("a=1", "a=2"), BODY, {}),
        ("POST", url + "&b=1", BODY, {}),
        ("POST", url.replace(PROJECT, OTHER_PROJECT), BODY, {}),
        ("POST", url.replace("visualization-jobs", "log-stores"), BODY, {}),
        ("POST", url, BODY.replace(b"run-1", b"run-2"), {}),
        ("POST", url, b"", {}),
        ("POST", url, BODY, {"X-Sdk-Date": later}),
        ("POST", url, BODY, {"Host": "another.example"}),
        ("POST", url, BODY, {"User-Agent": "another"}),
        ("POST", url, BODY, {"Content-Type": "text/plain"}),
        ("POST", url, BODY, {"Authorization": headers["Authorization"].replace(signature, signature[::-1])}),
    ]
    for method, target, body, changed in changes:
        signer.api.keys._failures.clear()
        answer = await signer.client.request(method, target, headers={**headers, **changed}, content=body)
        assert "verify aksk signature fail" in refusal(answer), (method, target, changed)
    assert await signer.api.everything() == []


async def test_a_header_that_is_not_signed_may_be_added(signer: Signer) -> None:
    url, headers = signer.sign()
    assert (await signer.client.get(url, headers={**headers, "Accept": "x/y"})).status_code == 200


async def test_a_replay_is_refused(signer: Signer) -> None:
    url, headers = signer.sign("POST", body=BODY)
    first = await signer.client.post(url, headers=headers, content=BODY)
    second = await signer.client.post(url, headers=headers, content=BODY)
    assert first.status_code == 200
    assert "used before" in refusal(second)
    assert len(await signer.api.everything()) == 1


async def test_a_reading_request_may_be_sent_twice_within_its_second_on_one_connection(signer: Signer) -> None:
    url, headers = signer.sign()
    answers = [await signer.client.get(url, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    elsewhere = httpx2.ASGITransport(signer.api.app, client=("10.0.0.9", 9))
    async with httpx2.AsyncClient(transport=elsewhere) as another:
        assert "used before" in refusal(await another.get(url, headers=headers))
    signer.api.world.now += TWIN + timedelta(seconds=1)
    assert "used before" in refusal(await signer.client.get(url, headers=headers))


async def test_the_sixth_wrong_signature_locks_the_key_for_five_minutes(signer: Signer) -> None:
    for _ in range(FAILURES + 1):
        assert "verify aksk" in refusal(await signer.send(secret="wrong"))
    assert "AK access failed to reach the limit,forbidden." in refusal(await signer.send())
    signer.api.world.now += LOCKED
    assert (await signer.send()).status_code == 200


async def test_a_right_signature_forgets_the_wrong_ones_before(signer: Signer) -> None:
    for n in range(2):
        for _ in range(FAILURES):
            await signer.send(secret="wrong")
        assert (await signer.send(query=[("page", n + 1)])).status_code == 200


async def test_a_key_of_nobody_is_told_so_and_counts_for_nothing(signer: Signer) -> None:
    signer.made = replace(signer.made, key=replace(signer.made.key, access_key="NOBODY"))
    for _ in range(FAILURES + 2):
        assert "Get secretKey failed,ak:******,err:ak not exist" in refusal(await signer.send())
    assert not signer.api.keys._failures


async def test_a_removed_key_opens_nothing_at_once(signer: Signer) -> None:
    assert (await signer.send()).status_code == 200
    await signer.api.keys.remove(signer.made.key.access_key)
    assert "ak not exist" in refusal(await signer.send("POST", body=BODY))


async def test_another_project_is_refused_as_one_that_is_not_there(signer: Signer) -> None:
    answers = [await signer.send(url=JOBS.replace(PROJECT, other)) for other in (OTHER_PROJECT, "f" * 32)]
    assert {(a.status_code, a.json()["error_code"], a.json()["message"]) for a in answers} == {
        (403, "ModelArts.0210", "The project id in the request URL is not one that the access key may use.")
    }


async def test_the_project_header_must_agree_with_the_path(signer: Signer) -> None:
    good = await signer.send(headers={"X-Project-Id": PROJECT})
    bad = await signer.send(headers={"X-Project-Id": OTHER_PROJECT})
    assert (good.status_code, bad.status_code, bad.json()["error_code"]) == (200, 403, "ModelArts.0210")


async def test_the_sdks_unfilled_project_is_refused(signer: Signer) -> None:
    answer = await signer.send(url=JOBS.replace(PROJECT, "{project_id}"))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0210")


async def test_a_role_counts_for_signed_requests_as_well(signer: Signer) -> None:
    await signer.api.identities.put_member(Member(project_id=PROJECT, user="colleague", role=Role.VIEWER))
    answer = await signer.send("POST", body=BODY)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ModelArts.0108")


@pytest.fixture
async def temporary(api: Api) -> Signer:
    return Signer(api, await api.keys.create("colleague", api.world.now, life=timedelta(minutes=15)))


async def test_a_temporary_key_opens_with_its_security_token(temporary: Signer) -> None:
    token = {"X-Security-Token": temporary.made.security_token}
    assert (await temporary.send(headers=token)).status_code == 200
    assert "x-security-token not found" in refusal(await temporary.send())
    assert "decrypt token fail" in refusal(await temporary.send(headers={"X-Security-Token": "another"}))


async def test_a_security_token_has_to_be_signed(temporary: Signer) -> None:
    url, headers = temporary.sign()
    answer = await temporary.client.get(url, headers={**headers, "X-Security-Token": temporary.made.security_token})
    assert "not found" in refusal(answer)


async def test_a_temporary_key_expires(temporary: Signer) -> None:
    temporary.api.world.now += timedelta(minutes=15)
    answer = await temporary.send(headers={"X-Security-Token": temporary.made.security_token})
    assert "token expires, expires_at: 2026-01-02T03:19:05Z" in refusal(answer)


async def test_a_lasting_key_takes_no_security_token(signer: Signer) -> None:
    assert "decrypt token fail" in refusal(await signer.send(headers={"X-Security-Token": "x"}))


async def test_a_token_and_a_signature_at_once_are_refused(signer: Signer) -> None:
    token = signer.api.tokens[f"colleague@{PROJECT}"]
    answer = await signer.send(headers={"X-Auth-Token": token})
    assert (answer.status_code, answer.json()["error_code"]) == (401, "ModelArts.0203")


async def test_two_signatures_are_refused(signer: Signer) -> None:
    url, headers = signer.sign()
    answer = await signer.client.get(url, headers=[*headers.items(), ("Authorization", headers["Authorization"])])
    assert (answer.status_code, answer.json()["error_code"]) == (401, "ModelArts.0203")


@pytest.mark.parametrize("scheme", ["Basic YWRtaW46YWRtaW4=", "Bearer x", "SDK", "", "AWS4-HMAC-SHA256 Credential=x"])
async def test_another_scheme_of_authorization_is_told_what_is_taken(api: Api, scheme: str) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(api.app)) as client:
        answer = await client.get(JOBS, headers={"Authorization": scheme})
    assert (answer.status_code, answer.json()["error_code"]) == (401, "ModelArts.0206")


async def test_a_strangers_body_is_not_even_read(signer: Signer) -> None:
    class Body(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            was_read.append(self)
            yield b"x"

    was_read: list[Body] = []

    signer.made = replace(signer.made, key=replace(signer.made.key, access_key="NOBODY"))
    url, headers = signer.sign("POST")
    answer = await signer.client.post(url, headers=headers, content=Body())
    assert ("ak not exist" in refusal(answer), was_read) == (True, [])


async def test_a_signed_body_has_the_same_limit(signer: Signer) -> None:
    answer = await signer.send("POST", body=b" " * (12 * 2**20 + 1))
    assert (answer.status_code, answer.json()["error_code"]) == (413, "APIG.0201")


async def test_the_secret_key_is_not_in_the_database(signer: Signer) -> None:
    kept = repr([(key.sealed_secret, key) for key in await signer.api.identities.keys()])
    assert signer.made.secret_key not in kept
    assert signer.made.secret_key not in repr(signer.made)


@pytest.mark.parametrize("life", [None, timedelta(minutes=15)])
async def test_what_a_key_opened_ends_with_it(api: Api, life: timedelta | None) -> None:
    signer = Signer(api, await api.keys.create("colleague", api.world.now, life=life))
    token = {"X-Security-Token": signer.made.security_token} if life else {}
    job_id = await api.running()
    answer = await signer.send("POST", f"{JOBS}/{job_id}/ticket", headers=token)
    passes = Passes(api.passes, api.people.gatekeeper)
    session = await passes.redeem(answer.json()["url"].partition("ticket=")[2], job_id, api.world.now)
    assert session
    assert await passes.holder(session, job_id, api.world.now)
    if life:
        api.world.now += life
    else:
        await api.keys.remove(signer.made.key.access_key)
    assert await passes.holder(session, job_id, api.world.now) is None
