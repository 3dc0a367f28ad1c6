"""Processes that a benchmark starts: begun in a session of their own, ended by pid, weighed with all their children."""

import contextlib
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

GRACE = 10.0  # seconds from SIGTERM to SIGKILL


def start(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a program in its own session; what it says goes to the log file."""
    with log.open("ab") as words:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )


def end(*processes: subprocess.Popen[bytes]) -> None:
    """End programs that `start` started, with everything in their sessions."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        _signal(process, signal.SIGKILL)
        process.wait(GRACE)


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs while the context lasts."""
    process = start(command, log, env)
    try:
        yield process
    finally:
        end(process)


def weight(roots: Iterable[int]) -> int:
    """Proportional set size, in bytes, of these processes and all their descendants."""
    return sum(_pss(pid) for pid in descendants(roots, _parents()))


def descendants_of(roots: Iterable[int]) -> set[int]:
    """These processes and all that come from them, as of now."""
    return descendants(roots, _parents())


def processor_time(roots: Iterable[int]) -> float:
    """Seconds of processor time that these processes and their descendants have taken, with what they waited for."""
    return sum(_ticks(pid) for pid in descendants(roots, _parents())) / os.sysconf("SC_CLK_TCK")


def descendants(roots: Iterable[int], parents: Mapping[int, int]) -> set[int]:
    """The processes and all that come from them. `parents`: each living process's parent."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid, parent in parents.items():
        children[parent].append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children[pid]
    return found


def with_words(*words: str) -> list[int]:
    """Processes whose command lines hold all these words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
                if all(word in line for word in words):
                    found.append(int(entry.name))
    return found


def _parents() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return parents


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))
    return 0


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
