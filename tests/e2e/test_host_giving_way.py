"""Real viewers that give way to others when memory is short: those that nobody looks at, the longest unused first."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.host import pressure
from belvedere.host.children import Children
from belvedere.host.host import Host
from belvedere.host.lately import Lately
from belvedere.host.launching import ColdLauncher
from belvedere.host.mirrors import FolderMirrors
from belvedere.host.places import make_private, places
from belvedere.host.supervisor import Surroundings
from belvedere.lifecycle.seen import Phase
from belvedere.sources.opening import open_source
from belvedere.viewers.environments import Environments
from belvedere.viewers.registry import viewer_types
from belvedere.viewers.tensorboard.viewer import APPETITE
from tests.support.viewers import LOGS, PATIENCE, viewer_spec

pytestmark = pytest.mark.e2e
IDLE = 0.5  # seconds


@pytest.fixture
async def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    """With room for two viewers, in this process, so that a viewer counts as idle after half a second."""
    monkeypatch.setattr(pressure, "IDLE_SECONDS", IDLE)
    where = places(tmp_path)
    for folder in (where.home, where.sockets, where.views, where.work, where.processes):
        make_private(folder)
    mirrors = FolderMirrors(where.home / "mirrors", lambda location: open_source(location, {}))
    made = Host(
        Surroundings(
            places=where,
            children=Children(where.processes, sweeps=False),
            launcher=ColdLauncher(),
            mirrors=mirrors,
            viewer_types=viewer_types,
            environments=Environments(tmp_path),
            lately=Lately(tmp_path / "lately"),
            memory_budget=2 * APPETITE.bare + APPETITE.bare // 2,
        )
    )
    yield made
    await made.close()
    await mirrors.close()


def start(host: Host, job_id: int, *, sleep_after: float | None = 900) -> None:
    folder = (LOGS, LOGS / "exp_0", LOGS / "exp_1")[job_id - 1]
    host.ensure(replace(viewer_spec(job_id, folder=folder), sleep_after=sleep_after))


async def until_ready(host: Host, *job_ids: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while any(host.look(job_id).phase is not Phase.READY for job_id in job_ids):  # noqa: ASYNC110 - processes move
            await asyncio.sleep(0.02)


async def test_the_longest_unused_viewer_sleeps_early_and_no_other(host: Host) -> None:
    start(host, 1)
    start(host, 2)
    await until_ready(host, 1, 2)
    host.use([1])
    await asyncio.sleep(2 * IDLE)
    start(host, 3)
    await until_ready(host, 3)
    assert [host.look(job_id).phase for job_id in (1, 2)] == [Phase.READY, Phase.ASLEEP]


async def test_viewers_in_use_and_those_that_never_sleep_stay_and_the_new_one_waits(host: Host) -> None:
    start(host, 1)
    start(host, 2, sleep_after=None)
    await until_ready(host, 1, 2)
    await asyncio.sleep(2 * IDLE)
    host.use([1])
    start(host, 3)
    async with asyncio.timeout(PATIENCE):
        while host.look(3).phase is not Phase.WAITING:
            host.use([1])
            await asyncio.sleep(0.02)
    assert [host.look(job_id).phase for job_id in (1, 2)] == [Phase.READY, Phase.READY]
