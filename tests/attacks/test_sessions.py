"""Tickets, sessions and share links in the wrong hands, at the wrong place, at the wrong time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from belvedere.identity.gatekeeper import SESSION_LIFE, TICKET_LIFE, digest_of
from belvedere.identity.passes import Passes
from belvedere.identity.permissions import Role
from belvedere.identity.records import Basis, Member, SecretKind
from belvedere.identity.shares import ShareRecord
from belvedere.lifecycle.jobs import Visibility
from tests.support.gateway import ANN, PROJECT, Stage, job, stage, upstream
from tests.support.identities import enrol

SCRIPT = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}


@contextlib.asynccontextmanager
async def open_stage() -> AsyncIterator[tuple[Stage, list[str]]]:
    """A gateway before the viewers of jobs 1 and 2, and what reached either of them."""
    reached: list[str] = []

    async def remember(request: web.BaseRequest) -> web.Response:
        reached.append(f"{request.method} {request.raw_path}")
        return web.Response(text="viewer")

    async with stage(patience=0.2) as made, upstream(made.folder / "viewer.sock", remember):
        made.ready()
        made.ready(job(2))
        yield made, reached


def cookie(secret: str) -> dict[str, str]:
    return {**SCRIPT, "Cookie": f"belvedere_viewer={secret}"}


async def share(made: Stage, job_id: int = 1) -> ShareRecord:
    """A share link of ann's."""
    record = ShareRecord(
        id=f"share-{job_id}", digest=digest_of("s"), job_id=job_id, maker=ANN, created_at=made.now,
        expires_at=made.now + timedelta(hours=1),
    )  # fmt: skip
    await made.shares.add_share(record, 9)
    return record


async def guest(made: Stage, job_id: int = 1) -> str:
    """The session of somebody who came by a share link."""
    session = await made.passes.redeem(
        await made.passes.guest_ticket(await share(made, job_id), made.now), job_id, made.now
    )
    assert session is not None
    return session


async def from_console(made: Stage) -> tuple[str, str]:
    """A session at the console, and one for job 1 that it gave."""
    console = await made.secret(SecretKind.SESSION)
    return console, await made.session(basis=Basis(kind=SecretKind.SESSION, digest=digest_of(console)))


async def _another_jobs_session(made: Stage) -> Mapping[str, str]:
    return cookie(await made.session(2))


async def _a_ticket_as_a_session(made: Stage) -> Mapping[str, str]:
    return cookie(await made.ticket())


async def _a_session_as_a_token(made: Stage) -> Mapping[str, str]:
    return {"X-Auth-Token": await made.session()}


async def _a_ticket_as_a_token(made: Stage) -> Mapping[str, str]:
    return {"X-Auth-Token": await made.ticket()}


async def _a_token_as_a_session(made: Stage) -> Mapping[str, str]:
    return cookie(made.token)


async def _a_consoles_session(made: Stage) -> Mapping[str, str]:
    return cookie(await made.secret(SecretKind.SESSION))


async def _a_consoles_session_under_its_own_name(made: Stage) -> Mapping[str, str]:
    return {**SCRIPT, "Cookie": f"belvedere_console={await made.secret(SecretKind.SESSION)}"}


async def _a_sign_in_ticket(made: Stage) -> Mapping[str, str]:
    return cookie(await made.secret(SecretKind.TICKET))


async def _an_expired_session(made: Stage) -> Mapping[str, str]:
    session = await made.session()
    made.now += SESSION_LIFE
    return cookie(session)


async def _a_digest_as_a_session(made: Stage) -> Mapping[str, str]:
    return cookie(digest_of(await made.session()))


async def _a_session_of_somebody_signed_out(made: Stage) -> Mapping[str, str]:
    console, session = await from_console(made)
    await made.gatekeeper.end_session(console)
    return cookie(session)


async def _a_session_of_a_revoked_token(made: Stage) -> Mapping[str, str]:
    session = await made.session(basis=Basis(kind=SecretKind.TOKEN, digest=digest_of(made.token)))
    await made.gatekeeper.revoke_token(made.token)
    return cookie(session)


async def _a_session_of_somebody_disabled(made: Stage) -> Mapping[str, str]:
    session = await made.session()
    await enrol(made.identities, "root", role=None)
    ann = await made.identities.find_user("ann")
    assert ann is not None
    assert await made.identities.change_user(replace(ann, is_enabled=False))
    return cookie(session)


async def _a_session_of_somebody_who_left_the_project(made: Stage) -> Mapping[str, str]:
    session = await made.session()
    await made.identities.remove_member(PROJECT, "ann")
    return cookie(session)


async def _a_planted_session_beside_another_jobs(made: Stage) -> Mapping[str, str]:
    made.ready(job(2))
    return {**SCRIPT, "Cookie": f"belvedere_viewer={await made.session(2)}; belvedere_viewer=planted"}


async def _two_tokens(made: Stage) -> Mapping[str, str]:
    return {"X-Auth-Token": f"{made.token}, {made.token}"}


async def _a_bad_token_beside_a_good_session(made: Stage) -> Mapping[str, str]:
    return {**cookie(await made.session()), "X-Auth-Token": "bad"}


async def _a_user_name_from_a_proxy(_made: Stage) -> Mapping[str, str]:
    return {"X-Forwarded-User": "ann", "X-Remote-User": "ann", "Remote-User": "ann", "X-Forwarded-For": "127.0.0.1"}


async def _a_password_in_the_authorization(_made: Stage) -> Mapping[str, str]:
    return {"Authorization": "Basic YWRtaW46YWRtaW4="}


async def _a_bearer_token(made: Stage) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {made.token}"}


async def _a_revoked_share(made: Stage) -> Mapping[str, str]:
    session = await guest(made)
    await made.shares.remove_share(1, "share-1")
    return cookie(session)


async def _an_expired_share(made: Stage) -> Mapping[str, str]:
    session = await guest(made)
    made.now += timedelta(hours=1)
    return cookie(session)


async def _a_share_of_another_job(made: Stage) -> Mapping[str, str]:
    return cookie(await guest(made, 2))


async def _a_share_of_somebody_who_left(made: Stage) -> Mapping[str, str]:
    session = await guest(made)
    await made.identities.remove_member(PROJECT, "ann")
    return cookie(session)


async def _a_shares_secret_as_a_session(made: Stage) -> Mapping[str, str]:
    await share(made)
    return cookie("s")


async def _a_shares_session_as_a_token(made: Stage) -> Mapping[str, str]:
    return {"X-Auth-Token": await guest(made)}


Attack = Callable[[Stage], Awaitable[Mapping[str, str]]]
CREDENTIALS: dict[str, Attack] = {
    "another job's session": _another_jobs_session,
    "a ticket as a session": _a_ticket_as_a_session,
    "a session as a token": _a_session_as_a_token,
    "a ticket as a token": _a_ticket_as_a_token,
    "a token as a session": _a_token_as_a_session,
    "the console's session": _a_consoles_session,
    "the console's session under its own name": _a_consoles_session_under_its_own_name,
    "a ticket to the console": _a_sign_in_ticket,
    "an expired session": _an_expired_session,
    "what is kept of a session": _a_digest_as_a_session,
    "a session of somebody signed out": _a_session_of_somebody_signed_out,
    "a session of a revoked token": _a_session_of_a_revoked_token,
    "a session of somebody disabled": _a_session_of_somebody_disabled,
    "a session of somebody who left the project": _a_session_of_somebody_who_left_the_project,
    "a planted session beside another job's": _a_planted_session_beside_another_jobs,
    "two tokens in one header": _two_tokens,
    "a bad token beside a good session": _a_bad_token_beside_a_good_session,
    "a user name as if from a proxy": _a_user_name_from_a_proxy,
    "a guessed password": _a_password_in_the_authorization,
    "a token as bearer": _a_bearer_token,
    "a revoked share's session": _a_revoked_share,
    "an expired share's session": _an_expired_share,
    "another job's share": _a_share_of_another_job,
    "a share of somebody who left the project": _a_share_of_somebody_who_left,
    "a share's secret as a session": _a_shares_secret_as_a_session,
    "a share's session as a token": _a_shares_session_as_a_token,
}


@pytest.mark.parametrize("attack", CREDENTIALS.values(), ids=CREDENTIALS)
async def test_what_is_no_credential_for_this_job_opens_nothing(attack: Attack) -> None:
    async with open_stage() as (made, reached):
        headers = await attack(made)
        async with made.client.get(made.url("/x"), headers=headers) as answer:
            assert answer.status in {401, 404}
            assert "viewer" not in (await answer.text())[:6]
        assert reached == []


GUESTS_WORDS = {
    "a write": ("POST", "/data/plugin/whatever"),
    "a write at the path of a read": ("PUT", "/data/plugin/timeseries/timeSeries"),
    "a deletion": ("DELETE", "/x"),
    "a change in part": ("PATCH", "/x"),
    "a question for what is allowed": ("OPTIONS", "/x"),
    "a write below the path of a read": ("POST", "/data/plugin/timeseries/timeSeries/x"),
    "a write of another experiment": ("POST", "/experiment/other/data/plugin/timeseries/timeSeries"),
    "a write at our own path": ("POST", "/_belvedere/state"),
}


@pytest.mark.parametrize(("method", "rest"), GUESTS_WORDS.values(), ids=GUESTS_WORDS)
async def test_who_came_by_a_share_link_can_do_nothing_but_look(method: str, rest: str) -> None:
    async with open_stage() as (made, reached):
        async with made.client.request(method, made.url(rest), headers=cookie(await guest(made))) as answer:
            assert answer.status == 403
        assert reached == []


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("GET", "/x"),
        ("POST", "/data/plugin/timeseries/timeSeries"),
        ("POST", "/experiment/defaultExperimentId/data/plugin/timeseries/timeSeries"),
    ],
)
async def test_who_came_by_a_share_link_can_look(method: str, rest: str) -> None:
    async with open_stage() as (made, reached):
        async with made.client.request(method, made.url(rest), headers=cookie(await guest(made))) as answer:
            assert answer.status == 200
        assert reached == [f"{method} {made.url(rest).raw_path}"]


async def test_who_came_by_a_share_link_is_not_told_where_the_logs_are() -> None:
    async def tell(_request: web.BaseRequest) -> web.Response:
        return web.json_response({"data_location": "/srv/mirrors/1"})

    async with stage() as made, upstream(made.folder / "viewer.sock", tell):
        made.ready()
        url = made.url("/data/environment")
        async with made.client.get(url, headers=cookie(await guest(made))) as answer:
            assert await answer.json() == {"data_location": ""}
        async with made.client.get(url, headers={"X-Auth-Token": made.token}) as answer:
            assert await answer.json() == {"data_location": job().train_url}


async def _used(made: Stage) -> str:
    ticket = await made.ticket()
    assert await made.passes.redeem(ticket, 1, made.now)
    return ticket


async def _late(made: Stage) -> str:
    ticket = await made.ticket()
    made.now += TICKET_LIFE
    return ticket


async def _for_another_job(made: Stage) -> str:
    return await made.ticket(2)


async def _to_the_console(made: Stage) -> str:
    return await made.secret(SecretKind.TICKET)


async def _of_a_revoked_share(made: Stage) -> str:
    ticket = await made.passes.guest_ticket(await share(made), made.now)
    await made.shares.remove_share(1, "share-1")
    return ticket


async def _of_somebody_signed_out(made: Stage) -> str:
    console = await made.secret(SecretKind.SESSION)
    ticket = await made.ticket(basis=Basis(kind=SecretKind.SESSION, digest=digest_of(console)))
    await made.gatekeeper.end_session(console)
    return ticket


async def _on_the_basis_of_anothers_secret(made: Stage) -> str:
    await enrol(made.identities, "bob", PROJECT)
    token = await made.gatekeeper.issue(SecretKind.TOKEN, replace(ANN, user="bob"), made.now, None)
    return await made.ticket(basis=Basis(kind=SecretKind.TOKEN, digest=digest_of(token)))


async def _a_session(made: Stage) -> str:
    return await made.session()


async def _a_token(made: Stage) -> str:
    return made.token


async def _nothing(_made: Stage) -> str:
    return ""


TICKETS: dict[str, Callable[[Stage], Awaitable[str]]] = {
    "used before": _used,
    "too late": _late,
    "for another job": _for_another_job,
    "to the console": _to_the_console,
    "of a revoked share": _of_a_revoked_share,
    "of somebody signed out": _of_somebody_signed_out,
    "on the basis of another's secret": _on_the_basis_of_anothers_secret,
    "a session": _a_session,
    "a token": _a_token,
    "empty": _nothing,
}


@pytest.mark.parametrize("attack", TICKETS.values(), ids=TICKETS)
async def test_what_is_no_ticket_to_this_job_opens_nothing_and_leaves_the_address(
    attack: Callable[[Stage], Awaitable[str]],
) -> None:
    async with open_stage() as (made, reached):
        ticket = await attack(made)
        person = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        url = made.url(f"/?ticket={ticket}")
        async with made.client.get(url, headers=person, allow_redirects=False) as answer:
            assert (answer.status, "Set-Cookie" in answer.headers) == (303, False)
            assert answer.headers["Location"] == "http://console.example:8080/jobs/1/open?link=used"
        assert reached == []


async def test_a_ticket_to_one_job_that_was_shown_to_another_is_used_up() -> None:
    async with open_stage() as (made, _):
        ticket = await made.ticket(2)
        for job_id in (1, 2):
            async with made.client.get(made.url(f"/?ticket={ticket}", job_id), allow_redirects=False) as answer:
                assert "Set-Cookie" not in answer.headers


async def test_a_database_that_fails_leaves_no_ticket_in_the_address() -> None:
    async with open_stage() as (made, _):

        async def fail(_self: Passes, *_arguments: object) -> None:
            raise RuntimeError("busy")

        made.passes.redeem = fail.__get__(made.passes)  # type: ignore[method-assign]
        async with made.client.get(made.url("/?ticket=t"), allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, made.url("/").raw_path)


OTHER_SITES = {
    "a picture of another origin of ours": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    "a script of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a fetch of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
}


@pytest.mark.parametrize("headers", OTHER_SITES.values(), ids=OTHER_SITES)
async def test_another_origins_page_gets_nothing_by_the_cookie(headers: Mapping[str, str]) -> None:
    async with open_stage() as (made, reached):
        asked = {**headers, "Cookie": f"belvedere_viewer={await made.session()}"}
        async with made.client.get(made.url("/x"), headers=asked) as answer:
            assert (answer.status, answer.headers["Cross-Origin-Resource-Policy"]) == (403, "same-origin")
        assert reached == []


@contextlib.asynccontextmanager
async def streaming() -> AsyncIterator[Stage]:
    """A viewer that never stops answering."""

    async def drip(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.02)
        return response

    async with stage(patience=0.2) as made, upstream(made.folder / "viewer.sock", drip):
        made.ready()
        yield made


async def _sign_out(made: Stage) -> tuple[str, Callable[[], Awaitable[object]]]:
    console, session = await from_console(made)
    return session, lambda: made.gatekeeper.end_session(console)


async def _revoke_the_share(made: Stage) -> tuple[str, Callable[[], Awaitable[object]]]:
    return await guest(made), lambda: made.shares.remove_share(1, "share-1")


async def _lose_the_role(made: Stage) -> tuple[str, Callable[[], Awaitable[object]]]:
    return await made.session(), lambda: made.identities.remove_member(PROJECT, "ann")


async def _be_shut_out(made: Stage) -> tuple[str, Callable[[], Awaitable[object]]]:
    async def hide() -> None:
        made.ready(replace(job(), visibility=Visibility.PRIVATE, owner="bob"))

    return await made.session(), hide


ENDINGS = {
    "a sign-out": _sign_out,
    "a revoked share": _revoke_the_share,
    "a lost role": _lose_the_role,
    "a job made private": _be_shut_out,
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_a_streaming_answer_ends_with_the_right_to_it(
    ending: Callable[[Stage], Awaitable[tuple[str, Callable[[], Awaitable[object]]]]],
) -> None:
    async with streaming() as made:
        session, end = await ending(made)
        async with made.client.get(made.url("/x"), headers=cookie(session)) as answer:
            assert await answer.content.readany()
            await end()
            made.now += timedelta(seconds=3)
            with pytest.raises(aiohttp.ClientError):
                await asyncio.wait_for(answer.content.read(), timeout=30)


async def test_a_viewer_may_look_and_is_no_guest() -> None:
    async with open_stage() as (made, reached):
        await made.identities.put_member(Member(project_id=PROJECT, user="ann", role=Role.VIEWER))
        async with made.client.get(made.url("/x"), headers=cookie(await made.session())) as answer:
            assert answer.status == 200
        assert len(reached) == 1
