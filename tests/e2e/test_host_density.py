"""Many viewers on one host, most of them asleep, and many runs in one."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.lifecycle.seen import Phase
from belvedere.runtimes.local import LocalRuntime
from tests.support.viewers import LOGS, descendants, get_json, running, stand_up, until_phase, viewer_spec

pytestmark = pytest.mark.e2e
RUNS = 10_000


@pytest.fixture
def few_files() -> Iterator[None]:
    """As under ``ulimit -Sn 1024``, as most shells have it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    runtime = LocalRuntime(tmp_path / "data")
    yield runtime
    await runtime.close(end_viewers=True)


async def test_a_thousand_sleeping_viewers_are_one_process(runtime: LocalRuntime) -> None:
    for number in range(1, 1001):
        asleep = replace(viewer_spec(number), project_id=f"p{number}", asleep=True, sleep_after=900.0)
        assert (await runtime.ensure(asleep)).phase is Phase.ASLEEP
    info = await runtime._introduction()
    assert info is not None
    host = Path(f"/proc/{info.pid}")
    assert running("viewers.tensorboard", descendants(info.pid)) == running("host.warm", descendants(info.pid))
    assert len(list((host / "fd").iterdir())) < 40
    metrics = await runtime.metrics()
    assert metrics is not None
    assert metrics.tasks < 20


async def test_one_of_many_sleeping_viewers_wakes(runtime: LocalRuntime) -> None:
    for number in range(1, 101):
        await runtime.ensure(replace(viewer_spec(number), project_id=f"p{number}", asleep=True, sleep_after=900.0))
    await runtime.use([50])
    assert (await until_phase(runtime, 50, Phase.READY, Phase.FAILED)).phase is Phase.READY
    others = await runtime.look([49, 51])
    assert {seen.phase for seen in others.values()} == {Phase.ASLEEP}


@pytest.mark.usefixtures("few_files")
async def test_ten_thousand_runs_are_all_shown_though_few_files_may_be_open(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    (log,) = (LOGS / "exp_1" / "hp").glob("*tfevents*")
    await asyncio.to_thread(_copy_runs, log.read_bytes(), tmp_path / "runs", log.name)
    seen = await stand_up(runtime, viewer_spec(1, folder=tmp_path / "runs"))
    assert seen.phase is Phase.READY, seen.reason
    runs = await get_json(seen, "/data/runs")
    assert isinstance(runs, list)
    assert len(runs) == RUNS


def _copy_runs(content: bytes, folder: Path, name: str) -> None:
    for number in range(RUNS):
        run = folder / f"run-{number}"
        run.mkdir(parents=True)
        (run / name).write_bytes(content)
