"""Share links: at the console's door."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import quote

import httpx2
import pytest
from msgspec.structs import replace

from belvedere.contract.errors import Unavailable
from belvedere.contract.shares import ValidShare
from belvedere.identity.passes import Pass, PassKind
from belvedere.identity.passwords import Passwords
from belvedere.identity.permissions import Role
from belvedere.lifecycle.jobs import Visibility
from belvedere.service.shares import Outcome
from belvedere.testing.passes import MemoryPassStore
from tests.support.console import OUR_PAGE, VIEWERS, Stage, console
from tests.support.gateway import NO_BUCKET, NOW, PROJECT, job
from tests.support.identities import caller

PASSWORD = "hush-hush-hush"
CREATED, USED, REFUSED = ("createShareLink", "normal"), ("useShareLink", "normal"), ("useShareLink", "warning")


@contextlib.asynccontextmanager
async def shared(*, password: str = "") -> AsyncIterator[tuple[Stage, str]]:
    """A console, and a link to job 1."""
    async with console(job()) as stage:
        made = await stage.shares.create(caller("ann", PROJECT), 1, ValidShare(life=3600, password=password))
        yield stage, made.url


async def unlock(stage: Stage, link: str, password: str) -> httpx2.Response:
    return await stage.client.post(link, data={"password": password}, headers=OUR_PAGE)


async def test_a_link_leads_to_the_job_with_a_ticket_of_its_own() -> None:
    async with shared() as (stage, link):
        places = [(await stage.client.get(link)).headers["Location"] for _ in range(2)]
        assert all(place.startswith(f"{VIEWERS}/modelarts2/tensorboard/{PROJECT}/1/?ticket=") for place in places)
        assert places[0] != places[1]
        assert stage.told() == [CREATED, USED, USED]


async def test_a_password_lets_in() -> None:
    async with shared(password=PASSWORD) as (stage, link):
        asked = await stage.client.get(link)
        assert (asked.status_code, "Location" in asked.headers, "run-1" in asked.text) == (200, False, False)
        assert (await unlock(stage, link, PASSWORD)).status_code == 303


WRONG = {
    "another one": "hush-hush-hus",
    "in capitals": "HUSH-HUSH-HUSH",
    "with a blank": f"{PASSWORD} ",
    "none": "",
    "its hash": "$argon2id$v=19$m=19456,t=2,p=1$",
    "beyond all bounds": "x" * 20_000,
    "with a NUL": f"{PASSWORD}\x00",
}


@pytest.mark.parametrize("password", WRONG.values(), ids=WRONG)
async def test_a_wrong_password_lets_nobody_in(password: str) -> None:
    async with shared(password=PASSWORD) as (stage, link):
        answer = await unlock(stage, link, password)
        assert (answer.status_code, "run-1" in answer.text) == (403, False)
        assert stage.told()[-1] == REFUSED
        assert stage.audit.kept[-1].resource_name == "run-1"


async def test_guessing_is_slowed_down_and_then_not_even_the_right_one_is_tried() -> None:
    async with shared(password=PASSWORD) as (stage, link):
        told = [(await unlock(stage, link, f"guess-{n}")).status_code for n in range(7)]
        assert told == [403] * 5 + [429] * 2
        answer = await unlock(stage, link, PASSWORD)
        assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)


async def guesses(addresses: list[str]) -> list[Outcome]:
    """What comes of wrong passwords from these addresses, all sent at once; and then of the right one, from another."""
    async with shared(password=PASSWORD) as (stage, link):
        secret = link.rpartition("/")[2]
        burst = [stage.shares.open(secret, f"guess-{n}", address) for n, address in enumerate(addresses)]
        found = [each.outcome for each in await asyncio.gather(*burst)]
        return [*found, (await stage.shares.open(secret, PASSWORD, "192.0.2.1")).outcome]


async def test_a_burst_from_many_addresses_gets_as_many_tries_as_one_after_the_other() -> None:
    *found, last = await guesses([f"203.0.113.{n}" for n in range(60)])
    assert (found.count(Outcome.WRONG), found.count(Outcome.SLOW), last) == (30, 30, Outcome.SLOW)


async def test_a_burst_from_one_network_is_one_addresss() -> None:
    *found, last = await guesses([f"2001:db8::{n:x}" for n in range(12)])
    assert (found.count(Outcome.WRONG), found.count(Outcome.SLOW), last) == (5, 7, Outcome.OPENED)


async def test_those_who_know_the_password_hold_nobody_up() -> None:
    async with shared(password=PASSWORD) as (stage, link):
        secret = link.rpartition("/")[2]
        found = [(await stage.shares.open(secret, PASSWORD, f"203.0.113.{n}")).outcome for n in range(31)]
        assert found == [Outcome.OPENED] * 31


async def test_a_password_that_was_not_tried_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.identity.passwords._WAITING", 0)
    async with shared(password=PASSWORD) as (stage, link):
        secret = link.rpartition("/")[2]
        for _ in range(31):
            with pytest.raises(Unavailable):
                await stage.shares.open(secret, "guess", "203.0.113.1")
        monkeypatch.undo()
        assert (await stage.shares.open(secret, PASSWORD, "203.0.113.1")).outcome is Outcome.OPENED


async def test_another_sites_form_guesses_nothing() -> None:
    async with shared(password=PASSWORD) as (stage, link):
        answer = await stage.client.post(
            link, data={"password": PASSWORD}, headers={"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}
        )
        assert answer.status_code == 403
        assert stage.told() == [CREATED]


async def test_a_head_opens_nothing() -> None:
    async with shared() as (stage, link):
        answer = await stage.client.head(link)
        assert ("Location" in answer.headers, stage.told()) == (False, [CREATED])


async def test_a_revoked_link_is_no_good() -> None:
    async with shared() as (stage, link):
        (listed,) = (await stage.shares.list(caller("ann", PROJECT), 1)).shares
        await stage.shares.revoke(caller("ann", PROJECT), 1, listed.share_id)
        answer = await stage.client.get(link)
        assert (answer.status_code, "no good any more" in answer.text) == (404, True)


async def test_a_link_that_is_revoked_while_it_opens_is_no_good(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shared(password=PASSWORD) as (stage, link):
        (listed,) = (await stage.shares.list(caller("ann", PROJECT), 1)).shares
        match = Passwords.match

        async def amid(self: Passwords, kept: str, password: str) -> bool:
            await stage.shares.revoke(caller("ann", PROJECT), 1, listed.share_id)
            return await match(self, kept, password)

        monkeypatch.setattr(Passwords, "match", amid)
        answer = await unlock(stage, link, PASSWORD)
        assert (answer.status_code, "Location" in answer.headers) == (404, False)
        assert stage.told()[-1] == REFUSED


async def test_a_link_that_is_revoked_while_its_ticket_is_used_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with shared() as (stage, link):
        (listed,) = (await stage.shares.list(caller("ann", PROJECT), 1)).shares
        ticket = (await stage.client.get(link)).headers["Location"].partition("ticket=")[2]
        take = MemoryPassStore.take_pass

        async def amid(self: MemoryPassStore, kind: PassKind, digest: str) -> Pass | None:
            taken = await take(self, kind, digest)
            await stage.shares.revoke(caller("ann", PROJECT), 1, listed.share_id)
            return taken

        monkeypatch.setattr(MemoryPassStore, "take_pass", amid)
        assert await stage.passes.redeem(ticket, 1, NOW) is None


async def test_an_expired_link_is_no_good() -> None:
    async with shared() as (stage, link):
        stage.pass_time(timedelta(hours=1))
        assert (await stage.client.get(link)).status_code == 404


async def test_a_link_whose_maker_left_is_no_good() -> None:
    async with shared() as (stage, link):
        await stage.identities.remove_member(PROJECT, "ann")
        assert (await stage.client.get(link)).status_code == 404


async def test_a_link_to_a_job_that_became_private_to_another_is_no_good() -> None:
    async with shared() as (stage, link):
        stage.jobs.jobs = (replace(job(), visibility=Visibility.PRIVATE, owner="bob"),)
        assert (await stage.client.get(link)).status_code == 404


async def test_a_link_to_a_job_that_is_gone_is_no_good() -> None:
    async with shared() as (stage, link):
        stage.jobs.jobs = ()
        assert (await stage.client.get(link)).status_code == 404


async def test_a_link_to_a_job_that_ended_says_so_calmly() -> None:
    async with shared() as (stage, link):
        stage.jobs.jobs = (job(run=NO_BUCKET),)
        answer = await stage.client.get(link)
        assert (answer.status_code, "run-1 is not running" in answer.text) == (409, True)
        assert "bucket" not in answer.text


GUESSES = {
    "nothing like one": "x",
    "as long as one": "A" * 43,
    "beyond all bounds": "A" * 5000,
    "a dot segment": "%2e%2e",
    "not even text": quote(b"\xff\xfe"),
}


@pytest.mark.parametrize("secret", GUESSES.values(), ids=GUESSES)
async def test_a_guessed_link_is_answered_as_a_revoked_one(secret: str) -> None:
    async with console(job()) as stage:
        answer = await stage.client.get(f"/s/{secret}")
        assert (answer.status_code, "no good any more" in answer.text) == (404, True)


@pytest.mark.parametrize("role", [Role.VIEWER, None])
async def test_a_form_of_somebody_who_may_not_share_makes_no_link(role: Role | None) -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        if role:
            await stage.enrol_as(role)
        else:
            stage.client.cookies.clear()
        answer = await stage.client.post("/jobs/1/shares", data={"expires_in": "3600"}, headers=OUR_PAGE)
        assert answer.status_code in {401, 403}
        assert CREATED not in stage.told()


async def test_the_page_shows_a_new_link_once_and_revokes_it() -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        form = {"expires_in": "3600", "note": "<b>bob</b>"}
        made = await stage.client.post("/jobs/1/shares", data=form, headers=OUR_PAGE)
        secret = made.text.partition("/s/")[2].partition('"')[0]
        assert (made.status_code, len(secret)) == (200, 43)
        again = (await stage.client.get("/jobs/1")).text
        assert (secret in again, "<b>bob" in again, "never opened" in again) == (False, False, True)
        (listed,) = (await stage.shares.list(caller("ann", PROJECT), 1)).shares
        await stage.client.post(f"/jobs/1/shares/{listed.share_id}/revoke", headers=OUR_PAGE)
        assert (await stage.client.get(f"/s/{secret}")).status_code == 404


@pytest.mark.parametrize("form", [{"expires_in": "1"}, {"expires_in": "x"}, {"expires_in": "60", "password": "short"}])
async def test_a_form_that_breaks_a_rule_is_answered_by_a_sentence(form: dict[str, str]) -> None:
    async with console(job()) as stage:
        await stage.sign_in()
        answer = await stage.client.post("/jobs/1/shares", data=form, headers=OUR_PAGE)
        assert (answer.status_code, 'role="alert"' in answer.text, stage.told()) == (400, True, [])
