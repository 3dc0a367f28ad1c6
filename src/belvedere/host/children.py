"""The processes that a host has started, and those that they left behind.

The host is the subreaper of all its descendants: a process whose parent has died becomes the host's own child, also if
it left its group and session. Every child that the host does not know is therefore an orphan of a viewer that is gone,
and is killed. So nothing can outlive its viewer by forking twice.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

PR_SET_CHILD_SUBREAPER = 36
SWEEP_PAUSE = 0.01  # seconds between two looks
SWEEP_PATIENCE = 5.0  # seconds after which what does not die is left to the next sweep


def become_subreaper() -> None:
    """Make this process the parent of its descendants' orphans."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


class Children:
    """Known children. `records` gets a file per child, for the next host to find what this one left.

    `sweeps`: whether unknown children are killed. Only for a process that is a host and nothing else.
    """

    def __init__(self, records: Path, *, sweeps: bool) -> None:
        self._records = records
        self._sweeps = sweeps
        self._known: dict[int, tuple[int, asyncio.Future[None]]] = {}  # pid -> pidfd, and what tells of its end
        self._births = 0

    @contextlib.contextmanager
    def birth(self) -> Iterator[None]:
        """Around starting a process and adopting it: until then it must not be taken for an orphan."""
        self._births += 1
        try:
            yield
        finally:
            self._births -= 1

    def adopt(self, pid: int) -> asyncio.Future[None]:
        """Watch a child, the leader of its group. Done once it and its group have been killed, and it is reaped.

        Repeatable. It may be somebody else's child still, if that one leaves it to us.
        """
        if pid in self._known:
            return self._known[pid][1]
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        pidfd = os.pidfd_open(pid)
        self._known[pid] = pidfd, ended
        with contextlib.suppress(OSError):  # a full disk must not stop a viewer that runs
            (self._records / str(pid)).write_text(str(start_time(pid)))
        loop.add_reader(pidfd, self._exited, pid, ended)
        return ended

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Signal a known child's whole group."""
        if pid in self._known:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)

    def _exited(self, pid: int, ended: asyncio.Future[None]) -> None:
        # Until it is reaped its pid stands for its group and nobody else's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        loop, pidfd = asyncio.get_running_loop(), self._known[pid][0]
        loop.remove_reader(pidfd)
        try:
            os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
        except ChildProcessError:
            if _is_left(pidfd):
                loop.call_later(SWEEP_PAUSE, self._exited, pid, ended)  # whose child it is has yet to leave it to us
                return
        del self._known[pid]
        os.close(pidfd)
        (self._records / str(pid)).unlink(missing_ok=True)
        if not ended.done():
            ended.set_result(None)

    async def sweep(self) -> None:
        """Kill and reap orphans until there are none."""
        if not self._sweeps:
            return
        deadline = asyncio.get_running_loop().time() + SWEEP_PATIENCE
        while self._births or self._orphans():
            if asyncio.get_running_loop().time() > deadline:
                log.warning("children that nobody knows do not go away: %s", self._orphans())
                return
            if not self._births:
                for pid in self._orphans():
                    _kill_and_reap(pid)
            await asyncio.sleep(SWEEP_PAUSE)

    def _orphans(self) -> list[int]:
        return [pid for pid in children_of(os.getpid()) if pid not in self._known]


def _is_left(pidfd: int) -> bool:
    """Whether anything of a process is left, if only what its parent has to reap."""
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it has become another user's, which is to be there
        return True
    return True


def _kill_and_reap(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)


def children_of(parent: int) -> list[int]:
    """Pids of a process's children, zombies too."""
    found: list[int] = []
    try:  # a thread's own children; the kernel may skip one while others are reaped, which only their parent does
        for thread in Path(f"/proc/{parent}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except OSError:  # a kernel without such files, or a thread that has just ended
        return _children_among_all(parent)
    return found


def _children_among_all(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if int(_stat_fields(int(entry.name))[1]) == parent:
                    found.append(int(entry.name))
    return found


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if it doesn't exist. With the pid it names a process."""
    try:
        return int(_stat_fields(pid)[19])
    except OSError:
        return None


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/pid/stat from the third (state) on; the second may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def kill_recorded(records: Path) -> None:
    """Kill the groups of those recorded children of an earlier host that still run."""
    for record in records.glob("*"):
        with contextlib.suppress(ValueError, OSError):
            pid = int(record.name)
            if start_time(pid) == int(record.read_text()):
                log.warning("killing process %d, left by an earlier host", pid)
                os.killpg(pid, signal.SIGKILL)
