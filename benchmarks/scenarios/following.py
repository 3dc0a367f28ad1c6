"""Logs on an object store, followed: how soon what is appended is seen, and what following costs while nothing is."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
from tests.support.logs import beginning_of, log_content
from tests.support.seaweedfs import SeaweedFs

from belvedere.sources.location import ObjectLocation
from benchmarks.asking import Asker, until
from benchmarks.counting import Line, counted
from benchmarks.datasets import SMALL, run_name
from benchmarks.effort import Effort
from benchmarks.objects import BUCKET, fill, for_stock, for_us, upload
from benchmarks.ours import Service, service
from benchmarks.programs.mirror import Task
from benchmarks.programs.watched import TEN_MINUTES, Asked
from benchmarks.report import Chapter
from benchmarks.stock import series_path, stock, wait_for_viewer
from benchmarks.summary import Row, Unit, quantile, spread
from benchmarks.tools import stock_with

_RUNS = 20
_POLL = 5.0  # seconds: the interval that the service has without settings
_APART = 0.7  # seconds between two appends: no divisor of the interval, so that they fall into all its parts
_TIMES = 40.0  # as fast runs the clock of our mirror while its requests are counted
_STOCK = 30.0  # seconds for which those of stock TensorBoard are counted
_LOG = log_content(100)


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Requests in ten minutes: ours, and a stock TensorBoard's in `seconds` of them."""

    ours: Asked
    stock: int
    seconds: float


def measure(effort: Effort) -> Chapter:
    """First appends while the board is looked at; then requests while nothing changes, both sides at once."""
    program = stock_with("boto3")
    with SeaweedFs() as server:
        seen = _appends(server, effort.of(40, 4))
        counts = _requests(server, program, effort.of(int(_STOCK), 15), effort.of(int(_TIMES), 60))
    return chapter(seen, counts)


def chapter(seen: list[float], counts: Counts) -> Chapter:
    """What was measured, summed up."""
    scale = TEN_MINUTES / counts.seconds
    theirs = spread([counts.stock * scale])
    rows = (
        Row(what="appended → seen, while watched", unit=Unit.SECONDS, ours=spread(seen)),
        Row(
            what="… 95 of 100 within",
            unit=Unit.SECONDS,
            ours=spread([quantile(sorted(seen), 0.95)]),
            at_most=_POLL + 1,
        ),
        Row(
            what="requests in 10 minutes, unchanged, watched",
            unit=Unit.COUNT,
            ours=spread([counts.ours.watched]),
            peer=theirs,
            against="`tensorboard` with boto3",
            scale=scale,
            at_least=20,
        ),
        Row(
            what="… while nobody watches",
            unit=Unit.COUNT,
            ours=spread([counts.ours.unwatched]),
            peer=theirs,
            against="`tensorboard` with boto3",
            scale=scale,
            at_most=0,
        ),
    )
    return Chapter(
        name="following",
        title="Following a log on an object store",
        meaning=(
            f"20 runs with a small log each. Appends: an object is overwritten with itself and one step more, another "
            f"run's every {_APART:g} s, and the board's own request for the series is made ten times a second through "
            f"the gateway until it shows the step; {len(seen)} appends. The service looks every 5 s while logs change. "
            "Where nothing has changed for half a minute it looks ever less, down to every 30 s, so the first append "
            "after a long calm may take so long. Requests: nothing changes; a stock TensorBoard looks every 5 s, "
            f"whether or not anybody watches, and was counted for {counts.seconds:.0f} s after its first load by a "
            "line before the store, that of ten minutes is in proportion. Ours is our mirror on the same store, "
            f"watched for ten minutes and left alone for ten, with a clock that runs {_TIMES:g} times as fast."
        ),
        rows=rows,
    )


def _appends(server: SeaweedFs, count: int) -> list[float]:
    """Seconds from each append until it is seen. All are awaited together: the next one doesn't wait for the last."""
    upload(server, SMALL, "small")
    fill(server, {_key("grows", run): beginning_of(_LOG, 1) for run in range(_RUNS)})
    with service(env=for_us(server)) as running:
        running.warm_up(f"obs://{BUCKET}/small/")
        return _Appends(server, running).all_seen(count)


class _Appends:
    """A board that is looked at, and the appends that it doesn't show yet: by run, when, and how many steps."""

    def __init__(self, server: SeaweedFs, running: Service) -> None:
        self._server = server
        self._gateway = running.gateway()
        self._prefix = running.create(running.api(), f"obs://{BUCKET}/grows/").prefix
        self._due: dict[int, tuple[float, int]] = {}
        self._seen: list[float] = []
        until(lambda: True if all(self._steps(run) == 1 for run in range(_RUNS)) else None, pause=0.1)

    def all_seen(self, count: int) -> list[float]:
        """Append so often, each time to another run."""
        began = time.perf_counter()
        for number in range(count):
            while time.perf_counter() < began + number * _APART:
                self._look()
            self._append(number % _RUNS, 2 + number // _RUNS)
        while self._due:
            self._look()
        return self._seen

    def _append(self, run: int, steps: int) -> None:
        if run in self._due:
            raise RuntimeError(f"{run_name(run)} has not shown its last step in {_RUNS * _APART:.0f} s")
        self._server.put(BUCKET, _key("grows", run), beginning_of(_LOG, steps))
        self._due[run] = (time.perf_counter(), steps)

    def _look(self) -> None:
        for run, (since, steps) in list(self._due.items()):
            if self._steps(run) == steps:
                self._seen.append(time.perf_counter() - since)
                del self._due[run]
        time.sleep(0.1)

    def _steps(self, run: int) -> int:
        answer = self._gateway.get(self._prefix + series_path(run_name(run), "loss"))
        return len(msgspec.json.decode(answer.body, type=list[list[float]])) if answer.status == 200 else 0


def _requests(server: SeaweedFs, program: Path, seconds: float, times: float) -> Counts:
    fill(server, {_key("still", run): _LOG for run in range(_RUNS)})
    with tempfile.TemporaryDirectory(prefix="watched-") as work, counted(server.endpoint) as line:
        ours = _watched(server, work, times)
        theirs = _asked_by_stock(line, program, {**for_stock(server), **_through(line)}, seconds)
        words, _ = ours.communicate()
    if ours.returncode:
        raise RuntimeError(f"counting our requests ended with {ours.returncode}")
    return Counts(ours=msgspec.json.decode(words, type=Asked), stock=theirs, seconds=seconds)


def _watched(server: SeaweedFs, work: str, times: float) -> subprocess.Popen[bytes]:
    location = ObjectLocation(store="default", bucket=BUCKET, prefix="still/")
    task = msgspec.json.encode(Task(store=server.settings(), location=location, folder=work)).decode()
    words = [sys.executable, "-m", "benchmarks.programs.watched", task, str(times)]
    return subprocess.Popen(words, stdout=subprocess.PIPE)


def _asked_by_stock(line: Line, program: Path, env: Mapping[str, str], seconds: float) -> int:
    """After its first load: a board that is loaded, and that nobody looks at."""
    with stock(f"s3://{BUCKET}/still/", program=program, env=env) as started:
        asker = Asker(started.origin)
        wait_for_viewer(asker)
        until(lambda: _whole(asker), pause=0.2)
        before = line.requests
        time.sleep(seconds)
        return line.requests - before


def _whole(asker: Asker) -> bool | None:
    answer = asker.get(series_path(run_name(_RUNS - 1), "loss"))
    return True if answer.status == 200 and answer.body.startswith(b"[[") else None


def _through(line: Line) -> Mapping[str, str]:
    return {"S3_ENDPOINT": line.endpoint, "AWS_ENDPOINT_URL": line.endpoint}


def _key(prefix: str, run: int) -> str:
    return f"{prefix}/{run_name(run)}/events.out.tfevents.1750000000.host.{run}"
