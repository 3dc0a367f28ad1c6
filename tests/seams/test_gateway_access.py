"""Who gets in, and what strangers learn: nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from belvedere.identity.gatekeeper import digest_of
from belvedere.identity.records import Basis, SecretKind
from belvedere.lifecycle.jobs import Visibility
from tests.support.gateway import OTHER_PROJECT, Stage, job, stage, upstream

PERSON = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}


async def hello(_request: web.BaseRequest) -> web.Response:
    return web.Response(text="viewer")


@contextlib.asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    async with stage(patience=0.2) as made, upstream(made.folder / "viewer.sock", hello):
        made.ready()
        yield made


async def bare(answer: aiohttp.ClientResponse) -> tuple[int, dict[str, str], bytes]:
    """An answer without what is drawn or dated for each."""
    request_id = answer.headers.get("X-Request-Id", "-").encode()
    varying = {"date", "x-request-id"}
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in varying}
    return answer.status, headers, (await answer.read()).replace(request_id, b"")


async def test_a_token_opens_the_viewer() -> None:
    async with open_stage() as made:
        made.client.headers["X-Auth-Token"] = made.token
        async with made.client.get(made.url("/x")) as answer:
            assert (answer.status, await answer.text()) == (200, "viewer")


@pytest.mark.parametrize("rest", ["/", "/x", "/data/environment", "/_belvedere/state", ""])
async def test_strangers_scripts_get_the_error_body(rest: str) -> None:
    async with open_stage() as made, made.client.get(made.url(rest)) as answer:
        assert answer.status == 401
        assert (await answer.json())["error_code"] == "ModelArts.0201"


async def test_a_signature_is_told_what_is_taken_instead() -> None:
    headers = {"Authorization": "SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature=0"}
    async with open_stage() as made, made.client.get(made.url("/x"), headers=headers) as answer:
        assert (answer.status, "/ticket" in (await answer.json())["error_msg"]) == (401, True)


async def test_a_wrong_token_is_told_so() -> None:
    async with open_stage() as made, made.client.get(made.url("/x"), headers={"X-Auth-Token": "wrong"}) as answer:
        assert (answer.status, (await answer.json())["error_code"]) == (401, "ModelArts.0203")


@pytest.mark.parametrize("token", ["x" * 1_000_0, "ü", " "])
async def test_odd_tokens_open_nothing(token: str) -> None:
    async with open_stage() as made, made.client.get(made.url("/x"), headers={"X-Auth-Token": token}) as answer:
        assert answer.status in {400, 401}


async def test_two_tokens_open_nothing() -> None:
    async with open_stage() as made:
        headers = [("X-Auth-Token", made.token), ("X-Auth-Token", "other")]
        async with made.client.get(made.url("/x"), headers=headers) as answer:
            assert answer.status == 401


@pytest.mark.parametrize("path", ["/", "/nothing", "/_belvedere/static/nothing.css", "/_belvedere/assets/x/index.js"])
async def test_strangers_learn_nothing_from_other_paths(path: str) -> None:
    async with open_stage() as made, made.client.get(made.origin + path) as answer:
        assert answer.status == 401


async def test_strangers_cannot_tell_a_job_from_none() -> None:
    seen = []
    async with open_stage() as made:
        for job_id in (1, 99):
            async with made.client.get(made.url("/x", job_id=job_id)) as answer:
                seen.append(await bare(answer))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("headers", [{}, PERSON])
async def test_another_projects_job_is_as_good_as_absent(headers: dict[str, str]) -> None:
    async with open_stage() as made:
        made.ready(job(5, project_id=OTHER_PROJECT))
        made.client.headers["X-Auth-Token"] = made.token
        seen = []
        for url in (
            made.url("/", job_id=99),
            made.url("/", job_id=5, project_id=OTHER_PROJECT),
            made.url("/", job_id=5),
            made.url("/", job_id=1, project_id=OTHER_PROJECT),
            str(made.url("/")).replace("tensorboard", "mindinsight"),
        ):
            async with made.client.get(url, headers=headers) as answer:
                seen.append(await bare(answer))
        assert seen[0][0] == 404
        assert seen == [seen[0]] * len(seen)


async def test_anothers_private_job_is_absent() -> None:
    async with open_stage() as made:
        made.ready(replace(job(6), visibility=Visibility.PRIVATE, owner="bob"))
        async with made.client.get(made.url("/", job_id=6), headers={"X-Auth-Token": made.token}) as answer:
            assert answer.status == 404


@pytest.mark.parametrize(
    ("rest", "query"), [("/", ""), ("/?tag=a%26b", "?to=%2F%3Ftag%3Da%2526b"), ("/x?ticket=used", "?to=%2Fx&link=used")]
)
async def test_a_person_is_led_to_the_console_and_back_to_the_same_place(rest: str, query: str) -> None:
    console = f"http://console.example:8080/jobs/1/open{query}"
    async with open_stage() as made, made.client.get(made.url(rest), headers=PERSON, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, console)


async def test_a_person_in_a_frame_is_told_to_come_in_a_tab() -> None:
    headers = {**PERSON, "Sec-Fetch-Dest": "iframe"}
    async with open_stage() as made, made.client.get(made.url("/"), headers=headers) as answer:
        assert (answer.status, "Open it from the console" in await answer.text()) == (401, True)


async def test_no_page_here_asks_for_a_secret() -> None:
    form = {"token": "t"}
    async with open_stage() as made, made.client.post(f"{made.origin}/_belvedere/sign-in", data=form) as answer:
        assert (answer.status, "Set-Cookie" in answer.headers) == (401, False)


async def test_a_ticket_opens_a_session_once_and_leaves_the_address() -> None:
    async with open_stage() as made:
        ticket = await made.ticket()
        async with made.client.get(made.url(f"/?a=1&ticket={ticket}&b=%20"), allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, made.url("/?a=1&b=%20").raw_path_qs)
            cookie = answer.headers["Set-Cookie"]
            assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", f"Path={made.url('/').path};"))
        made.client.cookie_jar.clear()
        async with made.client.get(made.url(f"/?ticket={ticket}"), headers=PERSON, allow_redirects=False) as answer:
            assert answer.status == 303
            assert "Set-Cookie" not in answer.headers
            assert ticket not in answer.headers["Location"]


async def test_a_late_ticket_opens_nothing_and_a_script_is_told_how_to_get_another() -> None:
    async with open_stage() as made:
        ticket = await made.ticket()
        made.now += timedelta(minutes=2)
        async with made.client.get(made.url(f"/?ticket={ticket}")) as answer:
            assert answer.status == 401
            told = (await answer.json())["error_msg"]
            assert ("has been used, or its time is up" in told, "belvedere job open" in told) == (True, True)


async def test_a_used_ticket_in_a_signed_in_browser_just_opens() -> None:
    async with open_stage() as made:
        made.client.headers["X-Auth-Token"] = made.token
        async with made.client.get(made.url("/?ticket=used")) as answer:
            assert (answer.status, await answer.text(), answer.url.query_string) == (200, "viewer", "")


async def test_a_ticket_taken_twice_at_once_opens_once() -> None:
    async with open_stage() as made:
        ticket = await made.ticket()

        async def take() -> int:
            url = made.url(f"/?ticket={ticket}")
            async with aiohttp.ClientSession() as client, client.get(url, allow_redirects=False) as answer:
                return answer.status

        assert sorted(await asyncio.gather(*(take() for _ in range(4)))) == [303, 401, 401, 401]


async def test_another_sites_page_cannot_act_with_the_cookie() -> None:
    async with open_stage() as made:
        made.client.headers["Cookie"] = f"belvedere_viewer={await made.session()}"
        async with made.client.post(made.url("/x"), headers={"Sec-Fetch-Site": "same-site"}) as answer:
            assert answer.status == 403
        async with made.client.post(made.url("/x"), headers={"Sec-Fetch-Site": "same-origin"}) as answer:
            assert answer.status == 200


async def test_a_session_is_looked_up_once_in_a_while() -> None:
    async with open_stage() as made:
        made.client.headers["Cookie"] = f"belvedere_viewer={await made.session()}"
        for _ in range(5):
            async with made.client.get(made.url("/x")) as answer:
                assert answer.status == 200
        assert made.identities.looks == 1  # and none for what it was given on the basis of: there is no such thing here


async def test_an_ended_session_is_out_within_seconds() -> None:
    async with open_stage() as made:
        console = await made.secret(SecretKind.SESSION)
        session = await made.session(basis=Basis(kind=SecretKind.SESSION, digest=digest_of(console)))
        made.client.headers["Cookie"] = f"belvedere_viewer={session}"
        async with made.client.get(made.url("/x")) as answer:
            assert answer.status == 200
        await made.gatekeeper.end_session(console)
        made.now += timedelta(seconds=3)
        async with made.client.get(made.url("/x")) as answer:
            assert answer.status == 401


async def test_a_foreign_host_name_is_refused() -> None:
    async with open_stage() as made:
        headers = {"Host": "evil.example", "X-Auth-Token": made.token}
        async with made.client.get(made.url("/x"), headers=headers) as answer:
            assert answer.status == 421


async def test_fonts_come_from_the_origins_root() -> None:
    async with stage() as made:
        made.client.headers.update({"X-Auth-Token": made.token, "Accept-Encoding": "identity"})
        name = "-L14Jk06m6pUHB-5mXQQnYX0hVgzZQUfRDuZrPvH3D8.woff2"
        async with made.client.get(f"{made.origin}/font-roboto/{name}") as answer:
            assert (answer.status, answer.content_type, len(await answer.read())) == (200, "font/woff2", 788)
        async with made.client.get(f"{made.origin}/font-roboto/../index.html") as answer:
            assert answer.status == 404


@pytest.mark.parametrize("bad", ["nothing.css", "..%2f..%2froutes.py", "style.css"])
async def test_only_hashed_assets_are_served(bad: str) -> None:
    async with open_stage() as made:
        made.client.headers["X-Auth-Token"] = made.token
        async with made.client.get(f"{made.origin}/_belvedere/static/{bad}") as answer:
            assert answer.status == 404


async def test_a_fault_of_ours_shows_nothing_of_itself() -> None:
    async with open_stage() as made:

        async def fail(kind: SecretKind, digest: str) -> None:
            raise RuntimeError("the database's secret path")

        made.identities.find_secret = fail  # type: ignore[method-assign]
        async with made.client.get(made.url("/x"), headers={"X-Auth-Token": made.token}) as answer:
            assert (answer.status, (await answer.json())["error_code"]) == (500, "ModelArts.0010")
            assert "secret path" not in await answer.text()


RAW_HOST = "Host: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    "head",
    [
        f"POST {{path}} HTTP/1.1\r\n{RAW_HOST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        f"POST {{path}} HTTP/1.1\r\n{RAW_HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"POST {{path}} HTTP/1.1\r\n{RAW_HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        f"POST {{path}} HTTP/1.1\r\n{RAW_HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        f"POST {{path}} HTTP/1.1\r\n{RAW_HOST}Content-Length: +4\r\n\r\nabcd",
        f"GET {{path}} HTTP/1.1\r\n{RAW_HOST}{RAW_HOST}\r\n",
        f"GET {{path}} HTTP/1.1\r\n{RAW_HOST}X-A: b\x00c\r\n\r\n",
        f"GET {{path}} HTTP/1.1\r\n{RAW_HOST} folded: x\r\n\r\n",
        f"GET {{path}}/\x00 HTTP/1.1\r\n{RAW_HOST}\r\n",
        f"GET http://evil.example{{path}} HTTP/1.1\r\n{RAW_HOST}\r\n",
        f"CONNECT 127.0.0.1:80 HTTP/1.1\r\n{RAW_HOST}\r\n",
        "GET {path} HTTP/1.1\r\n\r\n",
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        f"GET {{path}}/../../8/ HTTP/1.1\r\n{RAW_HOST}\r\n",
        f"GET {{path}}/%2e%2e/2/ HTTP/1.1\r\n{RAW_HOST}\r\n",
    ],
)
async def test_twisted_requests_never_reach_a_viewer(head: str) -> None:
    reached: list[str] = []

    async def remember(request: web.BaseRequest) -> web.Response:
        reached.append(request.raw_path)
        return web.Response()

    async with stage(patience=0.1) as made, upstream(made.folder / "viewer.sock", remember):
        made.ready()
        made.ready(job(2))
        raw = head.format(path=made.url("").raw_path)
        raw = raw.replace("\r\n\r\n", f"\r\nX-Auth-Token: {made.token}\r\nConnection: close\r\n\r\n", 1)
        port = int(made.origin.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw.encode("latin-1"))
        answer = await asyncio.wait_for(reader.read(), timeout=30)
        writer.close()
        assert reached == []
        assert int(answer.split(b" ")[1]) in {400, 401, 404, 405, 421}


@pytest.mark.parametrize("part", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
async def test_half_a_request_is_not_waited_for_for_ever(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.gateway.listening.HEAD_SECONDS", 0.1)
    async with open_stage() as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(made.origin.rpartition(":")[2]))
        writer.write(part)
        assert await asyncio.wait_for(reader.read(), timeout=30) == b""
        writer.close()


async def test_a_browsers_connection_is_kept() -> None:
    async with open_stage() as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(made.origin.rpartition(":")[2]))
        for _ in range(3):
            head = f"HEAD /x HTTP/1.1\r\n{RAW_HOST}\r\n"
            writer.write(head.encode())
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), timeout=30)
            assert answer.startswith(b"HTTP/1.1 401")
        writer.close()


async def test_a_consoles_session_opens_no_viewer() -> None:
    async with open_stage() as made:
        made.client.headers["Cookie"] = f"belvedere_viewer={await made.secret(SecretKind.SESSION)}"
        async with made.client.get(made.url("/x")) as answer:
            assert answer.status == 401


@pytest.mark.parametrize("secret", ["belvedere_viewer=s3cr3t", "belvedere_viewer=s3cr3t\x01"])
async def test_a_head_that_can_not_be_read_is_neither_echoed_nor_logged(
    secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage() as made:
        host, port = made.url("/").host, made.url("/").port
        reader, writer = await asyncio.open_connection(host, port)
        cookie = f"Cookie: {secret}"
        writer.write(
            f"GET {made.url('/').raw_path}?{'x' * 9000} HTTP/1.1\r\nHost: view.example\r\n{cookie}\r\n\r\n".encode()
        )
        answer = (await asyncio.wait_for(reader.read(), 30)).decode()
        writer.close()
    assert " 400 " in answer.splitlines()[0]
    assert "ModelArts" in answer
    assert "s3cr3t" not in answer
    assert "s3cr3t" not in caplog.text
