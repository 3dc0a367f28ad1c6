"""Answers "who is this, and what may they do?" for tokens, sessions and tickets."""

import hashlib
import secrets
from datetime import datetime, timedelta

from msgspec.structs import replace

from belvedere.contract.errors import AuthenticationError, InvalidToken, ProjectMismatch, UnscopedToken
from belvedere.identity.acts import ACT
from belvedere.identity.permissions import Permission, permissions_of
from belvedere.identity.records import (
    NO_PROJECT,
    Basis,
    Caller,
    IdentityStore,
    Principal,
    SecretKind,
    SecretRecord,
    SignedBy,
)

SESSION_LIFE = timedelta(days=7)
TICKET_LIFE = timedelta(minutes=2)
SIGN_IN_TICKET_LIFE = timedelta(hours=1)  # the one that `serve` prints, for a person who has yet to read it
# How long a good secret is believed without another look: scripts ask in bursts. Whatever changes through this process
# counts at once (`forget`); this is for what another process has changed.
REMEMBERED = timedelta(seconds=3)
_MOST_REMEMBERED = 4096
_SIGNED_BY = {
    SecretKind.TOKEN: SignedBy.TOKEN,
    SecretKind.SESSION: SignedBy.SESSION,
}
_LONGEST_SECRET = 512  # characters; ours have 43


class Gatekeeper:
    """Checks and issues secrets. A new secret is returned once and kept as a digest only."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store
        # By kind and digest: the caller, when the secret expires, and until when it is believed.
        self._known: dict[tuple[SecretKind, str], tuple[Caller, datetime | None, datetime]] = {}
        self.changes = 0  # how often `forget` was called: what others remember counts while this stays the same

    async def principal_of_token(self, token: str | None, now: datetime) -> Caller:
        """Who sent this X-Auth-Token. Raises AuthenticationError without one, InvalidToken for an unknown one."""
        if not token:
            raise AuthenticationError("No token: send the token of bootstrap.json in the X-Auth-Token header.")
        principal = await self.principal_if_valid(token, now)
        if principal is None:
            raise InvalidToken("The token is not valid here: it is unknown, revoked or has expired. Get a new one.")
        return principal

    async def principal_if_valid(self, token: str, now: datetime) -> Caller | None:
        """Whose token this is, or None."""
        return await self._caller(SecretKind.TOKEN, token, now)

    async def principal_of_session(self, secret: str | None, now: datetime) -> Caller | None:
        """Whose session on the console this is, or None."""
        return await self._caller(SecretKind.SESSION, secret, now) if secret else None

    async def caller_on(self, basis: Basis | None, principal: Principal, now: datetime) -> Caller | None:
        """Who looks at a viewer, if what was given to them on this basis is still good; None: on none that can end."""
        if basis is not None and basis.kind is SecretKind.KEY:
            key = await self._store.find_key(basis.digest)
            if key is None or key.user != principal.user or (key.expires_at and now >= key.expires_at):
                return None
        elif basis is not None:
            record = await self._store.find_secret(basis.kind, basis.digest)
            if record is None or _expired(record, now) or record.principal != principal:
                return None
        return await self.caller_of(principal, SignedBy.VIEWER_SESSION)

    async def guest_of(self, maker: Principal) -> Caller | None:
        """Who looks by a share link: they see what its maker sees, and may do nothing else."""
        caller = await self.caller_of(maker, SignedBy.SHARE)
        if caller is None:
            return None
        return replace(caller, permissions=caller.permissions & {Permission.GET}, role=None, is_administrator=False)

    async def caller_of(self, principal: Principal, signed_by: SignedBy) -> Caller | None:
        """What a user may do in a project; None if they are unknown, disabled, or nothing to the project."""
        standing = await self._store.standing(principal)
        if standing is None or not standing.user.is_enabled:
            return None
        user, role = standing.user, standing.role
        if role is None and principal.project_id != NO_PROJECT and not user.is_administrator:
            return None
        return Caller(
            user=user.name,
            project_id=principal.project_id,
            signed_by=signed_by,
            user_id=user.id,
            role=role,
            is_administrator=user.is_administrator,
            permissions=permissions_of(role, is_administrator=user.is_administrator),
        )

    async def token_record(self, token: str, now: datetime) -> SecretRecord | None:
        """What is kept of a token, if it is good."""
        record = await self._find(SecretKind.TOKEN, token, now)
        return record if record and await self.caller_of(record.principal, SignedBy.TOKEN) else None

    async def issue(self, kind: SecretKind, principal: Principal, now: datetime, life: timedelta | None) -> str:
        """A new secret. Durable when it is returned. Those that have expired are swept out on the way."""
        secret, _ = await self.issue_until(kind, principal, now, now + life if life else None)
        return secret

    async def issue_until(
        self,
        kind: SecretKind,
        principal: Principal,
        now: datetime,
        expires_at: datetime | None,
        *,
        methods: str = "",
        is_domain_scoped: bool = False,
    ) -> tuple[str, SecretRecord]:
        """A new secret that is good until then, and what is kept of it."""
        secret = new_secret()
        record = SecretRecord(
            digest=digest_of(secret),
            kind=kind,
            principal=Principal(user=principal.user, project_id=principal.project_id),
            created_at=now,
            expires_at=expires_at,
            methods=methods,
            is_domain_scoped=is_domain_scoped,
        )
        if act := ACT.get():
            act.about(user=principal.user, resource_id=principal.user, project_id=principal.project_id)
        await self._store.remove_expired_secrets(now)
        await self._store.add_secret(record)
        return secret, record

    async def revoke_all(self, principal: Principal) -> None:
        """None of this user's tokens, sessions and tickets for this project is good any more."""
        await self._store.remove_secrets_of(principal)
        self.forget()

    async def revoke_token(self, token: str) -> bool:
        """The token is no good from now on; whether it was before."""
        if len(token) > _LONGEST_SECRET:
            return False
        taken = await self._store.take_secret(SecretKind.TOKEN, digest_of(token))
        self.forget()
        return taken is not None

    def forget(self) -> None:
        """Look everything up anew: identities have changed."""
        self.changes += 1
        self._known.clear()

    async def redeem_ticket(self, ticket: str, now: datetime) -> str | None:
        """A new session's secret for a ticket to the console that has never been used; None otherwise."""
        if len(ticket) > _LONGEST_SECRET:
            return None
        record = await self._store.take_secret(SecretKind.TICKET, digest_of(ticket))
        if record is None or _expired(record, now):
            return None
        return await self.issue(SecretKind.SESSION, record.principal, now, SESSION_LIFE)

    async def end_session(self, secret: str) -> None:
        """Sign out: the session is no good from now on, nor what was given on its basis. Fine if it never was."""
        if len(secret) <= _LONGEST_SECRET:
            await self._store.take_secret(SecretKind.SESSION, digest_of(secret))
            self.forget()

    async def _caller(self, kind: SecretKind, secret: str, now: datetime) -> Caller | None:
        """Whose secret this is. Good answers are remembered for a few seconds, bad ones never."""
        if len(secret) > _LONGEST_SECRET:
            return None
        place = kind, digest_of(secret)
        known = self._known.get(place)
        if known and now < known[2] and (known[1] is None or now < known[1]):
            return known[0]
        self._known.pop(place, None)
        return await self._look(kind, secret, now)

    async def _look(self, kind: SecretKind, secret: str, now: datetime) -> Caller | None:
        changes = self.changes
        record = await self._find(kind, secret, now)
        caller = await self.caller_of(record.principal, _SIGNED_BY[kind]) if record else None
        if record and caller and changes == self.changes:  # else it may be what was true before the change
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[kind, record.digest] = caller, record.expires_at, now + REMEMBERED
        return caller

    async def _find(self, kind: SecretKind, secret: str, now: datetime) -> SecretRecord | None:
        if len(secret) > _LONGEST_SECRET:
            return None
        record = await self._store.find_secret(kind, digest_of(secret))
        return None if record is None or _expired(record, now) else record


def require_project(principal: Principal, project_id: str) -> None:
    """Raise UnscopedToken or ProjectMismatch unless the principal has signed in for this project."""
    if principal.project_id == NO_PROJECT:
        raise UnscopedToken(
            "Invalid token header because the token does not contain a project. Get one whose scope is a project."
        )
    if principal.project_id != project_id:
        raise ProjectMismatch("The project id in the request URL does not match the token.")


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """256 random bits, as text for a URL, a header, a cookie, and for a command line: it begins with no hyphen."""
    drawn = secrets.token_urlsafe(32)
    return new_secret() if drawn.startswith("-") else drawn


def _expired(record: SecretRecord, now: datetime) -> bool:
    return record.expires_at is not None and now >= record.expires_at
