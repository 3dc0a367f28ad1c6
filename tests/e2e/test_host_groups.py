"""The kernel keeps viewers within their memory by control groups, where it lets us."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from belvedere.cli import probes
from belvedere.contract.reasons import ReasonCode
from belvedere.host.groups import open_groups
from belvedere.host.places import places
from belvedere.host.pressure import MIB
from belvedere.lifecycle.seen import Phase
from belvedere.runtimes.local import LocalRuntime
from belvedere.server.settings import Settings
from tests.support.viewers import command, descendants, end, running, stand_up, until, until_phase, viewer_spec

pytestmark = pytest.mark.e2e
LIMITED = replace(viewer_spec(1), memory_bytes=256 * MIB)
WARM_PARENT = "belvedere.host.warm"


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    if (groups := open_groups(f"belvedere-test-{os.getpid()}", tmp_path / "record")) is None:
        pytest.skip("neither the kernel nor our rights give control groups here")
    groups.close()
    runtime = LocalRuntime(tmp_path / "data")
    yield runtime
    await runtime.close(end_viewers=True)


async def host(runtime: LocalRuntime) -> int:
    info = await runtime.host()
    assert info is not None
    return info.pid


def above_all(data: Path) -> Path:
    """The group that those of the viewers stand in."""
    return Path(places(data).groups.read_text())


def members(data: Path) -> dict[str, set[int]]:
    """Who is in the viewers' groups."""
    groups = [each for each in above_all(data).iterdir() if each.is_dir()]
    return {group.name: {int(pid) for pid in (group / "cgroup.procs").read_text().split()} for group in groups}


async def test_a_viewer_and_its_data_server_are_in_a_group(runtime: LocalRuntime, tmp_path: Path) -> None:
    await stand_up(runtime, LIMITED)
    (inside,) = members(tmp_path / "data").values()
    (server,) = running("tensorboard_data_server", descendants(await host(runtime)))
    leaders = [pid for pid in inside if inside <= {pid, *descendants(pid)}]
    assert (len(leaders), server in inside) == (1, True)
    assert inside >= set(descendants(leaders[0]))  # the one that answers requests, too, which was forked before


async def test_a_viewer_that_starts_cold_is_in_a_group_too(runtime: LocalRuntime, tmp_path: Path) -> None:
    runtime._options.append("--cold")
    await stand_up(runtime, LIMITED)
    (inside,) = members(tmp_path / "data").values()
    assert "--listen-fd" in " ".join(map(command, inside))


async def test_a_viewer_that_wants_too_much_is_ended_by_the_kernel_and_says_so(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    await asyncio.to_thread(write_images, tmp_path / "logs", runs=64)
    spec = replace(viewer_spec(1, folder=tmp_path / "logs"), memory_bytes=40 * MIB)
    seen = await stand_up(runtime, spec)
    assert seen.reason is not None
    assert seen.reason.code is ReasonCode.MEMORY_LIMIT
    assert "wanted more memory than its flavor allows (40 MiB)" in seen.reason.text


async def test_nobody_else_is_ended_for_it(runtime: LocalRuntime, tmp_path: Path) -> None:
    await stand_up(runtime, replace(viewer_spec(2), project_id="another"))
    await runtime.ensure(replace(LIMITED, memory_bytes=2 * MIB))
    await until_phase(runtime, 1, Phase.FAILED)
    other = (await runtime.look([2]))[2]
    assert (other.phase, other.starts) == (Phase.READY, 1)


async def test_a_group_goes_with_its_viewer(runtime: LocalRuntime, tmp_path: Path) -> None:
    await stand_up(runtime, replace(LIMITED, sleep_after=0.2))
    await until_phase(runtime, 1, Phase.ASLEEP)
    await until(lambda: not [each for each in above_all(tmp_path / "data").iterdir() if each.is_dir()])


async def test_all_groups_go_with_the_host(runtime: LocalRuntime, tmp_path: Path) -> None:
    await stand_up(runtime, LIMITED)
    above = above_all(tmp_path / "data")
    await runtime.close(end_viewers=True)
    assert not above.exists()


async def test_groups_that_a_killed_host_left_are_removed_by_the_next(runtime: LocalRuntime, tmp_path: Path) -> None:
    await stand_up(runtime, LIMITED)
    end(await host(runtime), signal.SIGKILL)
    await until_phase(runtime, 1, Phase.ABSENT)
    assert members(tmp_path / "data")
    await runtime.ensure(viewer_spec(2))
    assert not members(tmp_path / "data")


async def test_a_host_says_what_keeps_its_viewers_within_their_memory(runtime: LocalRuntime, tmp_path: Path) -> None:
    await runtime._meet(start=True)
    info = await runtime.host()
    assert info is not None
    assert info.memory_limits.startswith("cgroup v")
    assert probes.memory_limits_here(Settings()) == info.memory_limits
    assert await asyncio.to_thread(probes.memory_limits_of_host, tmp_path / "data") == info.memory_limits
    assert info.memory_limits in (places(tmp_path / "data").home / "host.log").read_text()


async def test_without_groups_viewers_are_watched(tmp_path: Path) -> None:
    runtime = LocalRuntime(tmp_path, control_groups=False)
    try:
        await runtime.ensure(replace(LIMITED, memory_bytes=4 * MIB))
        seen = await until_phase(runtime, 1, Phase.FAILED)
        info = await runtime.host()
    finally:
        await runtime.close(end_viewers=True)
    assert info is not None
    assert info.memory_limits == "watching"
    assert seen.reason is not None
    assert (seen.reason.code, "MiB of memory and was ended" in seen.reason.text) == (ReasonCode.MEMORY_LIMIT, True)


def write_images(folder: Path, *, runs: int) -> None:
    """As many runs, each with an image of 1 MiB; the data server keeps them in memory."""
    (folder / "run-0").mkdir(parents=True)
    log = folder / "run-0" / "events.out.tfevents.1.host"
    image = Summary.Image(height=1, width=1, colorspace=1, encoded_image_string=os.urandom(MIB))
    writer = RecordWriter(str(log))
    writer.write(Event(wall_time=1, file_version="brain.Event:2").SerializeToString())
    value = Summary.Value(tag="image", image=image)
    writer.write(Event(wall_time=1, step=1, summary=Summary(value=[value])).SerializeToString())
    writer.close()
    for run in range(1, runs):
        shutil.copytree(log.parent, folder / f"run-{run}")
