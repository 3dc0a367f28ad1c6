"""Answers "who is this?" for tokens, sessions and tickets."""

import hashlib
import secrets
from datetime import datetime, timedelta

from belvedere.contract.errors import AuthenticationError, InvalidToken, ProjectMismatch
from belvedere.identity.records import IdentityStore, Principal, SecretKind, SecretRecord

SESSION_LIFE = timedelta(days=7)
TICKET_LIFE = timedelta(minutes=2)
SIGN_IN_TICKET_LIFE = timedelta(hours=1)  # the one that `serve` prints, for a person who has yet to read it
REMEMBERED = timedelta(seconds=3)  # how long a good token is believed without another look: scripts ask in bursts
_MOST_REMEMBERED = 4096
_TICKET_TO = {
    SecretKind.SESSION: SecretKind.TICKET,
    SecretKind.VIEWER_SESSION: SecretKind.VIEWER_TICKET,
}
_LONGEST_SECRET = 512  # characters; ours have 43


class Gatekeeper:
    """Checks and issues secrets. A new secret is returned once and kept as a digest only."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store
        self._tokens: dict[str, tuple[SecretRecord, datetime]] = {}  # by digest: the record, and until when

    async def principal_of_token(self, token: str | None, now: datetime) -> Principal:
        """Who sent this X-Auth-Token. Raises AuthenticationError without one, InvalidToken for an unknown one."""
        if not token:
            raise AuthenticationError("No token: send the token of bootstrap.json in the X-Auth-Token header.")
        principal = await self.principal_if_valid(token, now)
        if principal is None:
            raise InvalidToken("The token is not valid here: send the token of this service's bootstrap.json.")
        return principal

    async def principal_if_valid(self, token: str, now: datetime) -> Principal | None:
        """Whose token this is, or None. Good answers are remembered for a few seconds, bad ones never."""
        digest = _digest(token)
        record, until = self._tokens.get(digest, (None, now))
        if record is None or now >= until or _expired(record, now):
            self._tokens.pop(digest, None)
            record = await self._find(SecretKind.TOKEN, token, now)
            if record is not None:
                self._remember(digest, record, now + REMEMBERED)
        return record.principal if record else None

    def _remember(self, digest: str, record: SecretRecord, until: datetime) -> None:
        if len(self._tokens) >= _MOST_REMEMBERED:
            self._tokens.clear()
        self._tokens[digest] = record, until

    async def principal_of_session(
        self, secret: str | None, now: datetime, kind: SecretKind = SecretKind.SESSION
    ) -> Principal | None:
        """Whose browser session of this kind this is, or None."""
        record = await self._find(kind, secret, now) if secret else None
        return record.principal if record else None

    async def issue(self, kind: SecretKind, principal: Principal, now: datetime, life: timedelta | None) -> str:
        """A new secret. Durable when it is returned. Those that have expired are swept out on the way."""
        secret = secrets.token_urlsafe(32)
        expires_at = now + life if life else None
        record = SecretRecord(
            digest=_digest(secret), kind=kind, principal=principal, created_at=now, expires_at=expires_at
        )
        await self._store.remove_expired_secrets(now)
        await self._store.add_secret(record)
        return secret

    async def revoke_all(self, principal: Principal) -> None:
        """None of this user's tokens, sessions and tickets for this project is good any more."""
        await self._store.remove_secrets_of(principal)
        self._tokens.clear()

    async def redeem_ticket(self, ticket: str, now: datetime, kind: SecretKind = SecretKind.SESSION) -> str | None:
        """A new session's secret, of this kind, for a ticket to one that has never been used; None otherwise.

        A viewer's page can see its own address, and so a ticket that is in it: it must never open the console.
        """
        if len(ticket) > _LONGEST_SECRET:
            return None
        record = await self._store.take_secret(_TICKET_TO[kind], _digest(ticket))
        if record is None or _expired(record, now):
            return None
        return await self.issue(kind, record.principal, now, SESSION_LIFE)

    async def end_session(self, secret: str) -> None:
        """Sign out: the session is no good from now on. Fine if it never was."""
        if len(secret) <= _LONGEST_SECRET:
            for kind in (SecretKind.SESSION, SecretKind.VIEWER_SESSION):
                await self._store.take_secret(kind, _digest(secret))

    async def _find(self, kind: SecretKind, secret: str, now: datetime) -> SecretRecord | None:
        if len(secret) > _LONGEST_SECRET:
            return None
        record = await self._store.find_secret(kind, _digest(secret))
        return None if record is None or _expired(record, now) else record


def require_project(principal: Principal, project_id: str) -> None:
    """Raise ProjectMismatch unless the principal may act in the project."""
    if principal.project_id != project_id:
        raise ProjectMismatch("The project id in the request URL does not match the token.")


def _expired(record: SecretRecord, now: datetime) -> bool:
    return record.expires_at is not None and now >= record.expires_at


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
