"""What it costs to bring objects here: beside boto3 and s5cmd, from one store, into files of one file system."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from tests.support.seaweedfs import SeaweedFs

from belvedere.sources.location import ObjectLocation
from benchmarks import programs
from benchmarks.effort import Effort
from benchmarks.objects import BUCKET, fill
from benchmarks.programs.mirror import Task, Took
from benchmarks.report import Chapter
from benchmarks.summary import Row, Unit, spread
from benchmarks.tools import python_with, s5cmd

_OBJECT = 100_000  # bytes
_TAIL = 10_000
_BIG = 2**28
_PEAK = 120e6
_MEMORY = Path("/dev/shm")
_ROOM = 3 * 2**30  # bytes
_BOTO = Path(programs.__file__).with_name("boto.py")


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer's program took, in seconds."""

    seconds: float
    cpu: float


Sides = tuple[list[Took], list[Peer]]


class Bench:
    """The store, a folder for all copies, and who copies."""

    def __init__(self, server: SeaweedFs, work: Path, boto3: Path, s5cmd_program: Path) -> None:
        self._server, self._work, self._boto3, self._s5cmd = server, work, boto3, s5cmd_program

    def ours(self, prefix: str, folder: str, *, tls: bool = False) -> Took:
        """One pass of a mirror, in a process of its own."""
        location = ObjectLocation(store="default", bucket=BUCKET, prefix=prefix)
        store = self._server.secure_settings() if tls else self._server.settings()
        task = Task(store=store, location=location, folder=str(self._work / folder))
        words = [sys.executable, "-m", "benchmarks.programs.mirror", msgspec.json.encode(task).decode()]
        return msgspec.json.decode(subprocess.run(words, check=True, capture_output=True).stdout, type=Took)

    def by_boto3(self, prefix: str, folder: str, have: int = 0) -> Peer:
        """The same objects, or what follows their first bytes."""
        store = {name: getattr(self._server, name) for name in ("endpoint", "access_key", "secret_key")}
        place = {"bucket": BUCKET, "prefix": prefix, "folder": str(self._work / folder), "have": have}
        words = [str(self._boto3), str(_BOTO), json.dumps({"store": store, **place})]
        return msgspec.json.decode(subprocess.run(words, check=True, capture_output=True).stdout, type=Peer)

    def by_s5cmd(self, prefix: str, folder: str, *, tls: bool = False) -> Peer:
        """The same objects. Over TLS it can't be told of a certificate, and looks at none."""
        keys = {"AWS_ACCESS_KEY_ID": self._server.access_key, "AWS_SECRET_ACCESS_KEY": self._server.secret_key}
        env = {**os.environ, **keys, "AWS_REGION": "us-east-1"}
        endpoint = self._server.secure_settings().endpoint if tls else self._server.endpoint
        words = ["--no-verify-ssl", "--endpoint-url", endpoint, "cp", f"s3://{BUCKET}/{prefix}*"]
        words.append(f"{self._work / folder}/")
        began = time.perf_counter()
        process = subprocess.Popen([str(self._s5cmd), *words], env=env, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"s5cmd ended with {process.returncode}")
        return Peer(seconds=time.perf_counter() - began, cpu=used.ru_utime + used.ru_stime)


def measure(effort: Effort) -> Chapter:
    """Each side in turn and first by turns, into a new folder; the files of one round are gone before the next."""
    boto3, program = python_with("boto3"), s5cmd()
    with SeaweedFs(tls=True) as server, tempfile.TemporaryDirectory(prefix="mirror-bench-", dir=_memory()) as work:
        bench = Bench(server, Path(work), boto3, program)
        objects = _objects(server, bench, Path(work), effort)
        tails = _tails(server, bench, Path(work), effort)
        big = _big(server, bench, Path(work), effort)
        secure = _in_turn(
            effort.of(3, 1),
            Path(work),
            lambda: bench.ours("big/", "ours", tls=True),
            lambda: bench.by_s5cmd("big/", "theirs", tls=True),
        )
    return chapter(objects, tails, big, secure)


def chapter(objects: Sides, tails: Sides, big: Sides, secure: Sides) -> Chapter:
    """What was measured, summed up."""
    rows = (
        _row("1,000 objects of 100 KB, client CPU", objects, "cpu", "boto3, 16 threads", 3),
        _row("… time", objects, "seconds", "boto3, 16 threads"),
        _row("500 tails of 10 KB, client CPU", tails, "cpu", "boto3, 16 threads", 4),
        _row("4 objects of 256 MB, time", big, "seconds", "s5cmd", 1),
        _row("… client CPU", big, "cpu", "s5cmd"),
        Row(
            what="… most memory that our process ever had",
            unit=Unit.BYTES,
            ours=spread([each.peak for each in big[0]]),
            at_most=_PEAK,
        ),
        _row("the same over TLS, time", secure, "seconds", "s5cmd"),
        _row("… client CPU", secure, "cpu", "s5cmd"),
        Row(
            what="… most memory that our process ever had",
            unit=Unit.BYTES,
            ours=spread([each.peak for each in secure[0]]),
            at_most=_PEAK,
        ),
    )
    return Chapter(
        name="mirror",
        title="Bringing objects here",
        meaning=(
            "From SeaweedFS on loopback into files in memory if there is room (a disk adds more than is "
            "measured), in a process of its own without what its start costs (some "
            "20 ms of start are in s5cmd's time). Ours does what a mirror does besides: it notes what it has, compares "
            "the last 16 KiB of a file before it appends to it, and keeps a beginning of each file valid all the time. "
            "boto3 lists and gets, no more."
        ),
        rows=rows,
    )


def _row(what: str, sides: Sides, field: str, against: str, at_least: float | None = None) -> Row:
    ours, theirs = (spread([getattr(each, field) for each in side]) for side in sides)
    return Row(what=what, unit=Unit.SECONDS, ours=ours, peer=theirs, against=against, at_least=at_least)


def _objects(server: SeaweedFs, bench: Bench, work: Path, effort: Effort) -> Sides:
    count = effort.of(1000, 50)
    fill(server, {_key("many", number): os.urandom(_OBJECT) for number in range(count)})
    return _in_turn(
        effort.of(3, 1),
        work,
        lambda: bench.ours("many/", "ours"),
        lambda: bench.by_boto3("many/", "theirs"),
    )


def _tails(server: SeaweedFs, bench: Bench, work: Path, effort: Effort) -> Sides:
    """Both have all but the tails; then all objects have grown."""
    grown: Sides = ([], [])
    content = {_key("tails", number): os.urandom(_OBJECT) for number in range(effort.of(500, 20))}
    fill(server, content)
    bench.ours("tails/", "ours")
    bench.by_boto3("tails/", "theirs")
    for number in range(effort.of(3, 1)):
        have = len(next(iter(content.values())))
        content = {key: data + os.urandom(_TAIL) for key, data in content.items()}
        fill(server, content)
        _both(grown, number, lambda: bench.ours("tails/", "ours"), partial(bench.by_boto3, "tails/", "theirs", have))
    _empty(work)
    return grown


def _big(server: SeaweedFs, bench: Bench, work: Path, effort: Effort) -> Sides:
    size = effort.of(_BIG, 2**24)
    for number in range(4):
        fill(server, {_key("big", number): os.urandom(size)})
    return _in_turn(effort.of(3, 1), work, lambda: bench.ours("big/", "ours"), lambda: bench.by_s5cmd("big/", "theirs"))


def _in_turn(rounds: int, work: Path, ours: Callable[[], Took], theirs: Callable[[], Peer]) -> Sides:
    taken: Sides = ([], [])
    for number in range(rounds):
        _both(taken, number, ours, theirs, lambda: _empty(work))
    return taken


def _both(
    taken: Sides,
    number: int,
    ours: Callable[[], Took],
    theirs: Callable[[], Peer],
    after: Callable[[], None] = lambda: None,
) -> None:
    """One round. Who comes first changes from one to the next: a store remembers what it has just served."""
    sides: list[Callable[[], None]] = [lambda: taken[0].append(ours()), lambda: taken[1].append(theirs())]
    for side in sides if number % 2 else reversed(sides):
        side()
        after()


def _memory() -> Path | None:
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM else None


def _empty(work: Path) -> None:
    for path in sorted(work.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _key(prefix: str, number: int) -> str:
    return f"{prefix}/run-{number:04}/events.out.tfevents.1.host"
