"""The audit's file, and how old traces go."""

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from belvedere.contract.audit import ResourceType, TraceName
from belvedere.identity.acts import Trace
from belvedere.server.audit_keeping import AuditFile, append, prune_now_and_then
from belvedere.testing.audit import MemoryAuditStore
from tests.support.job_stores import START


async def tell(store: MemoryAuditStore, *users: str) -> None:
    for user in users:
        trace = Trace(at=START, name=TraceName.LOGIN, resource_type=ResourceType.USER, user=user)
        await store.add_trace(trace)


def users_in(path: Path) -> list[str]:
    return [json.loads(line)["user"] for line in path.read_text().splitlines()]


async def test_each_trace_is_a_line_and_is_written_once(tmp_path: Path) -> None:
    store, path = MemoryAuditStore(), tmp_path / "audit.jsonl"
    await tell(store, "ann", "ben")
    await AuditFile(store, path).catch_up()
    await tell(store, "eve")
    await AuditFile(store, path).catch_up()  # another one, as after a restart
    assert users_in(path) == ["ann", "ben", "eve"]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    store, path = MemoryAuditStore(), tmp_path / "audit.jsonl"
    file = AuditFile(store, path)
    await tell(store, "ann")
    await file.catch_up()
    path.rename(tmp_path / "audit.jsonl.1")
    await tell(store, "ben")
    await file.catch_up()
    assert (users_in(tmp_path / "audit.jsonl.1"), users_in(path)) == (["ann"], ["ben"])


async def test_what_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    store, path = MemoryAuditStore(), tmp_path / "later" / "audit.jsonl"
    file = AuditFile(store, path)
    await tell(store, "ann")
    await file.catch_up()
    path.parent.mkdir()
    await file.catch_up()
    assert users_in(path) == ["ann"]


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "audit.jsonl", os.write
    append(path, b"whole\n")
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    with pytest.raises(OSError, match="only 3 of 7 bytes"):
        append(path, b"broken\n")
    assert path.read_bytes() == b"whole\n"


async def test_what_is_told_before_the_end_is_in_the_file(tmp_path: Path) -> None:
    store, path = MemoryAuditStore(), tmp_path / "audit.jsonl"
    task = asyncio.create_task(AuditFile(store, path).run())
    await asyncio.sleep(0)
    await tell(store, "ann")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert users_in(path) == ["ann"]


async def test_traces_that_are_too_old_go() -> None:
    store = MemoryAuditStore()
    await tell(store, "ann")
    task = asyncio.create_task(prune_now_and_then(store, lambda: START + timedelta(days=8), 7))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    assert [trace.name for trace in store.kept] == [TraceName.PRUNE_AUDIT]
