"""What every audit store promises; and that the database refuses to change what is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError

from belvedere.contract.audit import ResourceType, TraceName
from belvedere.contract.errors import BelvedereError, Conflict
from belvedere.identity.acts import AuditStore, Trace, TraceQuery
from belvedere.identity.records import SecretKind, SecretRecord
from belvedere.service.audit import Auditor
from belvedere.store.opening import Stores
from belvedere.store.sqlite import open_engine, writing
from belvedere.testing.audit import MemoryAuditStore
from tests.support.databases import new_stores
from tests.support.gateway import ANN
from tests.support.identities import enrol
from tests.support.job_stores import KINDS, SECOND, START, add


@pytest.fixture(params=KINDS)
async def audit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AuditStore]:
    if request.param == "memory":
        yield MemoryAuditStore()
        return
    with new_stores(tmp_path, lambda: START) as stores:
        yield stores.audit


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    with new_stores(tmp_path, lambda: START) as opened:
        yield opened


def trace(seconds: int = 0, **facts: Any) -> Trace:
    given = {"name": TraceName.STOP_JOB, "resource_type": ResourceType.JOB, "project_id": "p", "user": "ann", **facts}
    return Trace(at=START + seconds * SECOND, **given)


async def seen(audit: AuditStore, **wanted: Any) -> list[int]:
    return [each.id for each in await audit.traces(TraceQuery(**{"project_id": None, "limit": 10, **wanted}))]


async def test_a_trace_comes_back_as_it_was_told(audit: AuditStore) -> None:
    told = trace(resource_id="7", resource_name="run-1", address="192.0.2.7", code="ModelArts.0105", message="No.")
    await audit.add_trace(told)
    assert await audit.traces(TraceQuery(project_id="p", limit=1)) == [Trace(**{**_facts(told), "id": 1})]


def _facts(told: Trace) -> dict[str, Any]:
    return {name: getattr(told, name) for name in told.__struct_fields__}


@pytest.mark.parametrize(
    "wanted",
    [
        {"project_id": "q"},
        {"user": "bob"},
        {"name": TraceName.LOGIN},
        {"rating": "warning"},
        {"resource_type": ResourceType.USER},
        {"resource_id": "8"},
        {"address": "192.0.2.8"},
        {"request_id": "r"},
        {"since": START + SECOND},
    ],
    ids=str,
)
async def test_each_condition_finds_the_one_that_meets_it(audit: AuditStore, wanted: dict[str, Any]) -> None:
    facts = {name: value for name, value in wanted.items() if name != "since"}
    await audit.add_trace(trace())
    await audit.add_trace(trace(1, **facts))
    assert await seen(audit, **wanted) == [2]


async def test_pages_follow_each_other_in_both_directions(audit: AuditStore) -> None:
    for number in range(5):
        await audit.add_trace(trace(number))
    assert await seen(audit, limit=2) == [5, 4]
    assert await seen(audit, limit=2, marker=4) == [3, 2]
    assert await seen(audit, limit=2, marker=3, oldest_first=True) == [4, 5]
    assert await seen(audit, before=START + 2 * SECOND) == [2, 1]


async def test_pruning_takes_what_is_older_and_tells_of_it(audit: AuditStore) -> None:
    for number in range(4):
        await audit.add_trace(trace(number))
    assert await audit.prune(START + 2 * SECOND, START + 9 * SECOND) == 2
    left = await audit.traces(TraceQuery(project_id=None, limit=10))
    assert (left[0].id, left[0].name) == (5, TraceName.PRUNE_AUDIT)
    assert [each.id for each in left] == [5, 4, 3]
    assert await audit.prune(START + 2 * SECOND, START + 9 * SECOND) == 0


async def test_the_mark_of_the_file_is_kept(audit: AuditStore) -> None:
    assert await audit.file_mark() == 0
    await audit.set_file_mark(7)
    assert await audit.file_mark() == 7


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_traces SET user = 'mallory'",
        "DELETE FROM audit_traces",
        "REPLACE INTO audit_traces SELECT id, at + 1, name, rating, resource_type, resource_id, resource_name, "
        "project_id, 'mallory', signed_by, address, request_id, code, message FROM audit_traces",
    ],
)
async def test_the_database_refuses_to_change_what_is_told(stores: Stores, tmp_path: Path, statement: str) -> None:
    await stores.audit.add_trace(trace())
    engine = writing(open_engine(tmp_path / "belvedere.db", connections=1))
    with pytest.raises(IntegrityError, match="a trace of the audit"), engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
    assert [each.user for each in await stores.audit.traces(TraceQuery(project_id="p", limit=9))] == ["ann"]


async def test_what_is_pruned_may_not_come_nearer_to_the_present_by_a_mark_that_goes_back(
    stores: Stores, tmp_path: Path
) -> None:
    await stores.audit.prune(START, START)
    engine = writing(open_engine(tmp_path / "belvedere.db", connections=1))
    with pytest.raises(IntegrityError, match="forward only"), engine.begin() as connection:
        connection.execute(sa.text("UPDATE audit_marks SET value = value - 1"))
    engine.dispose()


async def test_a_change_and_its_trace_are_one_transaction(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(connection: object, told: Trace) -> None:
        raise Conflict(f"{told.name} can't be told")

    monkeypatch.setattr("belvedere.store.database.add_trace", fails)
    with pytest.raises(BelvedereError, match="can't be told"):
        async with Auditor(stores.audit, lambda: START).act(None, TraceName.CREATE_JOB):
            await add(stores.jobs)
    assert await stores.jobs.count("p1") == 0
    assert not await stores.jobs.known([1])


async def test_an_act_leaves_one_trace_however_much_it_writes(stores: Stores) -> None:
    async with Auditor(stores.audit, lambda: START).act(None, TraceName.CREATE_JOB):
        await add(stores.jobs)
        await add(stores.jobs)
    assert [each.resource_id for each in await stores.audit.traces(TraceQuery(project_id=None, limit=9))] == ["1"]


async def test_acts_at_the_same_time_tell_of_themselves_only(stores: Stores) -> None:
    auditor = Auditor(stores.audit, lambda: START)

    async def act(user: str) -> None:
        async with auditor.act(None, TraceName.CREATE_JOB, user=user):
            await asyncio.sleep(0)
            await add(stores.jobs)

    await asyncio.gather(*(act(f"user-{number}") for number in range(20)))
    told = await stores.audit.traces(TraceQuery(project_id=None, limit=99))
    assert {each.user for each in told} == {f"user-{number}" for number in range(20)}
    assert len({each.resource_id for each in told}) == 20


async def test_what_nobody_announced_leaves_no_trace(stores: Stores) -> None:
    await add(stores.jobs)
    assert await stores.audit.traces(TraceQuery(project_id=None, limit=9)) == []


async def test_a_new_password_and_the_end_of_what_the_old_one_opened_are_one_transaction(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed in between, the audit never tells of a half."""
    people = stores.identities
    ann = await enrol(people, "ann")
    await enrol(people, "root", role=None)
    record = SecretRecord(digest="d", kind=SecretKind.SESSION, principal=ANN, created_at=START, expires_at=START)
    await people.add_secret(record)

    def fails(connection: object, told: Trace) -> None:
        raise Conflict(f"{told.name} can't be told")

    monkeypatch.setattr("belvedere.store.database.add_trace", fails)
    for changed in (replace(ann, password_hash="new"), replace(ann, is_enabled=False)):
        with pytest.raises(BelvedereError, match="can't be told"):
            async with Auditor(stores.audit, lambda: START).act(None, TraceName.UPDATE_USER):
                await people.change_user(changed, ends_secrets=True, unties=True)
    assert (await people.find_user("ann"), await people.find_secret(SecretKind.SESSION, "d")) == (ann, record)


async def test_signing_out_everywhere_is_told_in_its_own_transaction(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = SecretRecord(digest="d", kind=SecretKind.SESSION, principal=ANN, created_at=START, expires_at=START)
    await stores.identities.add_secret(record)

    def fails(connection: object, told: Trace) -> None:
        raise Conflict(f"{told.name} can't be told")

    monkeypatch.setattr("belvedere.store.database.add_trace", fails)
    with pytest.raises(BelvedereError, match="can't be told"):
        async with Auditor(stores.audit, lambda: START).act(None, TraceName.LOGOUT):
            await stores.identities.remove_all_secrets_of("ann", endless_too=False)
    assert await stores.identities.find_secret(SecretKind.SESSION, "d") == record
