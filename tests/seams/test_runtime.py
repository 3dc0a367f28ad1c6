"""What every Runtime has to do, the fake one and the real one."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.lifecycle.seen import ABSENT, Phase
from belvedere.runtimes.base import Runtime
from belvedere.runtimes.local import LocalRuntime
from belvedere.sources.stores import ObjectStore
from belvedere.testing.runtime import FakeRuntime
from tests.support.viewers import PATIENCE, end, stand_up, until_phase, viewer_spec


@pytest.fixture(params=["fake", "local"])
async def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Runtime]:
    runtime: Runtime = FakeRuntime() if request.param == "fake" else LocalRuntime(tmp_path)
    yield runtime
    await runtime.close(end_viewers=True)


async def test_what_was_never_ensured_is_absent(runtime: Runtime) -> None:
    assert await runtime.look([1, 2]) == {1: ABSENT, 2: ABSENT}


async def test_nothing_runs_at_first(runtime: Runtime) -> None:
    assert await runtime.look_at_all() == {}


async def test_a_viewer_that_is_ensured_becomes_ready(runtime: Runtime) -> None:
    assert (await stand_up(runtime, viewer_spec(1))).phase is Phase.READY


async def test_a_ready_viewer_can_be_reached_and_says_since_when(runtime: Runtime) -> None:
    seen = await stand_up(runtime, viewer_spec(1))
    assert seen.endpoint is not None
    assert seen.ready_at is not None


async def test_ensuring_again_starts_nothing(runtime: Runtime) -> None:
    before = await stand_up(runtime, viewer_spec(1))
    after = await runtime.ensure(viewer_spec(1))
    assert (after.ready_at, after.starts) == (before.ready_at, before.starts)


async def test_a_newer_revision_is_taken_note_of_and_starts_nothing(runtime: Runtime) -> None:
    before = await stand_up(runtime, replace(viewer_spec(1), revision=1))
    after = await runtime.ensure(replace(viewer_spec(1), revision=2))
    assert (before.revision, after.revision, after.starts) == (1, 2, before.starts)


async def test_an_older_revision_changes_nothing(runtime: Runtime) -> None:
    await stand_up(runtime, replace(viewer_spec(1), revision=2))
    assert (await runtime.ensure(replace(viewer_spec(1), revision=1))).revision == 2


async def test_a_newer_attempt_replaces_the_viewer(runtime: Runtime) -> None:
    await stand_up(runtime, viewer_spec(1, attempt=1))
    assert (await stand_up(runtime, viewer_spec(1, attempt=2))).attempt == 2


async def test_an_older_attempt_changes_nothing(runtime: Runtime) -> None:
    await stand_up(runtime, viewer_spec(1, attempt=2))
    assert (await runtime.ensure(viewer_spec(1, attempt=1))).attempt == 2


async def test_a_removed_viewer_becomes_absent(runtime: Runtime) -> None:
    await stand_up(runtime, viewer_spec(1))
    await runtime.remove(1)
    assert await until_phase(runtime, 1, Phase.ABSENT) == ABSENT


async def test_removing_what_is_not_there_is_absent(runtime: Runtime) -> None:
    assert await runtime.remove(9) == ABSENT


async def test_a_removed_viewer_can_be_ensured_again(runtime: Runtime) -> None:
    await stand_up(runtime, viewer_spec(1))
    await runtime.remove(1)
    await until_phase(runtime, 1, Phase.ABSENT)
    assert (await stand_up(runtime, viewer_spec(1))).phase is Phase.READY


async def test_all_that_runs_is_seen(runtime: Runtime) -> None:
    await stand_up(runtime, viewer_spec(1))
    await stand_up(runtime, viewer_spec(2))
    everything = await runtime.look_at_all()
    assert everything is not None
    assert set(everything) == {1, 2}


async def test_what_is_ensured_asleep_is_asleep_and_starts_nothing(runtime: Runtime) -> None:
    seen = await runtime.ensure(replace(viewer_spec(1), asleep=True))
    assert (seen.phase, seen.starts, seen.endpoint) == (Phase.ASLEEP, 0, None)


async def test_use_wakes_what_is_asleep(runtime: Runtime) -> None:
    await runtime.ensure(replace(viewer_spec(1), asleep=True))
    await runtime.use([1])
    assert (await until_phase(runtime, 1, Phase.READY, Phase.FAILED)).phase is Phase.READY


async def test_ensuring_again_wakes_nothing(runtime: Runtime) -> None:
    await runtime.ensure(replace(viewer_spec(1), asleep=True))
    assert (await runtime.ensure(viewer_spec(1))).phase is Phase.ASLEEP


async def test_use_of_what_runs_starts_nothing(runtime: Runtime) -> None:
    before = await stand_up(runtime, viewer_spec(1))
    await runtime.use([1])
    assert (await runtime.look([1]))[1].starts == before.starts


async def test_use_of_what_is_not_there_is_ignored(runtime: Runtime) -> None:
    await runtime.use([9])
    assert await runtime.look([9]) == {9: ABSENT}


async def test_a_sleeping_viewer_can_be_removed(runtime: Runtime) -> None:
    await runtime.ensure(replace(viewer_spec(1), asleep=True))
    await runtime.remove(1)
    assert await until_phase(runtime, 1, Phase.ABSENT) == ABSENT


async def test_stores_may_be_told_at_any_time(runtime: Runtime) -> None:
    await runtime.set_stores([ObjectStore(endpoint="https://obs.example")])
    before = await stand_up(runtime, viewer_spec(1))
    await runtime.set_stores([])
    assert (await runtime.look([1]))[1].starts == before.starts
    await runtime.close(end_viewers=True)
    await runtime.set_stores([])


async def test_logs_of_what_is_not_there_are_empty(runtime: Runtime) -> None:
    assert list(await runtime.logs(9, 10)) == []


async def test_starts_are_counted(runtime: Runtime) -> None:
    await stand_up(runtime, viewer_spec(1))
    metrics = await runtime.metrics()
    assert metrics is not None
    assert metrics.viewer_starts == 1


async def test_changes_name_a_job_that_was_ensured(runtime: Runtime) -> None:
    changes = runtime.changes()
    hint = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    await runtime.ensure(viewer_spec(7))
    async with asyncio.timeout(PATIENCE):
        while 7 not in (await hint or ()):
            hint = asyncio.ensure_future(anext(changes))
    with contextlib.suppress(AttributeError):
        await changes.aclose()  # type: ignore[attr-defined]


async def test_when_the_engine_is_lost_any_job_may_have_changed(runtime: Runtime) -> None:
    await stand_up(runtime, viewer_spec(7))
    changes = runtime.changes()
    hint = await anext(changes)
    await lose_all(runtime)
    async with asyncio.timeout(PATIENCE):
        while hint is not None:
            hint = await anext(changes)
    assert await runtime.look_at_all() == {}
    with contextlib.suppress(AttributeError):
        await changes.aclose()  # type: ignore[attr-defined]


async def lose_all(runtime: Runtime) -> None:
    if isinstance(runtime, LocalRuntime):
        info = await runtime.host()
        assert info is not None
        end(info.pid, signal.SIGKILL)
    elif isinstance(runtime, FakeRuntime):
        runtime.lose_all()


async def test_a_closed_runtime_knows_nothing_and_raises_nothing(runtime: Runtime) -> None:
    await runtime.close(end_viewers=True)
    seen = await runtime.ensure(viewer_spec(1))
    assert seen.phase is Phase.UNKNOWN
    assert seen.reason is not None
    assert await runtime.look_at_all() is None
    await runtime.use([1])
