"""The viewer program by itself, and viewers whose logs change."""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tensorboardX import SummaryWriter

from belvedere.host.launching import viewer_environment
from belvedere.host.places import listening_socket
from belvedere.lifecycle.seen import Seen
from belvedere.runtimes.local import LocalRuntime
from belvedere.viewers.words import SLOW_LOADER, Event, Show, Told
from tests.support.viewers import LOGS, PATIENCE, Roll, descendants, get, get_json, stand_up, viewer_spec

pytestmark = pytest.mark.e2e
PROGRAM = "belvedere.viewers.tensorboard.program"
SCALARS = "/data/plugin/scalars/scalars?run=run&tag=loss"


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[LocalRuntime]:
    runtime = LocalRuntime(tmp_path / "data", poll_seconds=0.1)
    yield runtime
    await runtime.close(end_viewers=True)


def write_scalars(folder: Path, values: list[float]) -> None:
    with SummaryWriter(str(folder), write_to_disk=True) as writer:
        for step, value in enumerate(values):
            writer.add_scalar("loss", value, step)


def write_runs(folder: Path, count: int) -> None:
    """So many runs, all with the same file."""
    write_scalars(folder / "run-0", [1.0])
    (file,) = (folder / "run-0").iterdir()
    for number in range(1, count):
        run = folder / f"run-{number}"
        run.mkdir()
        os.link(file, run / file.name)


async def until_values(seen: Seen, wanted: list[float]) -> None:
    async with asyncio.timeout(PATIENCE):
        while await values(seen) != wanted:  # noqa: ASYNC110 - another process moves
            await asyncio.sleep(0.05)


async def values(seen: Seen) -> list[float]:
    points = await get_json(seen, SCALARS)
    assert isinstance(points, list)
    return [point[2] for point in points]


async def test_what_is_appended_is_shown(runtime: LocalRuntime, tmp_path: Path) -> None:
    spec = viewer_spec(1, folder=tmp_path / "logs")
    write_scalars(tmp_path / "logs" / "run", [1.0])
    seen = await stand_up(runtime, spec)
    write_scalars(tmp_path / "logs" / "run", [1.0, 2.0])
    await until_values(seen, [1.0, 2.0])


async def test_a_rewritten_file_is_shown_by_the_same_viewer(runtime: LocalRuntime, tmp_path: Path) -> None:
    spec = viewer_spec(1, folder=tmp_path / "logs")
    write_scalars(tmp_path / "logs" / "run", [1.0, 2.0])
    seen = await stand_up(runtime, spec)
    (old,) = (tmp_path / "logs" / "run").iterdir()
    write_scalars(tmp_path / "new", [7.0, 8.0, 9.0])
    (new,) = (tmp_path / "new").iterdir()
    new.replace(old)
    await until_values(seen, [7.0, 8.0, 9.0])
    assert (await runtime.look([1]))[1].starts == 1


async def test_logs_in_a_folder_that_took_the_place_of_the_first_are_shown(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    spec = viewer_spec(1, folder=tmp_path / "logs")
    write_scalars(tmp_path / "logs" / "run", [1.0])
    seen = await stand_up(runtime, spec)
    write_scalars(tmp_path / "new" / "run", [2.0, 3.0])
    (tmp_path / "logs").rename(tmp_path / "old")
    (tmp_path / "new").rename(tmp_path / "logs")
    await until_values(seen, [2.0, 3.0])
    assert "Its sources lie in other folders now; another process goes on with them." in await runtime.logs(1, 100)


async def test_logs_that_come_later_are_shown(runtime: LocalRuntime, tmp_path: Path) -> None:
    spec = viewer_spec(1, folder=tmp_path / "logs")
    (tmp_path / "logs").mkdir()
    seen = await stand_up(runtime, spec)
    write_scalars(tmp_path / "logs" / "run", [5.0])
    async with asyncio.timeout(PATIENCE):
        while not await get_json(seen, "/data/runs"):  # noqa: ASYNC110 - another process moves
            await asyncio.sleep(0.05)
    await until_values(seen, [5.0])


class Program:
    """A viewer program that was started by hand."""

    def __init__(self, work: Path, *options: str, most_files: int | None = None) -> None:
        work.mkdir()
        self.socket = work / "v.sock"
        with listening_socket(self.socket) as listener:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", PROGRAM, "--listen-fd", str(listener.fileno()), *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                env=viewer_environment({}),
            )
        if most_files is not None:
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (most_files, most_files))

    def tell(self, message: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(message) + b"\n")
        self.process.stdin.flush()

    def hear(self) -> Event:
        assert self.process.stdout is not None
        return msgspec.json.decode(self.process.stdout.readline(), type=Event)

    def hear_until(self, wanted: Told) -> Event:
        while (event := self.hear()).event is not wanted:
            pass
        return event

    def end(self) -> int:
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()
            return self.process.wait(PATIENCE)


@pytest.fixture
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("w") / "w"


def show(work: Path) -> Show:
    return Show(folder=str(LOGS), path_prefix="/p", work=str(work))


def test_without_the_data_server_the_python_loader_shows_the_logs_and_says_so(work: Path) -> None:
    program = Program(work, "--slow")
    program.tell(show(work))
    assert program.hear_until(Told.LOADER).text == SLOW_LOADER
    program.tell({"do": "load"})
    program.hear_until(Told.LOADED)
    assert b"exp_1/hp" in get(str(program.socket), "/p/data/runs")[2]
    assert program.end() == 0


def test_a_program_ends_with_its_standard_input_and_takes_its_data_server_along(work: Path) -> None:
    program = Program(work)
    program.tell(show(work))
    program.tell({"do": "load"})
    program.hear_until(Told.LOADED)
    servers = Roll(descendants(program.process.pid))
    assert program.end() == 0
    assert servers.present() == []


def test_a_program_that_is_told_nonsense_says_why_it_fails(work: Path) -> None:
    program = Program(work)
    program.tell({"folder": 5})
    assert "folder" in program.hear_until(Told.FAILED).text
    program.process.wait(PATIENCE)
    shutil.rmtree(work)
    assert program.end() == 1


def test_a_program_that_may_not_open_all_log_files_says_so(work: Path, tmp_path: Path) -> None:
    write_runs(tmp_path, 100)
    program = Program(work, most_files=64)
    program.tell(replace(show(work), folder=str(tmp_path)))
    program.tell({"do": "load"})
    assert "open: 64." in program.hear_until(Told.NOTE).text
    assert program.end() == 0


async def test_ten_thousand_runs_are_shown_though_the_shell_allows_few_files(
    runtime: LocalRuntime, tmp_path: Path
) -> None:
    write_runs(tmp_path / "logs", 10_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        seen = await stand_up(runtime, viewer_spec(1, folder=tmp_path / "logs"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    runs = await get_json(seen, "/data/runs")
    assert isinstance(runs, list)
    assert len(runs) == 10_000
