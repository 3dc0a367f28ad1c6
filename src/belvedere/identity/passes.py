"""Passes: what opens one job's viewer in a browser. They open no other job, no console and no API.

A ticket goes into a link and is good once, for two minutes; it becomes a session, which is a cookie of that job alone.
A pass is worth as much as what it was given for: it ends with the console's session or the token that asked for it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec
from msgspec.structs import replace

from belvedere.identity.gatekeeper import SESSION_LIFE, TICKET_LIFE, Gatekeeper, digest_of, new_secret
from belvedere.identity.records import Basis, Caller, Principal
from belvedere.identity.shares import ShareRecord


class PassKind(StrEnum):
    """What a browser does with it."""

    TICKET = "ticket"
    SESSION = "session"


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """A pass as kept: its secret's digest only.

    `basis`: the secret that it was given for, if that was one. `share_id`: the share link that it was given for, if
    that was one; `principal` is then the link's maker.
    """

    digest: str = ""
    kind: PassKind
    job_id: int
    principal: Principal
    basis: Basis | None = None
    share_id: str | None = None
    created_at: datetime
    expires_at: datetime
    ends_at: datetime  # when the session ends that it becomes, or is


class Gone(Exception):
    """The job or the share link that a pass was to be for is there no more."""


class PassStore(Protocol):
    """Where passes are kept. Those of a deleted job, or of a revoked share link, are gone with it."""

    async def add_pass(self, record: Pass) -> None:
        """Raises Gone."""
        ...

    async def find_pass(self, kind: PassKind, digest: str) -> Pass | None: ...

    async def take_pass(self, kind: PassKind, digest: str) -> Pass | None:
        """Find and remove, in one transaction: two takers never both get it."""
        ...

    async def remove_expired_passes(self, now: datetime) -> int: ...


class Passes:
    """Issues and checks passes. A new secret is returned once and kept as a digest only."""

    def __init__(self, store: PassStore, gatekeeper: Gatekeeper) -> None:
        self.gatekeeper = gatekeeper
        self._store = store

    async def ticket(self, who: Principal, job_id: int, now: datetime, basis: Basis | None = None) -> str:
        """A new ticket to the job's viewer. Passes that have expired are swept out on the way. Raises Gone."""
        await self._store.remove_expired_passes(now)
        return await self._issue(
            Pass(
                kind=PassKind.TICKET,
                job_id=job_id,
                principal=Principal(user=who.user, project_id=who.project_id),
                basis=basis,
                created_at=now,
                expires_at=now + TICKET_LIFE,
                ends_at=now + SESSION_LIFE,
            )
        )

    async def guest_ticket(self, share: ShareRecord, now: datetime) -> str:
        """A new ticket for whoever came by a share link. Raises Gone: it may have been revoked just now."""
        await self._store.remove_expired_passes(now)
        return await self._issue(
            Pass(
                kind=PassKind.TICKET,
                job_id=share.job_id,
                principal=share.maker,
                share_id=share.id,
                created_at=now,
                expires_at=min(now + TICKET_LIFE, share.expires_at),
                ends_at=min(now + SESSION_LIFE, share.expires_at),
            )
        )

    async def redeem(self, ticket: str, job_id: int, now: datetime) -> str | None:
        """A new session's secret for a ticket to this job that was never used; None otherwise.

        A ticket that is shown at another job's address is used up: somebody has it who should not.
        """
        taken = await self._store.take_pass(PassKind.TICKET, digest_of(ticket))
        if taken is None or not await self._opened_by(taken, job_id, now):
            return None
        try:
            return await self._issue(replace(taken, kind=PassKind.SESSION, created_at=now, expires_at=taken.ends_at))
        except Gone:
            return None

    async def holder(self, session: str, job_id: int, now: datetime) -> Caller | None:
        """Whose session this is, if it is good for this job now. Whether they may see the job is another question."""
        found = await self._store.find_pass(PassKind.SESSION, digest_of(session))
        return await self._opened_by(found, job_id, now) if found else None

    async def _opened_by(self, record: Pass, job_id: int, now: datetime) -> Caller | None:
        if record.job_id != job_id or now >= record.expires_at:
            return None
        if record.share_id:
            return await self.gatekeeper.guest_of(record.principal)
        return await self.gatekeeper.caller_on(record.basis, record.principal, now)

    async def _issue(self, record: Pass) -> str:
        secret = new_secret()
        await self._store.add_pass(replace(record, digest=digest_of(secret)))
        return secret
