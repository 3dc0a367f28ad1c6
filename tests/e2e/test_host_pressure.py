"""Viewers and the memory that there is for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.contract.reasons import ReasonCode
from belvedere.host.pressure import MIB
from belvedere.host.room import Room
from belvedere.lifecycle.jobs import End
from belvedere.lifecycle.seen import Phase
from belvedere.runtimes.local import LocalRuntime
from tests.support.viewers import LOGS, stand_up, until_phase, viewer_spec

pytestmark = pytest.mark.e2e
OTHER = viewer_spec(2, folder=LOGS / "exp_0")


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    runtime = LocalRuntime(tmp_path, room=Room(memory=20 * MIB))
    yield runtime
    await runtime.close(end_viewers=True)


async def test_a_viewer_without_room_waits_and_says_why(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    await runtime.ensure(OTHER)
    seen = await until_phase(runtime, 2, Phase.WAITING, Phase.READY)
    assert seen.phase is Phase.WAITING
    assert seen.reason is not None
    assert seen.reason.code is ReasonCode.NO_CAPACITY


async def test_one_that_waits_starts_when_there_is_room(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    await runtime.ensure(OTHER)
    await until_phase(runtime, 2, Phase.WAITING)
    await runtime.remove(1)
    assert (await until_phase(runtime, 2, Phase.READY, Phase.FAILED)).phase is Phase.READY


async def test_one_that_waits_starts_when_another_falls_asleep(runtime: LocalRuntime) -> None:
    await stand_up(runtime, replace(viewer_spec(1), sleep_after=1))
    await runtime.ensure(OTHER)
    assert (await until_phase(runtime, 2, Phase.READY, Phase.FAILED)).phase is Phase.READY
    assert (await runtime.look([1]))[1].phase is Phase.ASLEEP


async def test_a_viewer_over_its_limit_is_ended_and_says_so(runtime: LocalRuntime) -> None:
    await runtime.ensure(replace(viewer_spec(1), memory_bytes=4 * MIB))
    seen = await until_phase(runtime, 1, Phase.FAILED)
    assert seen.end is End.VIEWER
    assert seen.reason is not None
    assert seen.reason.code is ReasonCode.MEMORY_LIMIT


async def test_logs_too_large_for_the_memory_are_not_loaded_but_named(runtime: LocalRuntime, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with (tmp_path / "logs" / "events.out.tfevents.1.host").open("wb") as file:
        file.truncate(100 * MIB)
    await runtime.ensure(viewer_spec(1, folder=tmp_path / "logs"))
    seen = await until_phase(runtime, 1, Phase.WAITING, Phase.READY)
    assert seen.reason is not None
    assert "needs about 122 MiB" in seen.reason.text
