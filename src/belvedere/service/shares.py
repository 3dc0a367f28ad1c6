"""The use cases of share links: made, listed and revoked by who may share; opened by whoever has one."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from belvedere.contract.audit import TraceName
from belvedere.contract.errors import Conflict, NotFound, Unavailable
from belvedere.contract.jobs import Success
from belvedere.contract.shares import MOST, Share, ShareCreated, ShareList, ValidShare
from belvedere.identity.acts import Act
from belvedere.identity.gatekeeper import digest_of, new_secret
from belvedere.identity.passes import Gone, Passes
from belvedere.identity.passwords import Passwords
from belvedere.identity.permissions import Permission
from belvedere.identity.rates import origin_of
from belvedere.identity.records import Caller, Principal
from belvedere.identity.shares import ShareRecord, ShareStore
from belvedere.identity.tries import Tries
from belvedere.lifecycle.clock import Clock
from belvedere.lifecycle.jobs import Job
from belvedere.lifecycle.status import Verb, allowed_verbs
from belvedere.service import views
from belvedere.service.audit import Auditor
from belvedere.service.rules import ServiceRules

FindForCaller = Callable[[Caller, int | None], Awaitable[Job]]
"""The job, if they may see it. Raises NotFound."""

# Wrong passwords: so many by one address at one link, and so many at one link by all, for a minute each.
_TRIES_EACH: Final = 5
_TRIES_ALL: Final = 30
_A_MINUTE: Final = timedelta(minutes=1)


class Outcome(StrEnum):
    """What comes of opening a share link."""

    OPENED = "opened"
    ASKS = "asks"  # for its password
    WRONG = "wrong"  # password
    SLOW = "slow"  # too many wrong passwords: wait
    RESTING = "resting"  # the job doesn't run
    GONE = "gone"  # it never was, has expired, was revoked, or its maker may no longer see the job


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever opens a share link is told; of the job nothing but its name, and that only with the password."""

    outcome: Outcome
    url: str = ""  # where OPENED leads, once
    job_name: str = ""
    expires_at: datetime | None = None
    wait: int = 0  # seconds, if SLOW


_GONE: Final = Opening(outcome=Outcome.GONE)


class ShareService:
    """Validated requests in, answers out. Errors are those of `contract.errors`."""

    def __init__(
        self,
        *,
        store: ShareStore,
        passes: Passes,
        passwords: Passwords,
        find: FindForCaller,
        clock: Clock,
        rules: ServiceRules,
        audit: Auditor,
    ) -> None:
        self._store = store
        self._passes = passes
        self._passwords = passwords
        self._find = find
        self._clock = clock
        self._rules = rules
        self._audit = audit
        self._by_address = Tries(_TRIES_EACH, _A_MINUTE)
        self._by_share = Tries(_TRIES_ALL, _A_MINUTE)

    async def create(self, who: Caller, job_id: int | None, request: ValidShare) -> ShareCreated:
        """A new link. Raises Conflict if the job has too many."""
        async with self._audit.act(who, TraceName.CREATE_SHARE, job_id) as act:
            who.require(Permission.SHARE)
            record, secret = await self._drafted(who, await self._find(who, job_id), request)
            act.about(message=_told_of(record))
            if not await self._store.add_share(record, MOST):
                raise Conflict(f"The job has {MOST} share links already. Revoke one first.")
            share = _shown(record, record.created_at)
            return ShareCreated(url=f"{self._rules.public_origin}/s/{secret}", share=share)

    async def _drafted(self, who: Caller, job: Job, request: ValidShare) -> tuple[ShareRecord, str]:
        """A new link that is not kept yet, and its secret."""
        now, secret = self._clock(), new_secret()
        record = ShareRecord(
            id=digest_of(new_secret())[:16],
            digest=digest_of(secret),
            job_id=job.id,
            maker=Principal(user=who.user, project_id=who.project_id),
            note=request.note,
            password_hash=await self._passwords.hashed(request.password) if request.password else "",
            created_at=now,
            expires_at=now + timedelta(seconds=request.life),
        )
        return record, secret

    async def list(self, who: Caller, job_id: int | None) -> ShareList:
        """The job's links, without what opens them."""
        who.require(Permission.SHARE)
        job, now = await self._find(who, job_id), self._clock()
        return ShareList(shares=[_shown(record, now) for record in await self._store.shares(job.id)])

    async def revoke(self, who: Caller, job_id: int | None, share_id: str) -> Success:
        """The link, and whatever was opened by it, is no good any more."""
        async with self._audit.act(who, TraceName.REVOKE_SHARE, job_id, message=f"share link {share_id}"):
            who.require(Permission.SHARE)
            job = await self._find(who, job_id)
            if not await self._store.remove_share(job.id, share_id):
                raise NotFound("The job has no such share link. List its share links to see which it has.")
            return Success()

    async def open(self, secret: str, password: str | None, address: str) -> Opening:
        """What comes of it when somebody at this address opens the link; `password`: None if they gave none."""
        now = self._clock()
        record = await self._store.find_share(digest_of(secret))
        if record is None or now >= record.expires_at:
            return _GONE
        guest = await self._passes.gatekeeper.guest_of(record.maker)
        job = await self._job_for(guest, record) if guest else None
        if job is None:
            return _GONE
        refused = await self._refused(record, job, password, address, now)
        return refused or await self._opened(record, job, now)

    async def _job_for(self, guest: Caller, record: ShareRecord) -> Job | None:
        if not guest.may(Permission.GET):
            return None
        try:
            return await self._find(guest, record.job_id)
        except NotFound:
            return None

    async def _refused(
        self, record: ShareRecord, job: Job, password: str | None, address: str, now: datetime
    ) -> Opening | None:
        """Why the password doesn't open it; None if it does, or none is needed."""
        if not record.password_hash:
            return None
        if password is None:
            return Opening(outcome=Outcome.ASKS)
        each = record.id, origin_of(address)
        wait = max(self._by_address.wait(each, now), self._by_share.wait(record.id, now))
        if wait:
            return Opening(outcome=Outcome.SLOW, wait=int(wait.total_seconds()) + 1)
        if await self._is_right(record, password, each, now):
            return None
        async with self._using(record, job) as act:
            act.refuse("ModelArts.0201", f"{_told_of(record)}: a wrong password")
        return Opening(outcome=Outcome.WRONG)

    async def _is_right(self, record: ShareRecord, password: str, each: tuple[str, str], now: datetime) -> bool:
        """Try the password. It counts as wrong from now on, until it has turned out to be right or was not tried."""
        self._by_address.failed(each, now)
        self._by_share.failed(record.id, now)
        try:
            is_right = await self._passwords.match(record.password_hash, password)
        except Unavailable:
            self._by_address.taken_back(each, now)
            self._by_share.taken_back(record.id, now)
            raise
        if is_right:
            self._by_address.forget(each)
            self._by_share.taken_back(record.id, now)
        return is_right

    async def _opened(self, record: ShareRecord, job: Job, now: datetime) -> Opening:
        if Verb.OPEN not in allowed_verbs(job):
            return Opening(outcome=Outcome.RESTING, job_name=job.name, expires_at=record.expires_at)
        async with self._using(record, job) as act:
            try:
                ticket = await self._passes.guest_ticket(record, now)
            except Gone:
                act.refuse(NotFound.code, f"{_told_of(record)}: revoked at this moment")
                return _GONE
            await self._store.note_use(record.id, now)
        url = views.with_ticket(f"{self._rules.origins.of(job.id)}{views.viewer_path(job)}", "/", ticket)
        return Opening(outcome=Outcome.OPENED, url=url, job_name=job.name, expires_at=record.expires_at)

    def _using(self, record: ShareRecord, job: Job) -> AbstractAsyncContextManager[Act]:
        facts = {"project_id": record.maker.project_id, "resource_name": job.name, "signed_by": "share"}
        return self._audit.act(None, TraceName.USE_SHARE, record.job_id, message=_told_of(record), **facts)


def _told_of(record: ShareRecord) -> str:
    return f"share link {record.id} of {record.maker.user}"


def _shown(record: ShareRecord, now: datetime) -> Share:
    return Share(
        share_id=record.id,
        note=record.note,
        created_by=record.maker.user,
        create_time=views.epoch_ms(record.created_at),
        expire_time=views.epoch_ms(record.expires_at),
        is_expired=now >= record.expires_at,
        has_password=bool(record.password_hash),
        uses=record.uses,
        last_used_time=views.epoch_ms(record.used_at) if record.used_at else None,
    )
