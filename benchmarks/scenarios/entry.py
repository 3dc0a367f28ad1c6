"""What it costs to know who asks: processor time that authorisation adds to a request whose answer is at hand."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.types import Message, Scope

from belvedere.api.doors import Doors
from belvedere.identity.keys import NewKey
from belvedere.identity.permissions import Permission
from belvedere.identity.records import Principal, Project, SecretKind, User
from belvedere.identity.signatures import SignedRequest, canonical_request, signature_of
from belvedere.lifecycle.clock import utc_now
from belvedere.service.audit import Auditor
from belvedere.service.people import people
from belvedere.service.tokens import TokenRules
from belvedere.store.opening import open_store
from belvedere.store.sealing import Sealer, new_key
from benchmarks.effort import Effort
from benchmarks.report import Chapter
from benchmarks.summary import Row, Unit, spread

_PROJECT = "a" * 32
_PATH = f"/v1/{_PROJECT}/visualization-jobs/1"
_RULES = TokenRules(origin="http://127.0.0.1", region="here", domain="here", life=timedelta(hours=24))
_ALLOWED = 100e-6  # seconds


def measure(effort: Effort) -> Chapter:
    """Alternating: by token, and by signature."""
    rounds, requests = effort.of(9, 2), effort.of(2_000, 200)
    by_token, by_signature = asyncio.run(_measured(rounds, requests))
    return Chapter(
        name="entry",
        title="Letting in",
        meaning=(
            "Processor time of this process for one request's authorisation: who sent it, are they let into the "
            "project, may they look. The token, or the key, was seen within the last three seconds, as in any burst; "
            "the first request costs a look into the database besides. Every signature is a new one, over five headers."
        ),
        rows=(
            Row(what="by token", unit=Unit.SECONDS, ours=spread(by_token), at_most=_ALLOWED),
            Row(what="by signature", unit=Unit.SECONDS, ours=spread(by_signature), at_most=_ALLOWED),
        ),
    )


async def _measured(rounds: int, requests: int) -> tuple[list[float], list[float]]:
    with tempfile.TemporaryDirectory(prefix="belvedere-entry-") as folder, open_store(Path(folder) / "db") as stores:
        audit = Auditor(stores.audit, utc_now)
        those = people(stores.identities, Sealer([new_key()]), utc_now, _RULES, audit)
        await stores.identities.add_project(Project(id=_PROJECT, name="p", created_at=utc_now()))
        await stores.identities.add_user(User(id="u", name="u", created_at=utc_now(), is_administrator=True))
        token = await those.gatekeeper.issue(
            SecretKind.TOKEN, Principal(user="u", project_id=_PROJECT), utc_now(), None
        )
        key = await those.ring.create("u", utc_now())
        doors = Doors(those.gatekeeper, those.ring, utc_now)
        found: tuple[list[float], list[float]] = [], []
        for number in range(rounds):
            found[0].append(await _cost(doors, [_by_token(token)] * requests))
            found[1].append(await _cost(doors, [_signed(key, number * requests + n) for n in range(requests)]))
        return found


async def _cost(doors: Doors, scopes: Sequence[Scope]) -> float:
    """Seconds of processor time for one."""
    await _enter(doors, dict(scopes[0]))  # now it is known; the equal one that follows came by the same connection
    began = time.process_time()
    for scope in scopes:
        await _enter(doors, dict(scope))
    return (time.process_time() - began) / len(scopes)


async def _enter(doors: Doors, scope: Scope) -> None:
    who = await doors.caller_in(Request(scope, _nothing), _PROJECT)
    who.require(Permission.GET)


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


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
