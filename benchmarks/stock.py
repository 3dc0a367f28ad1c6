"""The peer: the `tensorboard` command as everybody runs it."""

import contextlib
import itertools
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import msgspec

from benchmarks.asking import Asker, until
from benchmarks.datasets import LogSet, run_name, tag_name
from benchmarks.processes import end, start

OURS = Path(sys.executable).with_name("tensorboard")  # the version that we pin, in our own environment
_PORTS = itertools.cycle(random.sample(range(20_000, 32_000), 12_000))  # below those of outgoing connections
SCALARS = "/data/plugin/scalars/scalars"
MULTIRUN = "/data/plugin/scalars/scalars_multirun"
ENVIRONMENT = "/data/environment"


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """A stock TensorBoard that was started, and may not answer yet."""

    process: subprocess.Popen[bytes]
    origin: str
    log: Path

    def wait(self) -> None:
        """Until it answers. Raises RuntimeError if it ends instead."""
        asker = Asker(self.origin)

        def answers() -> bool | None:
            if self.process.poll() is not None:
                raise RuntimeError(f"tensorboard ended: {self.log.read_text(errors='replace')[-500:]}")
            return _closing(asker, asker.get(ENVIRONMENT).status == 200)

        until(answers)


def start_stock(logdir: str, work: Path, *, program: Path = OURS, env: Mapping[str, str] | None = None) -> Stock:
    """Start one on loopback with everything else on its defaults."""
    port, log = _port(), work / "stock.log"
    command = [str(program), "--logdir", logdir, "--host", "127.0.0.1", "--port", str(port)]
    process = start(command, log, {"TMPDIR": str(work), **(env or {})})
    return Stock(process=process, origin=f"http://127.0.0.1:{port}", log=log)


def _port() -> int:
    """A free port that no outgoing connection is given, and that is not handed out again soon."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


@contextlib.contextmanager
def stock(logdir: str, *, program: Path = OURS, env: Mapping[str, str] | None = None) -> Iterator[Stock]:
    """One that runs while the context lasts."""
    with tempfile.TemporaryDirectory(prefix="stock-") as work:
        started = start_stock(logdir, Path(work), program=program, env=env)
        try:
            yield started
        finally:
            end(started.process)


def wait_for_viewer(asker: Asker, prefix: str = "") -> None:
    """Until GET of its environment gives 200."""
    until(lambda: _closing(asker, asker.get(f"{prefix}{ENVIRONMENT}").status == 200))


def wait_for_scalar(asker: Asker, prefix: str = "") -> None:
    """Until the small set's first series has points."""
    path = f"{prefix}{series_path(run_name(0), tag_name(0))}"
    until(lambda: _found(asker, path))


def wait_for_everything(asker: Asker, logs: LogSet, prefix: str = "", pause: float = 0.02) -> None:
    """Until the last tag, which is written last in each file, shows the last step of every run."""
    form = urlencode([("tag", tag_name(logs.tags - 1)), *(("runs", run_name(run)) for run in range(logs.runs))])
    until(lambda: _all_there(asker, f"{prefix}{MULTIRUN}", form.encode(), logs) or None, pause)


def series_path(run: str, tag: str) -> str:
    """Where a scalar's points are."""
    return f"{SCALARS}?{urlencode({'run': run, 'tag': tag}, quote_via=quote)}"


def is_complete(answer: object, logs: LogSet) -> bool:
    """Whether each run's points go up to the last step."""
    if not isinstance(answer, dict) or len(answer) < logs.runs:
        return False
    return all(points and points[-1][1] == logs.steps - 1 for points in answer.values())


def _all_there(asker: Asker, path: str, form: bytes, logs: LogSet) -> bool:
    answer = asker.ask("POST", path, form, "application/x-www-form-urlencoded")
    return answer.status == 200 and is_complete(answer.json(), logs)


def _found(asker: Asker, path: str) -> bool | None:
    answer = asker.get(path)
    return True if answer.status == 200 and answer.body.startswith(b"[[") else None


def _closing(asker: Asker, reached: bool) -> bool | None:
    asker.close()
    return True if reached else None
