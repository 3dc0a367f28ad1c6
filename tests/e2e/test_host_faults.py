"""What happens when something is killed, and that nothing is left."""

import asyncio
import re
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.host.children import children_of
from belvedere.host.places import run_folder
from belvedere.host.warming import SPARES
from belvedere.lifecycle.jobs import End
from belvedere.lifecycle.seen import Phase, Seen
from belvedere.runtimes import local
from belvedere.runtimes.local import LocalRuntime
from tests.support.viewers import (
    Roll,
    command,
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
WARM_PARENT = "belvedere.host.warm"


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    runtime = LocalRuntime(tmp_path)
    yield runtime
    await runtime.close(end_viewers=True)
    shutil.rmtree(run_folder(tmp_path), ignore_errors=True)  # a host that was killed leaves it to the next one


async def test_a_killed_viewer_is_started_again(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    end(await viewer_pid(runtime), signal.SIGKILL)
    await until_phase(runtime, 1, Phase.STARTING, Phase.RECOVERING)
    seen = await until_phase(runtime, 1, Phase.READY)
    assert seen.starts == 2
    assert await runs(seen)


async def test_a_killed_viewers_data_server_goes_with_it(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    before = Roll(running(DATA_SERVER, descendants(await host_pid(runtime))))
    end(await viewer_pid(runtime), signal.SIGKILL)
    await until(lambda: not before.present())


async def test_a_killed_data_server_is_replaced_under_the_viewer(runtime: LocalRuntime) -> None:
    seen = await stand_up(runtime, viewer_spec(1))
    viewer = await viewer_pid(runtime)
    for server in running(DATA_SERVER, descendants(viewer)):
        end(server, signal.SIGKILL)
    assert await runs(seen)
    assert await viewer_pid(runtime) == viewer


async def test_a_viewer_that_is_killed_again_and_again_fails(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    while (seen := await until_phase(runtime, 1, Phase.READY, Phase.FAILED)).phase is Phase.READY:
        end(await viewer_pid(runtime), signal.SIGKILL)
        await until_phase(runtime, 1, Phase.RECOVERING, Phase.FAILED)
    assert seen.end is End.VIEWER
    assert seen.reason is not None
    assert seen.reason.code is ReasonCode.VIEWER_CRASHED


async def test_the_log_of_a_viewer_that_was_removed_can_still_be_read(runtime: LocalRuntime) -> None:
    end(await warm_parent(runtime), signal.SIGKILL)
    await stand_up(runtime, viewer_spec(1))  # started cold, it has something to say
    said = await runtime.logs(1, 100)
    await runtime.remove(1)
    await until_phase(runtime, 1, Phase.ABSENT)
    assert said
    assert await runtime.logs(1, 100) == said


async def test_a_failed_viewer_has_no_process_and_can_be_removed(runtime: LocalRuntime, tmp_path: Path) -> None:
    await stand_up(runtime, viewer_spec(1, folder=tmp_path / "missing"))
    assert running(DATA_SERVER, descendants(await host_pid(runtime))) == []
    await runtime.remove(1)
    await until_phase(runtime, 1, Phase.ABSENT)


async def test_a_viewer_survives_its_warm_parent(runtime: LocalRuntime) -> None:
    parent = await warm_parent(runtime)
    seen = await stand_up(runtime, viewer_spec(1))
    viewer = await viewer_pid(runtime)
    end(parent, signal.SIGKILL)
    assert await runs(seen)
    assert await viewer_pid(runtime) == viewer


async def test_a_killed_warm_parent_is_rebuilt(runtime: LocalRuntime) -> None:
    before = await warm_parent(runtime)
    end(before, signal.SIGKILL)
    assert await warm_parent(runtime, other_than=before) != before


async def test_a_viewer_is_the_fork_that_was_made_ahead(runtime: LocalRuntime) -> None:
    ahead = await spares(runtime)
    await stand_up(runtime, viewer_spec(1))
    assert await viewer_pid(runtime) in ahead


async def test_the_next_fork_is_made_ahead_when_one_is_used(runtime: LocalRuntime) -> None:
    before = await spares(runtime)
    await stand_up(runtime, viewer_spec(1))
    assert set(await spares(runtime)) - set(before)


async def test_viewers_start_though_the_fork_that_was_made_ahead_was_killed(runtime: LocalRuntime) -> None:
    for spare in await spares(runtime):
        end(spare, signal.SIGKILL)
    assert (await stand_up(runtime, viewer_spec(1))).phase is Phase.READY


async def test_a_killed_warm_parent_leaves_no_fork_behind(runtime: LocalRuntime) -> None:
    ahead = Roll(await spares(runtime))
    parent = await warm_parent(runtime)
    end(parent, signal.SIGKILL)
    await until(lambda: not ahead.present())
    new = await warm_parent(runtime, other_than=parent)
    made_anew = await spares(runtime)
    assert sorted(children_of(await host_pid(runtime))) == sorted([new, *made_anew])


async def test_a_viewer_that_nobody_asks_has_no_process_for_requests(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    viewer = await viewer_pid(runtime)
    await until(lambda: children_of(viewer) == running(DATA_SERVER, children_of(viewer)))


async def test_it_answers_all_the_same(runtime: LocalRuntime) -> None:
    seen = await stand_up(runtime, viewer_spec(1))
    viewer = await viewer_pid(runtime)
    await until(lambda: children_of(viewer) == running(DATA_SERVER, children_of(viewer)))
    assert await runs(seen)


async def test_a_killed_process_for_requests_is_replaced_under_the_viewer(runtime: LocalRuntime) -> None:
    seen = await stand_up(runtime, viewer_spec(1))
    viewer = await viewer_pid(runtime)
    assert await runs(seen)
    for worker in set(children_of(viewer)) - set(running(DATA_SERVER, children_of(viewer))):
        end(worker, signal.SIGKILL)
    assert await runs(seen)
    assert await viewer_pid(runtime) == viewer


async def test_viewers_start_while_there_is_no_warm_parent(runtime: LocalRuntime) -> None:
    end(await warm_parent(runtime), signal.SIGKILL)
    assert (await stand_up(runtime, viewer_spec(1))).phase is Phase.READY


async def test_a_hung_viewer_that_answers_no_more_is_removed_all_the_same(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    viewer = await viewer_pid(runtime)
    everything = Roll([viewer, *descendants(viewer)])
    end(viewer, signal.SIGSTOP)
    await runtime.remove(1)
    await until_phase(runtime, 1, Phase.ABSENT)
    assert everything.present() == []


async def test_absent_means_that_no_process_is_left(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    viewer = await viewer_pid(runtime)
    everything = Roll([viewer, *descendants(viewer)])
    await runtime.remove(1)
    await until_phase(runtime, 1, Phase.ABSENT)
    assert everything.present() == []


async def test_a_removed_viewer_leaves_no_file_behind(runtime: LocalRuntime) -> None:
    seen = await stand_up(runtime, viewer_spec(1))
    assert seen.endpoint is not None
    run = Path(seen.endpoint.socket).parent.parent
    await runtime.remove(1)
    await until_phase(runtime, 1, Phase.ABSENT)
    assert list((run / "view").iterdir()) == []
    assert list((run / "work").iterdir()) == []


async def test_nothing_outlives_a_killed_host(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    host = await host_pid(runtime)
    everything = Roll(descendants(host))
    end(host, signal.SIGKILL)
    await until(lambda: not everything.present())


async def test_a_new_host_ends_what_hangs_from_a_killed_one(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    viewer = await viewer_pid(runtime)
    hung = Roll([viewer, *descendants(viewer)])
    end(viewer, signal.SIGSTOP)
    end(await host_pid(runtime), signal.SIGKILL)
    await until_phase(runtime, 1, Phase.ABSENT)
    await stand_up(runtime, viewer_spec(1))
    await until(lambda: not hung.present())


async def test_after_a_killed_host_a_viewer_can_be_ensured_again(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    end(await host_pid(runtime), signal.SIGKILL)
    await until_phase(runtime, 1, Phase.ABSENT)
    assert (await stand_up(runtime, viewer_spec(1))).phase is Phase.READY


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "ANSWER_LIMIT", 1.0)
    monkeypatch.setattr(local, "SILENCE_LIMIT", 1.0)


@pytest.mark.usefixtures("impatience")
async def test_a_hung_host_is_replaced_and_nothing_of_it_is_left(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    hung = await host_pid(runtime)
    all_of_it = Roll([hung, *descendants(hung)])
    end(hung, signal.SIGSTOP)
    await until_phase(runtime, 1, Phase.ABSENT)
    await stand_up(runtime, viewer_spec(1))
    assert all_of_it.present() == []


@pytest.mark.usefixtures("impatience")
async def test_closing_ends_a_hung_host_with_its_viewers(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    hung = await host_pid(runtime)
    all_of_it = Roll([hung, *descendants(hung)])
    end(hung, signal.SIGSTOP)
    await runtime.close(end_viewers=True)
    await until(lambda: not all_of_it.present())


@pytest.mark.usefixtures("impatience")
async def test_a_host_that_answers_in_the_end_is_kept(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    slow = await host_pid(runtime)
    end(slow, signal.SIGSTOP)
    await until_phase(runtime, 1, Phase.UNKNOWN)
    end(slow, signal.SIGCONT)
    await until_phase(runtime, 1, Phase.READY)
    assert await host_pid(runtime) == slow


async def test_a_terminated_host_takes_everything_with_it(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    host = await host_pid(runtime)
    everything = Roll([host, *descendants(host)])
    end(host, signal.SIGTERM)
    await until(lambda: not everything.present())


async def test_closing_with_viewers_returns_when_every_process_is_gone(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    host = await host_pid(runtime)
    everything = Roll([host, *descendants(host)])
    await runtime.close(end_viewers=True)
    assert everything.present() == []


async def test_closing_without_viewers_leaves_them_to_the_next_runtime(runtime: LocalRuntime, tmp_path: Path) -> None:
    before = await stand_up(runtime, viewer_spec(1))
    await runtime.close(end_viewers=False)
    successor = LocalRuntime(tmp_path)
    after = (await successor.look([1]))[1]
    await successor.close(end_viewers=True)
    assert (after.phase, after.ready_at) == (Phase.READY, before.ready_at)


async def test_a_host_that_nobody_asks_ends_with_its_viewers(tmp_path: Path) -> None:
    runtime = LocalRuntime(tmp_path, orphan_grace=1)
    await stand_up(runtime, viewer_spec(1))
    host = await host_pid(runtime)
    everything = Roll([host, *descendants(host)])
    await runtime.close(end_viewers=False)
    await until(lambda: not everything.present())


async def test_two_runtimes_share_one_host(runtime: LocalRuntime, tmp_path: Path) -> None:
    other = LocalRuntime(tmp_path)
    await asyncio.gather(stand_up(runtime, viewer_spec(1)), stand_up(other, viewer_spec(2)))
    everything = await other.look_at_all()
    await other.close(end_viewers=False)
    assert everything is not None
    assert set(everything) == {1, 2}


async def test_a_host_of_another_version_is_replaced_once(
    runtime: LocalRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand_up(runtime, viewer_spec(1))
    before = await host_pid(runtime)
    monkeypatch.setattr("belvedere.runtimes.local.__version__", "another")
    newer = LocalRuntime(tmp_path)
    await newer.look([1])
    assert Roll([before]).present() == []
    await stand_up(newer, viewer_spec(1))
    after = await host_pid(newer)
    await newer.look([1])
    assert await host_pid(newer) == after
    await newer.close(end_viewers=True)


async def host_pid(runtime: LocalRuntime) -> int:
    info = await runtime._introduction()
    assert info is not None
    return info.pid


async def viewer_pid(runtime: LocalRuntime) -> int:
    """The one viewer's process: the one that has a data server. Started cold, it has another one around it."""
    host = await host_pid(runtime)
    for child in descendants(host):
        if running(DATA_SERVER, children_of(child)):
            return child
    raise AssertionError([command(pid) for pid in descendants(host)])


async def warm_parent(runtime: LocalRuntime, *, other_than: int = 0) -> int:
    """The warm parent once it is there, as the host's log names it: its forks look like it."""
    await runtime._meet(start=True)
    log = runtime._places.home / "host.log"
    found = [0]

    def appeared() -> bool:
        found[:] = [int(pid) for pid in re.findall(r"is ready, pid (\d+)", log.read_text())]
        return bool(found) and found[-1] != other_than

    await until(appeared)
    return found[-1]


async def spares(runtime: LocalRuntime) -> list[int]:
    """What a warm parent has forked ahead, once it is all there: children of the host that have none of their own."""
    parent, host = await warm_parent(runtime), await host_pid(runtime)

    def ahead() -> list[int]:
        children = running(WARM_PARENT, children_of(host))
        return [pid for pid in children if pid != parent and not running(DATA_SERVER, children_of(pid))]

    await until(lambda: len(ahead()) == SPARES)
    return ahead()


async def runs(seen: Seen) -> object:
    return await get_json(seen, "/data/runs")
