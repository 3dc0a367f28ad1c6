"""One viewer, several sources: they come and go while it stands, in the very same process."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.host.protocol import SourceSpec, ViewerSpec
from belvedere.lifecycle.seen import Phase, Seen
from belvedere.runtimes.local import LocalRuntime
from belvedere.sources.location import FolderLocation
from tests.support.viewers import LOGS, PATIENCE, get_json, stand_up, until_phase, viewer_spec

pytestmark = pytest.mark.e2e


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    runtime = LocalRuntime(tmp_path, poll_seconds=0.3)
    yield runtime
    await runtime.close(end_viewers=True)


def source(name: str, folder: Path) -> SourceSpec:
    return SourceSpec(name=name, location=FolderLocation(path=str(folder), root=str(folder)))


FIRST, SECOND = source("first", LOGS / "exp_0"), source("second", LOGS / "exp_1")
BOTH = replace(viewer_spec(1), sources=(FIRST, SECOND))


def changed(spec: ViewerSpec, revision: int, *sources: SourceSpec) -> ViewerSpec:
    return replace(spec, revision=revision, sources=sources)


async def until_tops(runtime: LocalRuntime, job_id: int, *expected: str) -> Seen:
    """Wait until the runs' topmost folders are these."""
    async with asyncio.timeout(PATIENCE):
        while True:
            seen = (await runtime.look([job_id]))[job_id]
            runs = await get_json(seen, "/data/runs") if seen.phase is Phase.READY else []
            assert isinstance(runs, list)
            if {run.partition("/")[0] for run in runs} == set(expected):
                return seen
            await asyncio.sleep(0.05)


async def test_runs_stand_below_the_names_of_their_sources(runtime: LocalRuntime) -> None:
    await stand_up(runtime, BOTH)
    seen = await until_tops(runtime, 1, "first", "second")
    assert [(each.name, each.reason) for each in seen.sources] == [("first", None), ("second", None)]


async def test_sources_are_attached_and_detached_while_the_same_attempt_stands_at_the_same_place(
    runtime: LocalRuntime,
) -> None:
    before = await stand_up(runtime, viewer_spec(1, folder=LOGS / "exp_0"))
    await runtime.ensure(changed(BOTH, 1, FIRST, SECOND))
    await until_tops(runtime, 1, "first", "second")
    await runtime.ensure(changed(BOTH, 2, SECOND))
    after = await until_tops(runtime, 1, "second")
    assert (after.endpoint, after.attempt, after.reason) == (before.endpoint, 1, None)


async def test_a_name_may_come_to_stand_for_another_place(runtime: LocalRuntime, tmp_path: Path) -> None:
    shutil.copytree(LOGS / "exp_1", tmp_path / "logs" / "other")
    await stand_up(runtime, changed(BOTH, 1, FIRST))
    before = await runs(runtime)
    await runtime.ensure(changed(BOTH, 2, source("first", tmp_path / "logs")))
    async with asyncio.timeout(PATIENCE):
        while await runs(runtime) == before:  # noqa: ASYNC110 - another process moves
            await asyncio.sleep(0.05)
    assert [run.partition("/")[2].partition("/")[0] for run in await runs(runtime)][:1] == ["other"]


async def runs(runtime: LocalRuntime) -> list[str]:
    found = await get_json((await runtime.look([1]))[1], "/data/runs")
    assert isinstance(found, list)
    return found


async def test_a_job_that_shares_its_viewer_leaves_it_to_the_other(runtime: LocalRuntime) -> None:
    await stand_up(runtime, BOTH)
    other = await stand_up(runtime, replace(BOTH, job_id=2))
    assert (await runtime.look([1]))[1].endpoint == other.endpoint
    await runtime.ensure(changed(BOTH, 1, SECOND))
    mine = await until_tops(runtime, 1, "second")
    theirs = await until_tops(runtime, 2, "first", "second")
    assert theirs.endpoint == other.endpoint != mine.endpoint
    assert mine.attempt == 1


async def test_a_viewer_that_changed_is_shared_for_what_it_shows_now(runtime: LocalRuntime) -> None:
    await stand_up(runtime, BOTH)
    await runtime.ensure(changed(BOTH, 1, SECOND))
    mine = await until_tops(runtime, 1, "second")
    assert (await stand_up(runtime, replace(BOTH, job_id=2, sources=(SECOND,)))).endpoint == mine.endpoint
    assert (await stand_up(runtime, replace(BOTH, job_id=3))).endpoint != mine.endpoint


async def test_one_that_sleeps_shows_the_new_sources_when_it_wakes(runtime: LocalRuntime) -> None:
    await stand_up(runtime, replace(BOTH, sleep_after=0.1))
    await until_phase(runtime, 1, Phase.ASLEEP)
    await runtime.ensure(changed(BOTH, 1, SECOND))
    assert (await runtime.look([1]))[1].phase is Phase.ASLEEP
    await runtime.use([1])
    await until_tops(runtime, 1, "second")


async def test_one_bad_source_takes_nothing_from_the_others(runtime: LocalRuntime, tmp_path: Path) -> None:
    bad = source("bad", tmp_path / "none")
    seen = await stand_up(runtime, replace(BOTH, sources=(FIRST, bad)))
    assert seen.phase is Phase.READY
    assert seen.reason is not None
    assert seen.reason.text.startswith("bad: ")
    await until_tops(runtime, 1, "first")


async def test_all_bad_sources_fail_the_viewer(runtime: LocalRuntime, tmp_path: Path) -> None:
    spec = replace(BOTH, sources=(source("a", tmp_path / "none"), source("b", tmp_path / "neither")))
    assert (await stand_up(runtime, spec)).phase is Phase.FAILED
