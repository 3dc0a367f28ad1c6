"""The tree of files that a confined viewer sees: built beside everything else, then made all that there is.

It goes without `pathlib`, which would take half of the time: this runs in each viewer, right after its fork.
"""

import os
import stat
import sys
from typing import Final

from belvedere.viewers.sandbox import kernel
from belvedere.viewers.sandbox.plan import DEVICES, SCRATCH_BYTES, Confinement, Machine, Place, Show, places

_STAGE: Final = "/sys"  # exists everywhere, and holds nothing that a viewer needs
_SCRATCH: Final = f"{_STAGE}/scratch"
_HOSTS: Final = b"127.0.0.1 localhost\n::1 localhost\n"
_INERT: Final = kernel.MS_NOSUID | kernel.MS_NODEV


def stage(machine: Machine, *, own_processes: bool) -> None:
    """Put together what is the same for all viewers."""
    before = os.umask(0o022)
    kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_SLAVE)
    size = f"size={SCRATCH_BYTES},nr_inodes=16384,mode=0755"
    kernel.mount("tmpfs", _STAGE, "tmpfs", _INERT, size)
    for folder in ("dev", "etc", "proc"):
        os.mkdir(f"{_STAGE}/{folder}")
    for link, target in machine.links.items():
        os.symlink(target, _STAGE + link)
    for place in places(Confinement(logs=(), work="", kept=()), machine):
        _put(place)
    for name in DEVICES:
        _make_file(f"{_STAGE}/dev/{name}")
        kernel.mount(f"/dev/{name}", f"{_STAGE}/dev/{name}", "none", kernel.MS_BIND)
    _make_file(f"{_STAGE}/etc/hosts", _HOSTS)
    if own_processes:
        _add_processes("subset=pid")
    os.umask(before)


def see_only(confinement: Confinement, machine: Machine, user: int | None) -> None:
    """Add what this viewer sees, and let go of everything else. `user`: whose its scratch folder is to be."""
    before = os.umask(0o022)
    covers = []
    for place in places(confinement, machine):
        if place.show is Show.READ_ONLY and not place.is_inside:
            continue  # it has been staged
        _put(place)
        if place.show is Show.NOTHING:
            covers.append(_STAGE + place.path)
    _add_scratch(confinement, user)
    if confinement.machine_figures:
        _add_processes("")
    for empty in [_STAGE, *covers]:
        kernel.restrict_mount(empty, kernel.ATTR_RDONLY | kernel.ATTR_NOEXEC, below=False)
    kernel.make_root(_STAGE)
    os.umask(before)


def _put(place: Place) -> None:
    target = _STAGE + place.path
    if place.show is Show.NOTHING:
        os.makedirs(target, exist_ok=True)
        kernel.mount("tmpfs", target, "tmpfs", _INERT, "size=64k,mode=0755")
        return
    source = _opened(place)
    if source is None:
        return
    try:
        _make_target(target, is_folder=stat.S_ISDIR(os.fstat(source).st_mode))
        kernel.mount(f"/proc/self/fd/{source}", target, "none", kernel.MS_BIND | kernel.MS_REC)
    finally:
        os.close(source)
    attributes = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV
    kernel.restrict_mount(target, attributes | (kernel.ATTR_NOEXEC if place.show is Show.LOGS else 0), below=True)


def _opened(place: Place) -> int | None:
    """A descriptor of what is at that path, looked at when it is open: it may be exchanged after any earlier look."""
    try:
        descriptor = os.open(place.path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return None  # logs that are not there yet
    if place.show is Show.LOGS and os.readlink(f"/proc/self/fd/{descriptor}") != place.path:
        os.close(descriptor)
        sys.stderr.write("a folder of logs is not where it was; it is not shown\n")
        return None
    return descriptor


def _make_target(target: str, *, is_folder: bool) -> None:
    """Something to mount on."""
    os.makedirs(target if is_folder else os.path.dirname(target), exist_ok=True)
    if not is_folder and not os.path.exists(target):
        _make_file(target)


def _make_file(path: str, content: bytes = b"") -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    if content:
        os.write(descriptor, content)
    os.close(descriptor)


def _add_scratch(confinement: Confinement, user: int | None) -> None:
    """The only place to write to: memory, of a bounded size."""
    os.mkdir(_SCRATCH, 0o700)
    if user is not None:
        os.chown(_SCRATCH, user, user)
    target = _STAGE + confinement.work
    os.makedirs(target, exist_ok=True)
    kernel.mount(_SCRATCH, target, "none", kernel.MS_BIND)
    kernel.restrict_mount(target, kernel.ATTR_NOEXEC, below=False)
    for link in ("tmp", "dev/shm"):
        if not os.path.exists(f"{_STAGE}/{link}"):  # something of ours may lie below /tmp
            os.symlink(confinement.work, f"{_STAGE}/{link}")


def _add_processes(options: str) -> None:
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    try:
        kernel.mount("proc", f"{_STAGE}/proc", "proc", flags, options)
    except OSError as error:  # in a container whose own /proc is covered in parts; programs do without
        sys.stderr.write(f"a viewer sees no processes at all: {error.strerror}\n")
