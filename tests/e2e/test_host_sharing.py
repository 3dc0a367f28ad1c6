"""Jobs that show the same thing share one viewer, and nobody notices."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.lifecycle.seen import Endpoint, Phase
from belvedere.runtimes.local import LocalRuntime
from tests.support.viewers import LOGS, get_json, stand_up, until_phase, viewer_spec

pytestmark = pytest.mark.e2e
FIRST, SECOND = viewer_spec(1), viewer_spec(2)


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    runtime = LocalRuntime(tmp_path)
    yield runtime
    await runtime.close(end_viewers=True)


async def endpoint(runtime: LocalRuntime, job_id: int) -> Endpoint | None:
    return (await runtime.look([job_id]))[job_id].endpoint


async def starts(runtime: LocalRuntime) -> int:
    metrics = await runtime.metrics()
    assert metrics is not None
    return metrics.viewer_starts


async def test_jobs_of_a_project_that_show_the_same_share_a_viewer(runtime: LocalRuntime) -> None:
    assert (await stand_up(runtime, FIRST)).endpoint == (await stand_up(runtime, SECOND)).endpoint
    assert await starts(runtime) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(SECOND, project_id="another"),
        replace(SECOND, memory_bytes=2**30),
        viewer_spec(2, folder=LOGS / "exp_0"),
    ],
)
async def test_jobs_that_differ_in_project_flavor_or_source_do_not_share(runtime: LocalRuntime, other: object) -> None:
    assert isinstance(other, type(SECOND))
    assert (await stand_up(runtime, FIRST)).endpoint != (await stand_up(runtime, other)).endpoint


async def test_the_end_of_one_job_leaves_the_other_what_it_has(runtime: LocalRuntime) -> None:
    await stand_up(runtime, FIRST)
    before = await stand_up(runtime, SECOND)
    assert (await runtime.remove(1)).phase is Phase.ABSENT
    assert (await runtime.look([2]))[2] == before
    assert await get_json(before, "/data/runs")


async def test_the_last_job_takes_the_viewer_along(runtime: LocalRuntime) -> None:
    await stand_up(runtime, FIRST)
    await stand_up(runtime, SECOND)
    await runtime.remove(1)
    assert (await runtime.remove(2)).phase is Phase.STOPPING
    await until_phase(runtime, 2, Phase.ABSENT)


async def test_a_restarted_job_joins_again(runtime: LocalRuntime) -> None:
    await stand_up(runtime, FIRST)
    shared = (await stand_up(runtime, SECOND)).endpoint
    assert (await stand_up(runtime, viewer_spec(1, attempt=2))).endpoint == shared


async def test_a_job_that_joins_was_not_ready_before(runtime: LocalRuntime) -> None:
    first, second = await stand_up(runtime, FIRST), await stand_up(runtime, SECOND)
    assert first.ready_at is not None
    assert second.ready_at is not None
    assert first.ready_at < second.ready_at


async def test_a_job_that_joins_a_failed_viewer_gets_one_that_tries_anew(runtime: LocalRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    assert (await stand_up(runtime, viewer_spec(1, folder=folder))).phase is Phase.FAILED
    folder.mkdir()
    assert (await stand_up(runtime, viewer_spec(2, folder=folder))).phase is Phase.READY
    assert (await runtime.look([1]))[1].phase is Phase.FAILED


async def test_what_an_attempt_shows_stays_though_its_specification_changes(runtime: LocalRuntime) -> None:
    before = await stand_up(runtime, FIRST)
    await runtime.ensure(replace(viewer_spec(1, folder=LOGS / "exp_0"), revision=1, memory_bytes=2**30))
    assert (await runtime.look([1]))[1].endpoint == before.endpoint
    await runtime.remove(1)
    await until_phase(runtime, 1, Phase.ABSENT)
    assert (await stand_up(runtime, SECOND)).phase is Phase.READY
