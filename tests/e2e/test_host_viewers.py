"""Real viewers of a real host: what they serve, and to whom."""

import asyncio
import os
import resource
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.lifecycle.jobs import End
from belvedere.lifecycle.seen import Phase
from belvedere.runtimes.local import LocalRuntime
from tests.support.viewers import (
    LOGS,
    descendants,
    environment,
    get,
    get_json,
    running,
    stand_up,
    viewer_spec,
)

pytestmark = pytest.mark.e2e
SCALARS = "/data/plugin/scalars/scalars?run=exp_0/hp&tag=hp/acc"


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    runtime = LocalRuntime(tmp_path, poll_seconds=0.2)
    yield runtime
    await runtime.close(end_viewers=True)


async def test_scalars_are_served_without_a_prefix(runtime: LocalRuntime) -> None:
    seen = await stand_up(runtime, viewer_spec(1))
    points = await get_json(seen, SCALARS)
    assert seen.endpoint is not None
    assert seen.endpoint.prefix == ""
    assert isinstance(points, list)
    assert points


async def test_all_runs_are_loaded_when_a_viewer_is_ready(runtime: LocalRuntime) -> None:
    runs = await get_json(await stand_up(runtime, viewer_spec(1)), "/data/runs")
    assert isinstance(runs, list)
    assert set(runs) == {"exp_0", "exp_0/hp", "exp_1/hp", "exp_2/hp"}


async def test_an_embedding_is_served_with_its_metadata(runtime: LocalRuntime) -> None:
    seen = await stand_up(runtime, viewer_spec(1))
    assert seen.endpoint is not None
    path = "/data/plugin/projector/metadata?run=exp_0&name=emb:00000"
    status, _, body = await asyncio.to_thread(get, seen.endpoint.socket, path)
    assert (status, bool(body)) == (200, True)


async def test_the_environment_page_tells_nothing_of_the_command_line(runtime: LocalRuntime) -> None:
    page = await get_json(await stand_up(runtime, viewer_spec(1)), "/data/environment")
    assert isinstance(page, dict)
    assert "debug" not in page


async def test_two_viewers_stand_side_by_side(runtime: LocalRuntime) -> None:
    other = viewer_spec(2, folder=LOGS / "exp_0")
    first, second = await asyncio.gather(stand_up(runtime, viewer_spec(1)), stand_up(runtime, other))
    assert (first.phase, second.phase) == (Phase.READY, Phase.READY)
    assert first.endpoint != second.endpoint


async def test_only_our_own_user_can_open_a_viewers_socket(runtime: LocalRuntime) -> None:
    seen = await stand_up(runtime, viewer_spec(1))
    assert seen.endpoint is not None
    path = Path(seen.endpoint.socket)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_no_process_of_the_host_knows_a_secret(runtime: LocalRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELVEDERE_STORE_SECRET_KEY", "hush-hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    await stand_up(runtime, viewer_spec(1))
    host = await host_pid(runtime)
    said = "".join(environment(pid) for pid in [host, *descendants(host)])
    assert "hush-hush" not in said
    assert "BELVEDERE_" not in said


async def test_viewers_may_open_as_many_files_as_the_machine_allows(runtime: LocalRuntime) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        await stand_up(runtime, viewer_spec(1))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for pid in running("tensorboard_data_server", descendants(await host_pid(runtime))):
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert f"{hard} {hard}" in " ".join(limits.partition("Max open files")[2].split())


async def test_a_folder_without_logs_is_ready_and_says_so(runtime: LocalRuntime, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    seen = await stand_up(runtime, viewer_spec(1, folder=empty))
    assert seen.phase is Phase.READY
    assert seen.reason is not None
    assert seen.reason.code is ReasonCode.NOTHING_TO_SHOW


async def test_a_missing_folder_is_a_failure_of_the_source(runtime: LocalRuntime, tmp_path: Path) -> None:
    seen = await stand_up(runtime, viewer_spec(1, folder=tmp_path / "missing"))
    assert (seen.phase, seen.end) == (Phase.FAILED, End.SOURCE)


async def test_an_unknown_kind_of_viewer_names_the_known_ones(runtime: LocalRuntime) -> None:
    seen = await stand_up(runtime, viewer_spec(1, viewer_type="crystal-ball"))
    assert (seen.phase, seen.end) == (Phase.FAILED, End.SUBMIT)
    assert seen.reason is not None
    assert "tensorboard" in seen.reason.text


async def test_an_unreadable_log_line_is_found_in_the_logs(runtime: LocalRuntime, tmp_path: Path) -> None:
    broken = tmp_path / "logs"
    broken.mkdir()
    (broken / "events.out.tfevents.1.host").write_bytes(os.urandom(4096))
    await stand_up(runtime, viewer_spec(1, folder=broken))
    assert any("Read error" in line or "rror" in line for line in await runtime.logs(1, 100))


async def test_logs_are_cut_to_the_tail(runtime: LocalRuntime) -> None:
    await stand_up(runtime, viewer_spec(1))
    assert len(await runtime.logs(1, 1)) <= 1


async def host_pid(runtime: LocalRuntime) -> int:
    info = await runtime._introduction()
    assert info is not None
    return info.pid


async def until_reason(runtime: LocalRuntime, job_id: int, code: ReasonCode | None) -> str:
    """What is said beside the viewer, as soon as it has that code."""
    async with asyncio.timeout(60):
        while True:
            reason = (await runtime.look([job_id]))[job_id].reason
            if (reason.code if reason else None) is code:
                return reason.text if reason else ""
            await asyncio.sleep(0.05)


async def test_a_damaged_file_is_told_until_it_is_written_anew(runtime: LocalRuntime, tmp_path: Path) -> None:
    whole = next((LOGS / "exp_0" / "hp").glob("*tfevents*"))
    log = tmp_path / "logs" / "run" / whole.name
    log.parent.mkdir(parents=True)
    log.write_bytes(whole.read_bytes() + bytes(100))
    await stand_up(runtime, viewer_spec(1, folder=tmp_path / "logs"))
    words = await until_reason(runtime, 1, ReasonCode.VIEWER_NOTE)
    assert words.startswith(f"run/{whole.name} is damaged from byte {whole.stat().st_size:,} on")
    log.with_name("fresh").write_bytes(whole.read_bytes())
    log.with_name("fresh").replace(log)
    await until_reason(runtime, 1, None)
