"""Access keys: making them, and letting in whoever signs with one."""

import secrets
import string
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from belvedere.contract.errors import InvalidSignature
from belvedere.identity.gatekeeper import REMEMBERED, Gatekeeper, digest_of, new_secret
from belvedere.identity.records import AccessKey, Caller, IdentityStore, Principal, SignedBy
from belvedere.identity.replays import Replays
from belvedere.identity.signatures import (
    SECURITY_TOKEN,
    Signature,
    SignedRequest,
    canonical_request,
    header,
    is_right,
    read_signature,
    refused,
    wrong_signature,
)

FAILURES: Final = 5  # in a row; the next one locks the key
LOCKED: Final = timedelta(minutes=5)
_LETTERS = string.ascii_uppercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits
_MOST_REMEMBERED = 4096
_READS = frozenset({"GET", "HEAD"})

ReadBody = Callable[[], Awaitable[bytes]]


class KeySealer(Protocol):
    """Encrypts secret keys for the store: they have to be known to check a signature."""

    def seal(self, secret: str) -> str: ...

    def open(self, sealed: str) -> str | None:
        """None if no key of ours sealed it."""
        ...

    def renewed(self, sealed: str) -> str | None:
        """Sealed with the newest key; None if it is so already, or can't be opened."""
        ...


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was just made: the only time that its secret, and its security token, are told. The repr doesn't."""

    key: AccessKey
    secret_key: str
    security_token: str = ""

    def __repr__(self) -> str:
        return f"NewKey({self.key!r})"


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it was found, with whom it lets into one project."""

    key: AccessKey
    secret: bytes
    caller: Caller | None
    changes: int
    until: datetime


class KeyRing:
    """Checks signatures. Wrong ones are counted: more than five in a row lock the key for five minutes."""

    def __init__(self, store: IdentityStore, gatekeeper: Gatekeeper, sealer: KeySealer, started_at: datetime) -> None:
        self._store = store
        self._gatekeeper = gatekeeper
        self._sealer = sealer
        self._replays = Replays(started_at)
        self._known: dict[tuple[str, str], _Known] = {}  # by access key and project
        self._failures: dict[str, int] = {}
        self._locked: dict[str, datetime] = {}

    async def caller_of(
        self,
        authorization: str,
        request: SignedRequest,
        read_body: ReadBody,
        *,
        project_id: str,
        now: datetime,
        connection: Hashable,
    ) -> Caller | None:
        """Who signed this, asking for that project; None if they may not enter it. Raises InvalidSignature.

        The body is read only once all else is well.
        """
        signature = read_signature(authorization, request.headers, now)
        if self._replays.is_stale(signature.signed_at):
            raise refused("it was signed before this service started, or too long ago; sign it anew")
        self._refuse_locked(signature.access_key, now)
        known = await self._find(signature.access_key, project_id, now)
        canonical = canonical_request(request, signature.signed_headers, await read_body())
        if not is_right(signature, canonical, known.secret):
            self._count_failure(signature.access_key, now)
            raise wrong_signature(request, signature, canonical)
        self._check_security_token(known.key, request, signature, now)
        twin_of = connection if request.method in _READS else None
        if not self._replays.use(signature.signature, signature.signed_at, now, connection=twin_of):
            raise refused("this signature was used before; sign each request anew")
        self._failures.pop(signature.access_key, None)
        return known.caller

    async def create(
        self,
        user: str,
        now: datetime,
        *,
        description: str = "",
        is_bootstrap: bool = False,
        life: timedelta | None = None,
    ) -> NewKey:
        """A new key of the user's; with a `life` a temporary one, which counts beside its security token only."""
        secret = "".join(secrets.choice(_SECRET_LETTERS) for _ in range(40))
        token = new_secret() if life else ""
        key = AccessKey(
            access_key="".join(secrets.choice(_LETTERS) for _ in range(20)),
            user=user,
            sealed_secret=self._sealer.seal(secret),
            created_at=now,
            description=description,
            is_bootstrap=is_bootstrap,
            expires_at=now + life if life else None,
            token_digest=digest_of(token) if token else "",
        )
        await self._store.remove_expired_keys(now)
        await self._store.add_key(key)
        return NewKey(key=key, secret_key=secret, security_token=token)

    async def remove(self, access_key: str) -> bool:
        """The key opens nothing from now on; whether there was one."""
        gone = await self._store.remove_key(access_key)
        self._gatekeeper.forget()
        return gone

    async def is_pair(self, access_key: str, secret_key: str) -> bool:
        """Whether these two belong together."""
        key = await self._store.find_key(access_key)
        opened = self._sealer.open(key.sealed_secret) if key else None
        return opened is not None and secrets.compare_digest(opened.encode(), secret_key.encode())

    async def renew(self) -> list[str]:
        """Seal all secrets with the newest key of the sealer; the access keys whose secret none of them opens."""
        lost = []
        for key in await self._store.keys():
            sealed = self._sealer.renewed(key.sealed_secret)
            if sealed is not None:
                await self._store.reseal_key(key.access_key, sealed)
            elif self._sealer.open(key.sealed_secret) is None:
                lost.append(key.access_key)
        return lost

    async def _find(self, access_key: str, project_id: str, now: datetime) -> _Known:
        """The key, and whom it lets in. Raises InvalidSignature."""
        known = self._known.get((access_key, project_id))
        if known is None or now >= known.until or known.changes != self._gatekeeper.changes:
            known = await self._look(access_key, project_id, now)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[access_key, project_id] = known
        return known

    async def _look(self, access_key: str, project_id: str, now: datetime) -> _Known:
        changes = self._gatekeeper.changes
        key = await self._store.find_key(access_key)
        secret = self._sealer.open(key.sealed_secret) if key else None
        user = await self._store.find_user(key.user) if key else None
        if key is None or secret is None or user is None or not user.is_enabled:
            raise _no_such_key()
        signed_by = SignedBy.TEMPORARY_KEY if key.expires_at else SignedBy.KEY
        caller = await self._gatekeeper.caller_of(Principal(user=key.user, project_id=project_id), signed_by)
        caller = replace(caller, access_key=access_key) if caller else None
        return _Known(key=key, secret=secret.encode(), caller=caller, changes=changes, until=now + REMEMBERED)

    def _check_security_token(
        self, key: AccessKey, request: SignedRequest, signature: Signature, now: datetime
    ) -> None:
        token = header(request.headers, SECURITY_TOKEN)
        if key.expires_at is None:
            if token is not None:
                raise refused("decrypt token fail: X-Security-Token belongs to another access key")
            return
        if now >= key.expires_at:
            raise refused(f"token expires, expires_at: {key.expires_at:%Y-%m-%dT%H:%M:%SZ}")
        if token is None or SECURITY_TOKEN not in signature.signed_headers:
            raise refused("x-security-token not found: a temporary key needs it, signed")
        if not secrets.compare_digest(digest_of(token.decode("latin-1")), key.token_digest):
            self._count_failure(key.access_key, now)
            raise refused("decrypt token fail")

    def _refuse_locked(self, access_key: str, now: datetime) -> None:
        until = self._locked.get(access_key)
        if until is None:
            return
        if now < until:
            raise refused("AK access failed to reach the limit,forbidden.")
        del self._locked[access_key]

    def _count_failure(self, access_key: str, now: datetime) -> None:
        """Only of keys that there are, so that this does not grow with what strangers make up."""
        failures = self._failures.get(access_key, 0) + 1
        self._failures[access_key] = failures
        if failures > FAILURES:
            self._locked[access_key] = now + LOCKED
            del self._failures[access_key]


def _no_such_key() -> InvalidSignature:
    """The same for a key that never was, is gone, or whose user may not sign in."""
    return refused("Get secretKey failed,ak:******,err:ak not exist")
