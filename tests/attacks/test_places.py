"""Holding what others need: places at a viewer, connections, memory; and cookies that leave no room for ours."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web

from belvedere.gateway import bodies, listening, places
from belvedere.gateway.places import EACH, EACH_GUEST, GUESTS, MOST, Asker, Full, Places
from belvedere.identity.addresses import Proxies, networks
from belvedere.identity.crowds import Crowd
from belvedere.identity.rates import Rates
from belvedere.identity.records import Principal, SecretKind
from tests.attacks.test_sessions import cookie, guest
from tests.support.gateway import PROJECT, Stage, job, stage, upstream
from tests.support.identities import enrol
from tests.support.raw import exchange, statuses
from tests.unit.test_server_edge import client

LARGE = 32 * 2**20  # bytes of an answer; kernels keep less for who reads nothing
READ_BY_POST = "/data/plugin/scalars/scalars_multirun"


class Siege:
    """A viewer, those who hold its places, and who wants in."""

    def __init__(self, made: Stage, reached: list[str], bobs: str) -> None:
        self.made = made
        self.reached = reached
        self.more = asyncio.Event()  # when something has reached the viewer
        self._bobs = bobs
        self._held: list[asyncio.StreamWriter] = []

    async def hold(
        self, times: int, headers: Mapping[str, str], rest: str, method: str = "GET", body: str = ""
    ) -> None:
        """Send so many requests, and read no answer."""
        port = int(self.made.origin.rpartition(":")[2])
        lines = [f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **headers}.items()]
        head = f"{method} {self.made.url(rest).raw_path} HTTP/1.1\r\n{''.join(lines)}\r\n{body}"
        for _ in range(times):
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(head.encode())
            self._held.append(writer)

    async def arrived(self, times: int) -> None:
        async with asyncio.timeout(30):
            while len(self.reached) < times:
                self.more.clear()
                await self.more.wait()

    async def bob_gets_in(self) -> int:
        headers = {"X-Auth-Token": self._bobs}
        async with self.made.client.get(self.made.url("/small"), headers=headers) as answer:
            return answer.status

    def lift(self) -> None:
        for writer in self._held:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def siege(*, rates: Rates | None = None, crowd: Crowd | None = None) -> AsyncIterator[Siege]:
    reached: list[str] = []
    held: Siege | None = None

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        reached.append(request.raw_path)
        if held:
            held.more.set()
        if not request.raw_path.endswith("/large"):
            return web.Response(body=await request.read())
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(LARGE // 2**16):
                await response.write(b"x" * 2**16)
        return response

    async with stage(rates=rates, crowd=crowd) as made, upstream(made.folder / "viewer.sock", answer):
        made.ready()
        await enrol(made.identities, "bob", PROJECT)
        bobs = await made.gatekeeper.issue(
            SecretKind.TOKEN, Principal(user="bob", project_id=PROJECT), made.now, None
        )  # fmt: skip
        held = Siege(made, reached, bobs)
        try:
            yield held
        finally:
            held.lift()


async def test_answers_that_one_user_leaves_unread_keep_nobody_else_out() -> None:
    async with siege() as held:
        await held.hold(MOST + 6, {"X-Auth-Token": held.made.token}, "/large")
        await held.arrived(EACH)
        assert await held.bob_gets_in() == 200
        assert held.reached.count(held.made.url("/large").raw_path) == EACH


async def test_answers_that_guests_leave_unread_keep_no_user_out() -> None:
    async with siege() as held:
        await held.hold(MOST + 6, cookie(await guest(held.made)), "/large")
        await held.arrived(EACH_GUEST)
        assert await held.bob_gets_in() == 200
        assert held.reached.count(held.made.url("/large").raw_path) == EACH_GUEST


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_bodies_that_do_not_come_hold_no_place(method: str) -> None:
    async with siege() as held:
        headers = {"X-Auth-Token": held.made.token, "Content-Length": "9"}
        await held.hold(MOST + 6, headers, READ_BY_POST, method, "half")
        assert await held.bob_gets_in() == 200
        assert held.reached == [held.made.url("/small").raw_path]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("length", ["Content-Length: 9", "Transfer-Encoding: chunked"])
async def test_a_request_that_reads_has_no_body(method: str, length: str) -> None:
    async with siege() as held:
        port, path = int(held.made.origin.rpartition(":")[2]), held.made.url("/x").raw_path
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {held.made.token}\r\n{length}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode())
        first = await asyncio.wait_for(reader.readline(), 30)
        writer.close()
        assert (statuses(first), held.reached) == ([400], [])


async def test_a_question_is_not_larger_than_questions_are() -> None:
    async with siege() as held:
        headers = {**cookie(await guest(held.made)), "Content-Type": "application/json"}
        for length, status in ((bodies.LARGEST_QUESTION, 200), (bodies.LARGEST_QUESTION + 1, 413)):
            async with held.made.client.post(
                held.made.url(READ_BY_POST), data=io.BytesIO(b"x" * length), headers=headers
            ) as answer:
                assert answer.status == status


async def test_who_holds_many_bodies_back_is_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LIMIT", 0.05)
    async with siege() as held:
        headers = {"X-Auth-Token": held.made.token, "Content-Length": "9"}
        await held.hold(bodies.EACH, headers, READ_BY_POST, "POST", "half")
        await held.bob_gets_in()
        async with held.made.client.post(held.made.url("/x"), data=b"x", headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")


async def test_large_bodies_of_one_user_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_BYTES_EACH", 2**20)
    monkeypatch.setattr(bodies, "_BYTES", 3 * 2**19)
    async with siege() as held:
        mine, theirs = {"X-Auth-Token": held.made.token}, cookie(await guest(held.made))
        await held.hold(1, {**mine, "Content-Length": str(2**20)}, READ_BY_POST, "POST", "x" * (2**20 - 1))
        for _ in range(600):  # until what is held has come
            if (found := await _post(held, mine)) != 200:
                break
            await asyncio.sleep(0.05)
        assert found == 503
        assert [await _post(held, theirs) for _ in range(2 * EACH)] == [200] * 2 * EACH  # nothing counts twice


async def _post(held: Siege, headers: Mapping[str, str]) -> int:
    async with held.made.client.post(held.made.url(READ_BY_POST), data=b"x" * 2**17, headers=headers) as answer:
        return answer.status


async def test_guests_are_counted_like_users_and_apart_from_them() -> None:
    async with siege(rates=Rates(user=2)) as held:
        url, headers = held.made.url("/small"), cookie(await guest(held.made))
        found = [(await held.made.client.get(url, headers=headers)).status for _ in range(6)]
        assert found == [200] * 4 + [429] * 2
        assert await held.bob_gets_in() == 200
        async with held.made.client.get(url, headers={"X-Auth-Token": held.made.token}) as answer:
            assert answer.status == 200


async def test_guests_of_many_addresses_leave_room_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LIMIT", 0.05)
    held = Places(MOST, each=EACH, each_guest=EACH_GUEST, guests=GUESTS)
    for number in range(GUESTS):
        await held.take(Asker(f"203.0.113.{number}", is_guest=True))
    with pytest.raises(Full):
        await held.take(Asker("198.51.100.1", is_guest=True))
    await held.take(Asker("ann"))


async def test_who_gave_up_waiting_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LIMIT", 0.05)
    held = Places(2, each=1, each_guest=1, guests=1)
    first = await held.take(Asker("ann"))
    for _ in range(3):
        with pytest.raises(Full):
            await held.take(Asker("ann"))
    first.leave()
    (await held.take(Asker("ann"))).leave()
    await held.take(Asker("bob"))


async def test_an_answer_that_nobody_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "UNREAD_LOOKS", 4)
    monkeypatch.setattr(listening, "EVERY", 0.05)
    async with siege() as held:
        await held.hold(2 * EACH, {"X-Auth-Token": held.made.token}, "/large")
        await held.arrived(2 * EACH)  # those that came later have got the places of those that were given up


async def test_a_slow_reader_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "UNREAD_LOOKS", 20)
    monkeypatch.setattr(listening, "EVERY", 0.05)
    async with siege() as held:
        headers = {"X-Auth-Token": held.made.token}
        async with held.made.client.get(held.made.url("/large"), headers=headers) as answer:
            for _ in range(20):
                await answer.content.readexactly(2**18)
                await asyncio.sleep(0.1)
            assert len(await answer.content.readexactly(2**20)) == 2**20


async def test_an_address_holds_no_more_connections_than_it_may() -> None:
    async with siege(crowd=Crowd(3)) as held:
        port = int(held.made.origin.rpartition(":")[2])
        head = f"GET {held.made.url('/small').raw_path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        three = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for reader, writer in three:
            writer.write(head)
            assert statuses(await asyncio.wait_for(reader.readline(), 30)) == [401]
        assert await exchange(port, head) == b""
        three[0][1].transport.abort()
        last = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        answers = [await exchange(port, last) for _ in range(50)]  # it takes a moment until the server knows
        assert statuses(answers[-1]) == [401]
        for _, writer in three:
            writer.close()


def test_a_network_of_addresses_is_one_and_our_proxies_are_everybody() -> None:
    crowd = Crowd(2, Proxies(networks=networks(["10.0.0.0/8"])))
    assert [crowd.enter(f"2001:db8::{n}") for n in range(3)] == [True, True, False]
    assert all(crowd.enter("10.0.0.1") for _ in range(9))
    crowd.leave("2001:db8::7")
    assert crowd.enter("2001:db8::9")


async def test_a_head_without_an_end_is_given_up() -> None:
    async with siege() as held:
        port = int(held.made.origin.rpartition(":")[2])
        headers = "".join(f"X-{n}: {'x' * 2**15}\r\n" for n in range(80))
        assert statuses(await exchange(port, f"GET / HTTP/1.1\r\n{headers}".encode())) in ([], [400])


BEHIND = {
    "one without an end": (b"GET / HTTP/1.1\r\n", b"X: %b\r\n"),
    "many": (b"", b"GET / HTTP/1.1\r\nX: %b\r\n\r\n"),
}


@pytest.mark.parametrize(("begin", "again"), BEHIND.values(), ids=BEHIND)
async def test_heads_behind_a_request_that_lasts_are_not_held_without_measure(begin: bytes, again: bytes) -> None:
    async with siege() as held:
        state, mine = held.made.url("/_belvedere/state"), {"X-Auth-Token": held.made.token}
        async with held.made.client.get(state, headers=mine) as answer:
            known = (await answer.json())["seen"]
        reader, writer = await asyncio.open_connection("127.0.0.1", int(held.made.origin.rpartition(":")[2]))
        lasting = (
            f"GET {state.raw_path}?seen={known} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {mine['X-Auth-Token']}"
        )
        writer.write(lasting.encode() + b"\r\n\r\n")
        for piece in (begin, *[again % (b"x" * 2**16)] * 30):
            writer.write(piece)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 15) == b""  # sooner than the first one's answer, in 25 s
        writer.transport.abort()


JAR = "; ".join(f"planted-{n}={'v' * 4000}" for n in range(170))
TO_SEE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}


async def come(made: Stage, headers: Mapping[str, str]) -> tuple[list[int], list[str]]:
    """The answer's status, and its lines; by hand, as clients of Python take no more than 128 headers."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"GET {made.url('/small').raw_path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Connection: close\r\n\r\n"
    answer = await exchange(int(made.origin.rpartition(":")[2]), head.encode())
    return statuses(answer), answer.decode().splitlines()


async def test_a_jar_that_a_script_has_filled_is_emptied_on_the_way() -> None:
    async with siege() as held:
        jar = f"{JAR}; belvedere_viewer={await held.made.session()}"
        found, lines = await come(held.made, {**TO_SEE, "Cookie": jar})
        assert (found, f"Location: {held.made.url('/small').raw_path}" in lines) == ([303], True)
        assert "Set-Cookie: planted-100=; Max-Age=0; Path=/" in lines
        assert "Set-Cookie: belvedere_viewer=; Max-Age=0; Path=/" not in lines


async def test_a_script_is_told_of_a_full_jar() -> None:
    async with siege() as held:
        found, lines = await come(held.made, {"Cookie": JAR})
        assert (found, "Set-Cookie: planted-100=; Max-Age=0; Path=/" in lines, held.reached) == ([431], True, [])


async def test_a_viewer_is_not_sent_more_cookies_than_it_can_take() -> None:
    seen: list[str] = []

    async def tell(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("Cookie", ""))
        return web.Response()

    async with stage() as made, upstream(made.folder / "viewer.sock", tell):
        made.ready(job())
        for jar in ("x=1", "x=" + "v" * 20_000):
            headers = {"X-Auth-Token": made.token, "Cookie": jar}
            async with made.client.get(made.url("/x"), headers=headers) as answer:
                assert answer.status == 200
        assert seen == ["x=1", ""]


async def test_the_console_is_not_lost_to_a_full_jar_either() -> None:
    async with client(is_secure=True) as browser:
        answer = await browser.get("//evil.example/?a=b", headers={**TO_SEE, "Cookie": JAR})
        assert (answer.status_code, answer.headers["Location"].startswith("//")) == (303, False)
        gone = answer.headers.get_list("Set-Cookie")
        assert "planted-100=; Max-Age=0; Path=/; Domain=belvedere.example; Secure" in gone
