"""One's own page in process: who one is, one's keys, and signing out everywhere."""

import re
from datetime import timedelta

import httpx2
import pytest
from msgspec.structs import replace

from belvedere.contract.iam_rules import ValidSignIn
from belvedere.identity.gatekeeper import digest_of
from belvedere.identity.records import Outsider, Principal, SecretKind
from tests.support.console import ANN, OUR_PAGE, Stage, console
from tests.support.gateway import NOW, PROJECT, job
from tests.support.identities import enrol, user

HOUR = timedelta(hours=1)
BOB = Principal(user="bob", project_id=PROJECT)
ELSEWHERE: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://e.example"}, {},
)  # fmt: skip
POSTS = ("/account/password", "/account/keys", "/account/keys/AK/revoke", "/account/sign-out")
OLD, NEW = "hush-hush-hush", "another-hush"


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


async def with_password(stage: Stage) -> None:
    await enrol(stage.identities, "root", role=None)
    hashed = await stage.passwords.hashed(OLD)
    await stage.identities.change_user(replace(user("ann"), password_hash=hashed))
    await stage.sign_in()


async def change(stage: Stage, present: str = OLD, new: str = NEW, again: str = NEW) -> httpx2.Response:
    fields = {"present": present, "new": new, "again": again}
    return await stage.client.post("/account/password", data=fields, headers=OUR_PAGE)


async def test_a_new_password_ends_what_the_old_one_opened_but_not_this_browsers_stay() -> None:
    async with console() as stage:
        await with_password(stage)
        others = [await stage.gatekeeper.issue(kind, ANN, NOW, HOUR) for kind in (SecretKind.SESSION, SecretKind.TOKEN)]
        before = stage.client.cookies["belvedere_console"]
        answer = await change(stage)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account?password#password")
        for session in (before, others[0]):
            assert await stage.gatekeeper.principal_of_session(session, NOW) is None
        assert await stage.gatekeeper.principal_if_valid(others[1], NOW) is None
        assert "Your password is changed." in (await stage.client.get("/account?password")).text
        assert await stage.tokens.user_by_password(ValidSignIn(user="ann", password=NEW))
        assert ("updatePassword", "normal") in stage.told()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"present": "wrong"}, "Present password: this is not the present password."),
        ({"again": "another-hash"}, "not the same"),
        ({"new": "short", "again": "short"}, "New password: expected 8 to 128 printable characters."),
    ],
)
async def test_a_change_that_cannot_be_changes_nothing_and_says_why(fields: dict[str, str], told: str) -> None:
    async with console() as stage:
        await with_password(stage)
        answer = await change(stage, **fields)
        assert (answer.status_code, told in answer.text, NEW in answer.text) == (400, True, False)
        assert await stage.tokens.user_by_password(ValidSignIn(user="ann", password=OLD))


async def test_who_has_no_password_here_sees_why_none_can_be_changed() -> None:
    async with console() as stage:
        await stage.sign_in()
        assert "belvedere user password ann" in (await stage.client.get("/account")).text
        await stage.identities.add_outsider(Outsider(issuer="https://id.example", subject="1"), "ann")
        page = (await stage.client.get("/account")).text
        assert ("your password is kept and changed there" in page, 'name="present"' in page) == (True, False)


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
