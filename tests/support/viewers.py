"""Real viewers in tests: logs, specifications, requests over unix sockets, and a look at processes."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

from belvedere.host.children import children_of, start_time
from belvedere.host.protocol import SourceSpec, ViewerSpec
from belvedere.lifecycle.seen import Phase, Seen
from belvedere.runtimes.base import Runtime
from belvedere.sources.location import FolderLocation

LOGS = Path(__file__).parents[1] / "data" / "tensorboard-rich"
PATIENCE = 60.0  # seconds; generous, because the machine may be busy


def viewer_spec(job_id: int, *, attempt: int = 1, folder: Path = LOGS, viewer_type: str = "tensorboard") -> ViewerSpec:
    return ViewerSpec(
        job_id=job_id,
        attempt=attempt,
        project_id="project",
        viewer_type=viewer_type,
        sources=(SourceSpec(location=FolderLocation(path=str(folder), root=str(folder))),),
    )


async def until_phase(runtime: Runtime, job_id: int, *phases: Phase) -> Seen:
    async with asyncio.timeout(PATIENCE):
        while (seen := (await runtime.look([job_id]))[job_id]).phase not in phases:  # noqa: ASYNC110 - another process moves
            await asyncio.sleep(0.02)
    return seen


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - another process moves
            await asyncio.sleep(0.02)


async def stand_up(runtime: Runtime, spec: ViewerSpec) -> Seen:
    await runtime.ensure(spec)
    return await until_phase(runtime, spec.job_id, Phase.READY, Phase.FAILED)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(
    socket_path: str, path: str, *, encoding: str = "identity", patience: float = PATIENCE
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body, as sent."""
    with contextlib.closing(_UnixConnection(socket_path, patience)) as connection:
        connection.request("GET", path, headers={"Accept-Encoding": encoding})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


async def get_json(seen: Seen, path: str) -> object:
    assert seen.endpoint is not None
    status, _, body = await asyncio.to_thread(get, seen.endpoint.socket, path)
    assert status == 200, body
    return json.loads(body)


def descendants(pid: int) -> list[int]:
    children = children_of(pid)
    return children + [each for child in children for each in descendants(child)]


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def running(commands: str, pids: list[int]) -> list[int]:
    """Those whose command line has this in it."""
    return [pid for pid in pids if commands in command(pid)]


def is_at_work(pid: int) -> bool:
    """Whether it is a viewer's process, and not one that waits to become one: it is in its scratch folder."""
    try:
        place = Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return False
    return place.parent.name == "work" and re.fullmatch(r"\d+-\d+", place.name) is not None


class Roll:
    """Processes as they are now, by pid and start time."""

    def __init__(self, pids: list[int]) -> None:
        self._known = {pid: start_time(pid) for pid in pids}

    def present(self) -> list[int]:
        """Those that still run. Zombies have ended."""
        return [pid for pid, began in self._known.items() if began is not None and _runs(pid, began)]


def _runs(pid: int, began: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and start_time(pid) == began


def environment(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode()


def end(pid: int, number: int) -> None:
    os.kill(pid, number)
