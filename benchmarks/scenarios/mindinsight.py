"""A MindInsight job beside `mindinsight start` and its web application on a plain gunicorn."""

import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.support.installed import MINDSPORE_VALUES, installed

from benchmarks.asking import Asker, until
from benchmarks.effort import Effort
from benchmarks.ours import Opened, Service, service
from benchmarks.processes import descendants_of, end, start, weight, with_words
from benchmarks.report import Chapter
from benchmarks.summary import Row, Unit, spread

_ALIVE = "/v1/mindinsight/ui-config"
_LISTED = "/v1/mindinsight/datavisual/train-jobs"
_SETTLE = 1.0  # seconds
_LONGEST_STOP = 45.0


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """One start and stop: seconds, bytes, and the processes that were left two seconds after the stop."""

    ready: float
    listed: float
    bytes: float
    stop: float
    left: float


def measure(effort: Effort) -> Chapter:
    """Alternating."""
    ours: list[Taken] = []
    command: list[Taken] = []
    gunicorn: list[Taken] = []
    environments = installed()
    env = {"BELVEDERE_VIEWERS_FOLDER": str(environments.folder)}
    python = environments.python_of("mindinsight")
    if python is None:
        raise RuntimeError("MindInsight is not installed")
    with service(log_roots=(MINDSPORE_VALUES,), env=env) as running:
        _warm_up(running)
        for _ in range(effort.of(5, 1)):
            ours.append(_ours(running))
            command.append(_peer(python.parent, by_command=True))
            gunicorn.append(_peer(python.parent, by_command=False))
    return chapter(ours, command, gunicorn)


def chapter(ours: list[Taken], command: list[Taken], gunicorn: list[Taken]) -> Chapter:
    """From what each has taken."""
    against = (("`mindinsight start`", command), ("gunicorn", gunicorn))
    asked = {"ready": 8.0, "bytes": 2.5}
    rows = [
        Row(
            what=what,
            unit=unit,
            ours=spread([getattr(each, field) for each in ours]),
            peer=spread([getattr(each, field) for each in theirs]),
            against=name,
            at_least=asked.get(field),
            at_most=1.0 if field == "stop" else 0.0 if field == "left" else None,
        )
        for what, field, unit in (
            ("create → viewer answers", "ready", Unit.SECONDS),
            ("create → runs listed", "listed", Unit.SECONDS),
            ("memory of a further viewer", "bytes", Unit.BYTES),
            ("stop → nothing runs", "stop", Unit.SECONDS),
            ("processes left by a stop", "left", Unit.COUNT),
        )
        for name, theirs in against
    ]
    return Chapter(
        name="mindinsight",
        title="MindInsight",
        meaning=(
            "Two runs of 100 steps on a local folder. Ours: from sending the create request to a warm service; stopped "
            "by deleting the job. `mindinsight start` is stopped by `mindinsight stop`, gunicorn by SIGTERM to its "
            "master. Memory is the proportional set size of all its processes; ours is what one more viewer adds to a "
            "service that has its warm parent."
        ),
        rows=tuple(rows),
    )


def _warm_up(running: Service) -> None:
    for pause in (6.0, _SETTLE):
        opened = _opened(running)
        _wait(running.gateway(), opened.prefix + _LISTED)
        running.delete(opened)
        time.sleep(pause)


def _opened(running: Service) -> Opened:
    opened = running.create(running.api(), str(MINDSPORE_VALUES), job_type="mindinsight")
    prefix = opened.prefix.replace("/tensorboard/", "/mindinsight/")
    return Opened(job_id=opened.job_id, prefix=prefix)


def _ours(running: Service) -> Taken:
    before, known = weight(running.host_pids()), descendants_of(running.host_pids())
    began = time.perf_counter()
    opened = _opened(running)
    _wait(running.gateway(), opened.prefix + _ALIVE)
    ready = time.perf_counter() - began
    _wait(running.gateway(), opened.prefix + _LISTED)
    listed = time.perf_counter() - began
    time.sleep(_SETTLE)
    taken = weight(running.host_pids()) - before
    began = time.perf_counter()
    running.delete(opened)
    stop = time.perf_counter() - began
    time.sleep(2 * _SETTLE)
    left = len(descendants_of(running.host_pids())) - len(known)  # a spare stands where one stood before
    return Taken(ready=ready, listed=listed, bytes=taken, stop=stop, left=left)


def _peer(programs: Path, *, by_command: bool) -> Taken:
    with tempfile.TemporaryDirectory(prefix="mindinsight-") as folder, _clean() as started:
        port = random.randrange(20_000, 30_000)
        env = {
            "HOME": folder,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",  # it starts gunicorn by its name
            "MINDINSIGHT_WORKSPACE": folder,
            "MINDINSIGHT_SUMMARY_BASE_DIR": str(MINDSPORE_VALUES),
            "MINDINSIGHT_PORT": str(port),
        }
        began = time.perf_counter()
        start(_command(programs, port, folder, by_command=by_command), Path(folder) / "words", env)
        asker = Asker(f"http://127.0.0.1:{port}")
        _wait(asker, _ALIVE)
        ready = time.perf_counter() - began
        _wait(asker, _LISTED)
        listed = time.perf_counter() - began
        time.sleep(_SETTLE)
        masters = with_words("gunicorn", f"127.0.0.1:{port}")
        taken = weight(masters)
        began = time.perf_counter()
        if by_command:
            stopping = start([str(programs / "mindinsight"), "stop", "--port", str(port)], Path(folder) / "words", env)
        else:
            stopping = None
            os.kill(min(masters), signal.SIGTERM)
        _watch_end(min(masters), started)
        stop = time.perf_counter() - began
        time.sleep(2 * _SETTLE)
        left = len(_living(started))
        if stopping is not None:
            end(stopping)
        return Taken(ready=ready, listed=listed, bytes=taken, stop=stop, left=left)


def _watch_end(master: int, started: set[int]) -> None:
    """Until it is gone, or has had too long. `started` gets all that it has started: it makes new ones all the time."""
    began = time.perf_counter()
    while _living({master}) and time.perf_counter() - began < _LONGEST_STOP:
        started.update(descendants_of([master]))
        time.sleep(0.02)


def _command(programs: Path, port: int, folder: str, *, by_command: bool) -> list[str]:
    if by_command:
        options = ["--port", str(port), "--workspace", folder, "--summary-base-dir", str(MINDSPORE_VALUES)]
        return [str(programs / "mindinsight"), "start", *options]
    (settings,) = programs.parent.glob("lib/python*/site-packages/mindinsight/backend/config/gunicorn_conf.py")
    return [
        str(programs / "gunicorn"), "-b", f"127.0.0.1:{port}", "mindinsight.backend.application:APP", "-c",
        str(settings), "--no-control-socket", "--log-file", f"{folder}/gunicorn.log",
    ]  # fmt: skip


def _wait(asker: Asker, path: str) -> None:
    until(lambda: True if asker.get(path).status == 200 else None)


def _living(pids: set[int]) -> set[int]:
    return {pid for pid in pids if _runs(pid)}


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def _clean() -> Iterator[set[int]]:
    """Whatever of these processes is left at the end is ended."""
    started: set[int] = set()
    try:
        yield started
    finally:
        for pid in _living(started):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
