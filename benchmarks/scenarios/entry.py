"""What it costs to know who asks: processor time that authorisation adds to a request whose answer is at hand."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from starlette.requests import Request
from starlette.types import Message, Scope

from belvedere.api.doors import Doors
from belvedere.api.throttle import Throttle
from belvedere.contract.origins import ViewerOrigins
from belvedere.gateway.guard import Guard
from belvedere.gateway.routes import match_route
from belvedere.gateway.rules import GatewayRules
from belvedere.gateway.visitors import Visitors
from belvedere.identity.addresses import Proxies
from belvedere.identity.keys import NewKey
from belvedere.identity.passes import Passes
from belvedere.identity.permissions import Permission
from belvedere.identity.rates import Rates
from belvedere.identity.records import Principal, Project, SecretKind, User
from belvedere.identity.signatures import SignedRequest, canonical_request, signature_of
from belvedere.lifecycle.clock import utc_now
from belvedere.service.audit import Auditor
from belvedere.service.people import people
from belvedere.service.strangers import Strangers
from belvedere.service.tokens import TokenRules
from belvedere.store.opening import open_store
from belvedere.store.sealing import Sealer, new_key
from belvedere.testing.passes import MemoryPassStore
from benchmarks.effort import Effort
from benchmarks.report import Chapter
from benchmarks.summary import Row, Unit, spread

_PROJECT = "a" * 32
_PATH = f"/v1/{_PROJECT}/visualization-jobs/1"
_RULES = TokenRules(origin="http://127.0.0.1", region="here", domain="here", life=timedelta(hours=24))
_JOB = 1
_WHO = Principal(user="u", project_id=_PROJECT)
_GATEWAY = GatewayRules(origins=ViewerOrigins(shared="http://127.0.0.1:8081"), console_origin="http://127.0.0.1:8080")
_Asked = TypeVar("_Asked")
_ALLOWED = 100e-6  # seconds


def measure(effort: Effort) -> Chapter:
    """Alternating: by token, by signature, and by session at a viewer."""
    rounds, requests = effort.of(9, 2), effort.of(2_000, 200)
    by_token, by_signature, by_session = asyncio.run(_measured(rounds, requests))
    return Chapter(
        name="entry",
        title="Letting in",
        meaning=(
            "Processor time of this process for one request's authorisation: does the address have to wait, who sent "
            "it, does the user have to wait, are they let into the project, may they look. The secret was seen within "
            "the last three seconds, as in any burst; the first request costs a look into the database besides. Every "
            "signature is a new one, over five headers."
        ),
        rows=(
            Row(what="by token", unit=Unit.SECONDS, ours=spread(by_token), at_most=_ALLOWED),
            Row(what="by signature", unit=Unit.SECONDS, ours=spread(by_signature), at_most=_ALLOWED),
            Row(what="by session, at a viewer", unit=Unit.SECONDS, ours=spread(by_session), at_most=_ALLOWED),
        ),
    )


async def _measured(rounds: int, requests: int) -> tuple[list[float], list[float], list[float]]:
    with tempfile.TemporaryDirectory(prefix="belvedere-entry-") as folder, open_store(Path(folder) / "db") as stores:
        audit = Auditor(stores.audit, utc_now)
        those = people(stores.identities, Sealer([new_key()]), utc_now, _RULES, audit)
        await stores.identities.add_project(Project(id=_PROJECT, name="p", created_at=utc_now()))
        await stores.identities.add_user(User(id="u", name="u", created_at=utc_now(), is_administrator=True))
        token = await those.gatekeeper.issue(SecretKind.TOKEN, _WHO, utc_now(), None)
        key = await those.ring.create("u", utc_now())
        rates = Rates(user=1e9, address=1e9, guesses_per_minute=30)
        api = _Api(Doors(those.gatekeeper, those.ring, utc_now), Throttle(rates))
        guard = Guard(rates, Proxies(), Strangers(rates, stores.identities.find_key, audit))
        passes = Passes(MemoryPassStore(), those.gatekeeper)
        viewer = _Viewer(guard, Visitors(passes, utc_now, _GATEWAY))
        session = await passes.redeem(await passes.ticket(_WHO, _JOB, utc_now()), _JOB, utc_now())
        found: tuple[list[float], list[float], list[float]] = [], [], []
        for number in range(rounds):
            found[0].append(await _cost(api.enter, [_by_token(token)] * requests))
            found[1].append(await _cost(api.enter, [_signed(key, number * requests + n) for n in range(requests)]))
            found[2].append(await _cost(viewer.enter, [_visit(session or "")] * requests))
        return found


class _Api:
    def __init__(self, doors: Doors, throttle: Throttle) -> None:
        self._doors = doors
        self._throttle = throttle

    async def enter(self, asked: Scope) -> None:
        self._throttle.admit(asked)
        who = await self._doors.caller_in(Request(dict(asked), _nothing), _PROJECT)
        self._throttle.admit_user(who.user)
        who.require(Permission.GET)


class _Viewer:
    def __init__(self, guard: Guard, visitors: Visitors) -> None:
        self._guard = guard
        self._visitors = visitors

    async def enter(self, asked: web.Request) -> None:
        held = self._guard.hold(asked)
        visitor = await self._visitors.identify(asked.headers, match_route(asked.raw_path))
        if held or visitor is None or self._guard.hold_asker(self._guard.asker(asked, visitor)):
            raise AssertionError("it was held back")
        if not visitor.principal.may(Permission.GET):
            raise AssertionError("it was to be let in")


async def _cost(enter: Callable[[_Asked], Awaitable[None]], requests: Sequence[_Asked]) -> float:
    """Seconds of processor time for one."""
    await enter(requests[0])  # now it is known; the equal one that follows came by the same connection
    began = time.process_time()
    for each in requests:
        await enter(each)
    return (time.process_time() - began) / len(requests)


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _visit(session: str) -> web.Request:
    headers = {"Host": "127.0.0.1", "Cookie": f"{_GATEWAY.cookie('').name}={session}"}
    return make_mocked_request("GET", f"/modelarts2/tensorboard/{_PROJECT}/{_JOB}/data/runs", headers=headers)


def _by_token(token: str) -> Scope:
    return _scope(b"", [(b"host", b"127.0.0.1"), (b"x-auth-token", token.encode())])


def _signed(key: NewKey, number: int) -> Scope:
    query = f"n={number}".encode()
    date = utc_now().strftime("%Y%m%dT%H%M%SZ").encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"host", b"127.0.0.1"),
        (b"user-agent", b"huaweicloud-usdk-python/3.0"),
        (b"x-project-id", _PROJECT.encode()),
        (b"x-sdk-date", date),
    ]
    names = [name for name, _ in headers]
    request = SignedRequest(method="GET", path=_PATH.encode(), query=query, headers=headers)
    signature = signature_of(canonical_request(request, names, b""), date, key.secret_key.encode())
    signed = b";".join(names).decode()
    value = f"SDK-HMAC-SHA256 Access={key.key.access_key}, SignedHeaders={signed}, Signature={signature}"
    return _scope(query, [*headers, (b"authorization", value.encode())])


def _scope(query: bytes, headers: list[tuple[bytes, bytes]]) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": _PATH,
        "raw_path": _PATH.encode(),
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }
