"""One's own page in process: who one is, one's keys, and signing out everywhere."""

import re
from datetime import timedelta

import pytest

from belvedere.identity.gatekeeper import digest_of
from belvedere.identity.records import Principal, SecretKind
from tests.support.console import ANN, OUR_PAGE, Stage, console
from tests.support.gateway import NOW, PROJECT, job
from tests.support.identities import user

HOUR = timedelta(hours=1)
BOB = Principal(user="bob", project_id=PROJECT)
ELSEWHERE: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://e.example"}, {},
)  # fmt: skip
POSTS = ("/account/keys", "/account/keys/AK/revoke", "/account/sign-out")


async def made_key(stage: Stage, description: str = "") -> tuple[str, str]:
    """A new key by the form: both halves."""
    answer = await stage.client.post("/account/keys", data={"description": description}, headers=OUR_PAGE)
    halves = re.findall(r'id="new-(?:access|secret)" value="(\w+)"', answer.text)
    return halves[0], halves[1]


async def test_it_says_who_one_is_and_where() -> None:
    async with console() as stage:
        await stage.sign_in()
        page = (await stage.client.get("/account")).text
        assert "<h1>ann</h1>" in page
        assert "No keys yet." in page


async def test_a_key_is_made_shown_once_and_works() -> None:
    async with console() as stage:
        await stage.sign_in()
        access, secret = await made_key(stage, "nightly <b>")
        page = (await stage.client.get("/account")).text
        assert (access in page, secret in page, "nightly &lt;b&gt;" in page) == (True, False, True)
        assert await stage.ring.is_pair(access, secret)


async def test_a_key_is_revoked() -> None:
    async with console() as stage:
        await stage.sign_in()
        access, secret = await made_key(stage)
        answer = await stage.client.post(f"/account/keys/{access}/revoke", headers=OUR_PAGE)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account#keys")
        assert not await stage.ring.is_pair(access, secret)


async def test_anothers_key_is_not_revoked_by_an_administrator_either() -> None:
    async with console() as stage:
        await stage.identities.add_user(user("bob"))
        await stage.identities.change_user(user("ann", is_administrator=True))
        his = await stage.ring.create("bob", NOW)
        await stage.sign_in()
        await stage.client.post(f"/account/keys/{his.key.access_key}/revoke", headers=OUR_PAGE)
        assert await stage.ring.is_pair(his.key.access_key, his.secret_key)


async def test_one_key_too_many_is_refused_with_a_sentence() -> None:
    async with console() as stage:
        await stage.sign_in()
        for _ in range(20):
            await made_key(stage)
        answer = await stage.client.post("/account/keys", headers=OUR_PAGE)
        assert (answer.status_code, "20 keys at most" in answer.text) == (400, True)


async def test_signing_out_everywhere_ends_all_of_ones_sessions_and_tokens_and_nobody_elses() -> None:
    async with console() as stage:
        await stage.sign_in()
        hers = [await stage.gatekeeper.issue(kind, ANN, NOW, HOUR) for kind in (SecretKind.SESSION, SecretKind.TOKEN)]
        his = await stage.gatekeeper.issue(SecretKind.TOKEN, BOB, NOW, HOUR)
        answer = await stage.client.post("/account/sign-out", headers=OUR_PAGE)
        assert "belvedere_console=;" in answer.headers["Set-Cookie"]
        assert await stage.gatekeeper.principal_of_session(hers[0], NOW) is None
        assert await stage.gatekeeper.principal_if_valid(hers[1], NOW) is None
        assert await stage.identities.find_secret(SecretKind.TOKEN, digest_of(his)) is not None
        assert stage.told()[-1] == ("logout", "normal")


@pytest.mark.parametrize("path", POSTS)
async def test_another_sites_form_does_nothing(path: str) -> None:
    async with console() as stage:
        await stage.sign_in()
        assert [(await stage.client.post(path, headers=each)).status_code for each in ELSEWHERE] == [403] * 4
        assert (await stage.client.get("/account")).status_code == 200


@pytest.mark.parametrize("path", ["/account", *POSTS])
async def test_strangers_get_nothing(path: str) -> None:
    async with console() as stage:
        method = "GET" if path == "/account" else "POST"
        answer = await stage.client.request(method, path, headers=OUR_PAGE)
        assert answer.status_code in {401, 303}
        assert "Access keys" not in answer.text


@pytest.mark.parametrize("path", ["/", "/jobs/1", "/jobs/1/delete", "/account"])
async def test_every_page_says_who_is_signed_in_and_signs_out(path: str) -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        page = (await stage.client.get(path)).text
        assert ">ann<" in page
        assert 'action="/sign-out"' in page
