"""Job, log store and identity stores in memory. They pass the suites of the real ones.

Each method does its work without awaiting anything, so coroutines never see half of it: that is the transaction.
"""

import itertools
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from belvedere.contract.statuses import JobStatus
from belvedere.identity.records import (
    AccessKey,
    Member,
    Outsider,
    Principal,
    Project,
    SecretKind,
    SecretRecord,
    Standing,
    User,
)
from belvedere.lifecycle.clock import Clock, utc_now
from belvedere.lifecycle.jobs import Event, Intent, Job, Visibility, sources_of
from belvedere.lifecycle.schedule import running_time
from belvedere.lifecycle.status import status_of
from belvedere.store.base import (
    EVERY_PROJECT,
    Claim,
    IdempotencyKey,
    JobPage,
    JobQuery,
    KeyReused,
    LogStoreRecord,
    NewJob,
    SortKey,
)
from belvedere.store.creating import draft_of, require_room
from belvedere.store.queries import Marker, decode_marker, encode_marker
from belvedere.store.records import EVENTS_KEPT
from belvedere.store.rows import fold, search_text
from belvedere.store.tables import instant, microseconds


class _Held(msgspec.Struct, kw_only=True):
    """A job and all that belongs to it."""

    job: Job
    events: list[Event]
    look_at: datetime | None
    hinted: bool = False
    claim: Claim | None = None
    claimed_by: str | None = None

    def release(self) -> None:
        self.claim = self.claimed_by = None

    def make_due(self, now: datetime) -> None:
        self.hinted = True
        self.look_at = min(self.look_at or now, now)


class _Key(msgspec.Struct, frozen=True):
    digest: str
    job_id: int
    expires_at: datetime


class MemoryJobStore:
    """Implements `JobStore`."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self._held: dict[int, _Held] = {}
        self._keys: dict[tuple[str, str], _Key] = {}

    async def create(
        self, new: NewJob, *, now: datetime, key: IdempotencyKey | None = None, quota: int
    ) -> tuple[Job, bool]:
        self._keys = {place: kept for place, kept in self._keys.items() if kept.expires_at > now}
        kept = self._keys.get((new.project_id, key.key)) if key else None
        if key and kept:
            if kept.digest != key.digest:
                raise KeyReused(key.key)
            return self._held[kept.job_id].job, False
        require_room(await self.count(new.project_id), quota)
        job = replace(draft_of(new, now), id=next(self._ids))
        self._held[job.id] = _Held(job=job, events=[Event(at=now, kind="created", text="Created.")], look_at=now)
        if key:
            self._keys[new.project_id, key.key] = _Key(key.digest, job.id, now + key.keep)
        return job, True

    async def get(self, project_id: str, job_id: int) -> Job | None:
        job = await self.find(job_id)
        return job if job and job.project_id == project_id else None

    async def find(self, job_id: int) -> Job | None:
        held = self._held.get(job_id)
        return held.job if held else None

    async def query(self, query: JobQuery) -> JobPage:
        marker = None if query.marker is None else decode_marker(query.marker, query)
        as_of = marker.as_of if marker else microseconds(self._clock())
        places = sorted(
            ((_sort_value(job, query.sort, as_of), job.id) for job in self.everything() if _is_wanted(job, query)),
            reverse=query.descending,
        )
        start = _start(places, marker) if marker else (query.page - 1) * query.per_page
        shown = places[start : start + query.per_page]
        next_marker = None
        if shown and len(places) > start + len(shown):
            value, job_id = shown[-1]
            last = Marker(sort=query.sort, descending=query.descending, value=value, id=job_id, as_of=as_of)
            next_marker = encode_marker(last)
        found = [self._held[job_id].job for _, job_id in shown]
        return JobPage(jobs=found, total=len(places), next_marker=next_marker)

    async def count(self, project_id: str) -> int:
        return sum(job.project_id == project_id for job in self.everything())

    async def room(self, project_id: str, quota: int) -> tuple[int, int]:
        return quota, await self.count(project_id)

    async def count_by_status(self) -> dict[JobStatus, int]:
        return dict(Counter(status_of(job) for job in self.everything()))

    async def replace(self, job: Job, *, events: Sequence[Event] = (), look_at: datetime | None) -> Job | None:
        held = self._held.get(job.id)
        if held is None or held.job.version != job.version:
            return None
        held.release()
        held.look_at = look_at or held.look_at
        return _write(held, job, events)

    async def claim_due(self, owner: str, *, now: datetime, lease: timedelta, limit: int) -> Sequence[Claim]:
        for held in self._held.values():
            if held.claim and held.claim.until <= now:
                held.release()
        due = sorted((held.look_at, held.job.id) for held in self._held.values() if held.look_at and not held.claim)
        chosen = [job_id for look_at, job_id in due if look_at <= now][:limit]
        return [self._claim(job_id, owner, now + lease) for job_id in chosen]

    def _claim(self, job_id: int, owner: str, until: datetime) -> Claim:
        held = self._held[job_id]
        held.claim = Claim(job=held.job, token=uuid.uuid4().hex, until=until)
        held.claimed_by, held.hinted = owner, False
        return held.claim

    async def settle(
        self, claim: Claim, job: Job | None, *, events: Sequence[Event] = (), look_at: datetime | None, now: datetime
    ) -> Job | None:
        held = self._held.get(claim.job.id)
        if held is None:
            return None
        if held.claim is None or held.claim.token != claim.token:
            held.make_due(now)
            return None
        if job is None:
            self._forget(claim.job.id)
            return None
        held.release()
        held.look_at = min(look_at or now, now) if held.hinted else look_at
        return _write(held, job, events) if events or job != claim.job else job

    def _forget(self, job_id: int) -> None:
        del self._held[job_id]
        self._keys = {place: kept for place, kept in self._keys.items() if kept.job_id != job_id}

    async def release_claims(self, owner: str) -> int:
        theirs = [held for held in self._held.values() if held.claimed_by == owner]
        for held in theirs:
            held.release()
        return len(theirs)

    async def next_look(self) -> datetime | None:
        looks = (held.claim.until if held.claim else held.look_at for held in self._held.values())
        return min((look for look in looks if look), default=None)

    async def make_due(self, job_ids: Collection[int], now: datetime) -> None:
        for job_id in await self.known(job_ids):
            self._held[job_id].make_due(now)

    async def running(self) -> Sequence[Job]:
        return [job for job in self.everything() if job.intent is Intent.RUN and job.run.end is None]

    async def known(self, job_ids: Collection[int]) -> set[int]:
        return self._held.keys() & set(job_ids)

    async def events(self, job_id: int, limit: int = 200) -> Sequence[Event]:
        held = self._held.get(job_id)
        return held.events[-limit:] if held else []

    async def beat(self, now: datetime) -> None:
        del now

    async def last_beat(self) -> datetime | None:
        return None  # a store in memory has no life before its process

    def everything(self) -> Iterator[Job]:
        """All jobs of all projects."""
        return (held.job for held in self._held.values())


def _write(held: _Held, job: Job, events: Sequence[Event]) -> Job:
    held.job = replace(job, version=job.version + 1)
    held.events = [*held.events, *events][-EVENTS_KEPT:]
    return held.job


def _is_wanted(job: Job, query: JobQuery) -> bool:
    return (
        job.project_id == query.project_id
        and (job.visibility is Visibility.PROJECT or job.owner == query.viewer)
        and (not query.statuses or status_of(job) in query.statuses)
        and fold(query.search) in search_text(job)
        and query.tags <= set(job.tags)
        and query.owner in {None, job.owner}
        and query.job_type in {None, job.job_type}
        and (query.created_from is None or job.created_at >= query.created_from)
        and (query.created_before is None or job.created_at < query.created_before)
    )


def _sort_value(job: Job, sort: SortKey, as_of: int) -> Any:
    match sort:
        case SortKey.ID:
            return job.id
        case SortKey.NAME:
            return job.name
        case SortKey.DESCRIPTION:
            return job.description
        case SortKey.CREATED:
            return microseconds(job.created_at)
        case SortKey.STATUS:
            return status_of(job).value
        case SortKey.DURATION:
            return running_time(job, instant(as_of)) // timedelta(microseconds=1)
        case SortKey.TRAIN_URL:
            return job.train_url


def _start(places: Sequence[tuple[Any, int]], marker: Marker) -> int:
    last = (marker.value, marker.id)
    return sum(place >= last if marker.descending else place <= last for place in places)


class MemoryLogStoreRecords:
    """Implements `LogStoreRecords`, beside the jobs of a `MemoryJobStore`."""

    def __init__(self, jobs: MemoryJobStore) -> None:
        self._jobs = jobs
        self._records: dict[tuple[str, str], LogStoreRecord] = {}

    async def add(self, record: LogStoreRecord) -> bool:
        whose = {project_id for project_id, name in self._records if name == record.name}
        if whose & {record.project_id, EVERY_PROJECT} or (record.project_id == EVERY_PROJECT and whose):
            return False
        self._records[record.project_id, record.name] = record
        return True

    async def all(self) -> list[LogStoreRecord]:
        return [self._records[place] for place in sorted(self._records)]

    async def replace(self, record: LogStoreRecord) -> bool:
        present = self._records.get((record.project_id, record.name))
        if present is None or present.revision != record.revision:
            return False
        self._records[record.project_id, record.name] = replace(record, revision=record.revision + 1)
        return True

    async def remove(self, project_id: str, name: str) -> int:
        count = sum(
            name in _stores_of(job) and project_id in {EVERY_PROJECT, job.project_id} for job in self._jobs.everything()
        )
        if not count:
            self._records.pop((project_id, name), None)
        return count

    async def uses(self, project_id: str) -> dict[str, int]:
        ours = (job for job in self._jobs.everything() if job.project_id == project_id)
        return dict(Counter(store for job in ours for store in _stores_of(job)))


def _stores_of(job: Job) -> set[str]:
    return {source.store for source in sources_of(job)} - {""}


class MemoryIdentityStore:
    """Implements `IdentityStore`."""

    def __init__(self, users: Iterable[User] = (), members: Iterable[Member] = ()) -> None:
        self._projects: list[Project] = []
        self._users = {user.name: user for user in users}
        self._members = {(member.project_id, member.user): member for member in members}
        self._keys: dict[str, AccessKey] = {}
        self._outsiders: dict[Outsider, str] = {}
        self._secrets: dict[tuple[SecretKind, str], SecretRecord] = {}

    async def add_project(self, project: Project) -> bool:
        if any(project.id == each.id or project.name == each.name for each in self._projects):
            return False
        self._projects.append(project)
        return True

    async def projects(self) -> list[Project]:
        return sorted(self._projects, key=lambda project: (project.created_at, project.id))

    async def change_project(self, project_id: str, *, name: str, description: str) -> bool:
        found = [each for each in self._projects if each.id == project_id]
        if not found or any(each.name == name and each.id != project_id for each in self._projects):
            return False
        changed = replace(found[0], name=name, description=description)
        self._projects = [changed if each.id == project_id else each for each in self._projects]
        return True

    async def add_user(self, user: User) -> bool:
        return self._users.setdefault(user.name, user) is user

    async def find_user(self, name: str) -> User | None:
        return self._users.get(name)

    async def users(self) -> list[User]:
        return [self._users[name] for name in sorted(self._users)]

    async def change_user(self, user: User, *, ends_secrets: bool = False, unties: bool = False) -> bool:
        after = {**self._users, user.name: user}
        if user.name not in self._users or not any(
            each.is_administrator and each.is_enabled for each in after.values()
        ):
            return False
        self._users = after
        if ends_secrets:
            await self.remove_all_secrets_of(user.name, endless_too=not user.is_enabled)
        if unties:
            self._outsiders = {each: name for each, name in self._outsiders.items() if name != user.name}
        return True

    async def find_outsider(self, outsider: Outsider) -> str | None:
        return self._outsiders.get(outsider)

    async def add_outsider(self, outsider: Outsider, user: str) -> bool:
        same = [each for each, name in self._outsiders.items() if name == user and each.issuer == outsider.issuer]
        if same or outsider in self._outsiders:
            return False
        self._outsiders[outsider] = user
        return True

    async def add_newcomer(self, user: User, outsider: Outsider, member: Member | None) -> bool:
        if await self.find_user(user.name) or not await self.add_outsider(outsider, user.name):
            return False
        await self.add_user(user)
        if member:
            await self.put_member(member)
        return True

    async def users_outside(self) -> frozenset[str]:
        return frozenset(self._outsiders.values())

    async def put_member(self, member: Member) -> None:
        self._members[member.project_id, member.user] = member

    async def remove_member(self, project_id: str, user: str) -> bool:
        await self.remove_secrets_of(Principal(user=user, project_id=project_id))
        return self._members.pop((project_id, user), None) is not None

    async def members(self, project_id: str) -> list[Member]:
        return [self._members[place] for place in sorted(self._members) if place[0] == project_id]

    async def memberships(self, user: str) -> list[Member]:
        return [self._members[place] for place in sorted(self._members) if place[1] == user]

    async def standing(self, principal: Principal) -> Standing | None:
        user = self._users.get(principal.user)
        member = self._members.get((principal.project_id, principal.user))
        return Standing(user=user, role=member.role if member else None) if user else None

    async def add_key(self, key: AccessKey) -> None:
        self._keys[key.access_key] = key

    async def find_key(self, access_key: str) -> AccessKey | None:
        return self._keys.get(access_key)

    async def keys(self, user: str | None = None) -> list[AccessKey]:
        theirs = [key for key in self._keys.values() if user in {None, key.user}]
        return sorted(theirs, key=lambda key: (key.created_at, key.access_key))

    async def remove_key(self, access_key: str) -> bool:
        return self._keys.pop(access_key, None) is not None

    async def reseal_key(self, access_key: str, sealed_secret: str) -> None:
        if access_key in self._keys:
            self._keys[access_key] = replace(self._keys[access_key], sealed_secret=sealed_secret)

    async def remove_expired_keys(self, now: datetime) -> int:
        live = {name: key for name, key in self._keys.items() if key.expires_at is None or key.expires_at > now}
        removed = len(self._keys) - len(live)
        self._keys = live
        return removed

    async def add_secret(self, record: SecretRecord) -> None:
        self._secrets[record.kind, record.digest] = record

    async def find_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        return self._secrets.get((kind, digest))

    async def take_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        return self._secrets.pop((kind, digest), None)

    async def remove_secrets_of(self, principal: Principal) -> int:
        return self._remove([place for place, it in self._secrets.items() if it.principal == principal])

    async def remove_all_secrets_of(self, user: str, *, endless_too: bool) -> int:
        theirs = [place for place, it in self._secrets.items() if it.principal.user == user]
        return self._remove([place for place in theirs if endless_too or self._secrets[place].expires_at])

    async def remove_expired_secrets(self, now: datetime) -> int:
        expired = [place for place, it in self._secrets.items() if it.expires_at and it.expires_at <= now]
        return self._remove(expired)

    def _remove(self, places: Sequence[tuple[SecretKind, str]]) -> int:
        for place in places:
            del self._secrets[place]
        return len(places)
