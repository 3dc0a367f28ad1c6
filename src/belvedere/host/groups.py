"""Control groups: the kernel keeps each viewer, with all that it starts, within its memory. Linux, where we may.

They stand below the group that we are in ourselves, so what bounds us bounds them too. A viewer joins before its
program runs, so everything that it takes counts.

Sources: cgroups(7); in the kernel's administration guide "cgroup-v2" and "cgroup-v1/memory".
"""

import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from belvedere.host.cgroups import MEMORY, Hierarchy, hierarchies
from belvedere.host.children import children_of

log = logging.getLogger(__name__)

STEPPED_ASIDE: Final = "belvedere-main"
PATIENCE: Final = 2.0  # seconds until processes that were killed have gone
PAUSE: Final = 0.01  # seconds between two looks for that
TRIAL_LIMIT: Final = 64 << 20  # bytes


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """A group's files, by what is in them."""

    limit: str
    members: str
    ends: str  # says how often the kernel has ended a process for want of memory
    besides: dict[str, int | None]  # what else to set, where it exists; None: the limit


FILES: Final = {
    1: Files(
        limit="memory.limit_in_bytes",
        members="tasks",  # by cgroup.procs a join waits for the whole machine, some 10 ms
        ends="memory.oom_control",
        besides={"memory.memsw.limit_in_bytes": None},
    ),
    2: Files(
        limit="memory.max",
        members="cgroup.procs",
        ends="memory.events",
        besides={"memory.swap.max": 0, "memory.oom.group": 1},
    ),
}


class Group:
    """One viewer's group."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._folder = folder
        self._files = files

    @contextlib.contextmanager
    def entry(self) -> Iterator[int]:
        """A descriptor for the process that joins, to write 0 to. Raises OSError."""
        descriptor = os.open(self._folder / self._files.members, os.O_WRONLY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def has(self, pid: int) -> bool:
        """Whether this process is in it."""
        return str(pid) in _read(self._folder / self._files.members).split()

    def overflowed(self) -> bool:
        """Whether the kernel has ended a process in it because it was full."""
        lines = _read(self._folder / self._files.ends).splitlines()
        return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)

    def remove(self) -> None:
        """Once nothing runs in it. What can't be removed now is removed with the last one, or by the next host."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


class Groups:
    """The groups of one host's viewers."""

    def __init__(self, folder: Path, version: int) -> None:
        self.version = version
        self._folder = folder
        self._files = FILES[version]

    def make(self, name: str, limit: int) -> Group:
        """A group that may take so many bytes. Raises OSError."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        (folder / self._files.limit).write_text(str(limit))
        for file, value in self._files.besides.items():
            with contextlib.suppress(OSError):  # without swap accounting there is no such file
                (folder / file).write_text(str(limit if value is None else value))
        return Group(folder, self._files)

    def close(self) -> None:
        """Remove them all."""
        _clear(self._folder)


def group_for(groups: Groups | None, name: str, limit: int | None) -> Group | None:
    """A group with this limit, where there can be one."""
    if groups is None or limit is None:
        return None
    try:
        return groups.make(name, limit)
    except OSError as error:
        log.warning("no control group for viewer %s: %s", name, error)
        return None


def open_groups(name: str, record: Path) -> Groups | None:
    """The groups of the host of this name; None where neither the kernel nor our rights give any.

    What an earlier host of that name has left is ended and removed. `record`: where it wrote down what it had.
    """
    _clear_recorded(name, record)
    for hierarchy in _here():
        try:
            groups = _open(hierarchy, name, record)
        except OSError as error:
            log.info("no memory limits by cgroup v%d below %s: %s", hierarchy.version, hierarchy.own, error)
        else:
            return groups
    return None


def offered() -> int | None:
    """The version of the groups that a host started from here would probably have. Changes nothing."""
    return next((each.version for each in _here() if _promising(each)), None)


def _here() -> list[Hierarchy]:
    return hierarchies(_read("/proc/self/cgroup"), _read("/proc/self/mountinfo"))


def _promising(hierarchy: Hierarchy) -> bool:
    own = Path(hierarchy.own)
    if hierarchy.version == 1:
        return os.access(own, os.W_OK) and _is_nested(own)
    parent = own.parent if own.name == STEPPED_ASIDE else own
    at_home = hierarchy.is_top or own.name == STEPPED_ASIDE
    return at_home and os.access(parent, os.W_OK) and MEMORY in _read(parent / "cgroup.controllers").split()


def _open(hierarchy: Hierarchy, name: str, record: Path) -> Groups:
    parent = _PARENTS[hierarchy.version](hierarchy)
    folder = parent / name
    _clear(folder)
    folder.mkdir()
    record.write_text(str(folder))
    try:
        _hand_on(folder, hierarchy.version)
        groups = Groups(folder, hierarchy.version)
        _try(groups)
    except OSError:
        _clear(folder)
        raise
    return groups


def _parent_in_v1(hierarchy: Hierarchy) -> Path:
    """Raises OSError where a group would not be bounded by the one that it stands in."""
    own = Path(hierarchy.own)
    if not _is_nested(own):
        raise OSError("groups are not nested there")
    return own


def _is_nested(own: Path) -> bool:
    return _read(own / "memory.use_hierarchy").strip() == "1"


def _parent_in_v2(hierarchy: Hierarchy) -> Path:
    """There a group that has members gives its children no limits: ours has to be free of them, or become so.

    We step aside only at the top of what shows, as in a container. Elsewhere whoever starts us there, such as systemd,
    could not start us once more; it may put us into a group of that name from the beginning.
    """
    own = Path(hierarchy.own)
    if MEMORY not in _read(own / "cgroup.controllers").split():
        raise OSError("memory is not in that hierarchy, or not handed on to us")
    if own.name == STEPPED_ASIDE:
        _hand_on(own.parent, 2)
        return own.parent
    if not hierarchy.is_top:
        raise OSError(f"we are not in a group called {STEPPED_ASIDE}")
    try:
        _hand_on(own, 2)
    except OSError:
        _step_aside(own)
        _hand_on(own, 2)
    return own


_PARENTS: Final = {1: _parent_in_v1, 2: _parent_in_v2}


def _hand_on(folder: Path, version: int) -> None:
    if version == 2 and MEMORY not in _read(folder / "cgroup.subtree_control").split():
        (folder / "cgroup.subtree_control").write_text(f"+{MEMORY}")


def _step_aside(own: Path) -> None:
    """Move ourselves and who started us; anybody else keeps the group as it is."""
    family = {os.getpid(), os.getppid(), *children_of(os.getppid())}
    members = [int(word) for word in _read(own / "cgroup.procs").split()]
    if not family.issuperset(members):
        raise OSError("others are in our group")
    aside = own / STEPPED_ASIDE
    aside.mkdir(exist_ok=True)
    for pid in members:
        (aside / "cgroup.procs").write_text(str(pid))


def _try(groups: Groups) -> None:
    """Have a process join one. Raises OSError."""
    group = groups.make("trial", TRIAL_LIMIT)
    try:
        with group.entry() as entry:
            pid = os.fork()
            if pid == 0:
                _join_and_exit(entry)
            _, status = os.waitpid(pid, 0)
        if status != 0:
            raise OSError("no process can join")
    finally:
        group.remove()


def _join_and_exit(entry: int) -> NoReturn:
    try:
        os.write(entry, b"0")
        os._exit(0)
    finally:
        os._exit(1)


def _clear_recorded(name: str, record: Path) -> None:
    left = Path(_read(record).strip() or "/nowhere")
    if left.name == name:  # whatever stands there, nothing but ours is touched
        _clear(left)
    record.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """End what runs in these groups, and remove them as far as they empty in time."""
    deadline = time.monotonic() + PATIENCE
    while folder.is_dir() and time.monotonic() < deadline:
        for group in [*(each for each in folder.iterdir() if each.is_dir()), folder]:
            for pid in _read(group / "cgroup.procs").split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(OSError):
                group.rmdir()
        if folder.is_dir():
            time.sleep(PAUSE)


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
