"""Viewers that fall asleep when nobody looks, and wake when somebody does."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.contract.reasons import ReasonCode
from belvedere.host.children import children_of
from belvedere.host.protocol import ViewerSpec
from belvedere.host.warming import SPARES
from belvedere.lifecycle.seen import Phase, Seen
from belvedere.runtimes.local import LocalRuntime
from tests.support.viewers import (
    LOGS,
    Roll,
    descendants,
    end,
    get_json,
    running,
    stand_up,
    until,
    until_phase,
    viewer_spec,
)

pytestmark = pytest.mark.e2e
DATA_SERVER = "tensorboard_data_server"
DROWSY = replace(viewer_spec(1), sleep_after=0.6)  # time enough to be seen ready


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    runtime = LocalRuntime(tmp_path)
    yield runtime
    await runtime.close(end_viewers=True)


async def host_pid(runtime: LocalRuntime) -> int:
    info = await runtime._introduction()
    assert info is not None
    return info.pid


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def sleep(runtime: LocalRuntime, spec: ViewerSpec) -> Seen:
    await runtime.ensure(spec)
    return await until_phase(runtime, spec.job_id, Phase.ASLEEP, Phase.FAILED)


async def wake(runtime: LocalRuntime, job_id: int) -> Seen:
    await runtime.use([job_id])
    return await until_phase(runtime, job_id, Phase.READY, Phase.FAILED)


async def test_an_unused_viewer_falls_asleep_and_its_processes_end(runtime: LocalRuntime) -> None:
    await stand_up(runtime, replace(viewer_spec(1), sleep_after=1))
    processes = Roll(running(DATA_SERVER, descendants(await host_pid(runtime))))
    seen = await until_phase(runtime, 1, Phase.ASLEEP)
    assert seen.endpoint is None
    async with asyncio.timeout(20):
        while processes.present():  # noqa: ASYNC110 - another process moves
            await asyncio.sleep(0.02)


async def test_use_wakes_it_with_all_its_data(runtime: LocalRuntime) -> None:
    await sleep(runtime, DROWSY)
    runs = await get_json(await wake(runtime, 1), "/data/runs")
    assert isinstance(runs, list)
    assert "exp_1/hp" in runs


async def test_a_woken_viewer_was_ready_when_it_first_was(runtime: LocalRuntime) -> None:
    asleep = await sleep(runtime, DROWSY)
    assert asleep.ready_at is not None
    assert (await wake(runtime, 1)).ready_at == asleep.ready_at


async def test_a_viewer_that_may_not_sleep_stays_awake(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(2, folder=LOGS / "exp_0"))
    await sleep(runtime, DROWSY)
    assert (await runtime.look([2]))[2].phase is Phase.READY


async def test_a_viewer_in_use_stays_awake(runtime: LocalRuntime) -> None:
    await stand_up(runtime, replace(viewer_spec(2, folder=LOGS / "exp_0"), sleep_after=5))
    for _ in range(3):
        await sleep(runtime, replace(DROWSY, attempt=1))
        await runtime.use([1, 2])
    assert (await runtime.look([2]))[2].starts == 1


async def test_a_shared_viewer_sleeps_only_when_all_its_jobs_may(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(2))
    await stand_up(runtime, DROWSY)
    await sleep(runtime, replace(viewer_spec(3, folder=LOGS / "exp_0"), sleep_after=1))
    assert (await runtime.look([1]))[1].phase is Phase.READY
    await runtime.remove(2)
    assert (await until_phase(runtime, 1, Phase.ASLEEP)).phase is Phase.ASLEEP


async def test_use_through_one_job_wakes_a_shared_viewer_for_all(runtime: LocalRuntime) -> None:
    await runtime.ensure(replace(viewer_spec(1), asleep=True))
    await runtime.ensure(replace(viewer_spec(2), asleep=True))
    await wake(runtime, 1)
    assert (await runtime.look([2]))[2].phase is Phase.READY


async def test_a_change_of_the_wish_counts_for_the_running_viewer(runtime: LocalRuntime) -> None:
    before = await stand_up(runtime, viewer_spec(1))
    await runtime.ensure(replace(viewer_spec(1), revision=1, sleep_after=0.2))
    asleep = await until_phase(runtime, 1, Phase.ASLEEP)
    assert asleep.starts == before.starts == 1


async def test_use_while_it_falls_asleep_wakes_it(runtime: LocalRuntime) -> None:
    await sleep(runtime, DROWSY)
    for _ in range(3):
        await runtime.use([1])
        await until_phase(runtime, 1, Phase.READY)
        await until_phase(runtime, 1, Phase.ASLEEP)  # its processes still end
    assert (await wake(runtime, 1)).phase is Phase.READY


async def test_a_viewer_sleeps_although_its_process_hangs(runtime: LocalRuntime) -> None:
    await stand_up(runtime, replace(viewer_spec(1), sleep_after=1))
    (server,) = running(DATA_SERVER, descendants(await host_pid(runtime)))
    hung = Roll([server])
    end(int(Path(f"/proc/{server}/stat").read_text().split()[3]), signal.SIGSTOP)
    await until_phase(runtime, 1, Phase.ASLEEP)
    assert (await wake(runtime, 1)).phase is Phase.READY
    assert hung.present() == []


async def test_a_sleeping_viewer_holds_no_file_open(runtime: LocalRuntime) -> None:
    await sleep(runtime, replace(viewer_spec(9, folder=LOGS / "exp_0"), sleep_after=0.3))
    host = await host_pid(runtime)
    await until(lambda: len(children_of(host)) == 1 + SPARES)  # forks made ahead are held open
    before = open_files(host)
    for number in range(1, 4):  # one after the other: each question at a time has a connection of its own
        await sleep(runtime, replace(viewer_spec(number), project_id=f"p{number}", sleep_after=0.2))
    async with asyncio.timeout(20):
        while open_files(host) > before:  # noqa: ASYNC110 - its processes still end
            await asyncio.sleep(0.05)


async def test_a_job_whose_host_was_lost_wakes_with_the_logs_on_disk(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    end(await host_pid(runtime), signal.SIGKILL)
    await until_phase(runtime, 1, Phase.ABSENT)
    await runtime.ensure(replace(viewer_spec(1), asleep=True))
    assert await get_json(await wake(runtime, 1), "/data/runs")


async def test_a_woken_viewer_outlives_the_loss_of_its_logs_and_says_so(runtime: LocalRuntime, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    shutil.copytree(LOGS, logs)
    spec = viewer_spec(1, folder=logs)
    await stand_up(runtime, spec)
    end(await host_pid(runtime), signal.SIGKILL)
    await until_phase(runtime, 1, Phase.ABSENT)
    shutil.rmtree(logs)
    await runtime.ensure(replace(spec, asleep=True))
    seen = await wake(runtime, 1)
    assert seen.phase is Phase.READY
    assert seen.reason is not None
    assert seen.reason.code is ReasonCode.NO_SUCH_PATH
