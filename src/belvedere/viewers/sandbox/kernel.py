"""Calls of the kernel that Python has no names for. Each raises OSError.

Sources: clone(2), unshare(2), mount(2), mount_setattr(2), pivot_root(2), prctl(2), PR_GET_TID_ADDRESS(2const),
capset(2), close_range(2), seccomp(2), netdevice(7), user_namespaces(7); numbers and constants are from kernel headers.
"""

import ctypes
import errno
import fcntl
import os
import platform
import signal
import socket
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
_CLONE_PARENT: Final = 0x00008000
_CLONE_CHILD_CLEARTID: Final = 0x00200000
_CLONE_CHILD_SETTID: Final = 0x01000000

MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_SLAVE: Final = 0x80000

ATTR_RDONLY: Final = 0x1
ATTR_NOSUID: Final = 0x2
ATTR_NODEV: Final = 0x4
ATTR_NOEXEC: Final = 0x8

_MNT_DETACH: Final = 0x2
_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_SYS_MOUNT_SETATTR: Final = 442  # the same on all machines, as every call since 424
_SYS_CLOSE_RANGE: Final = 436
_SYS_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41}
_SYS_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_SYS_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_GET_TID_ADDRESS: Final = 40
_SECCOMP_MODE_FILTER: Final = 2
_CAPABILITY_VERSION: Final = 0x20080522
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1
_INTERFACE: Final = struct.Struct("16sh14x")  # struct ifreq, of which only the name and the flags count here
_LAST_DESCRIPTOR: Final = 0xFFFFFFFF

_libc = ctypes.CDLL(None, use_errno=True)
_libc_held = ctypes.PyDLL(None, use_errno=True)  # the same, without letting go of the interpreter during a call


def unshare(what: int) -> None:
    """Leave namespaces for new ones."""
    _succeed(_libc.unshare(ctypes.c_int(what)), "unshare")


def enter_user_namespace() -> None:
    """Be in a user namespace of its own who one was outside, with every right in it and none outside."""
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    map_user(user, group)


def map_user(user: int, group: int) -> None:
    """In a new user namespace, be who one was outside."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def fork_beside(what: int) -> int:
    """Fork a child of this process's parent into new namespaces; its pid, and 0 in there. For who has one thread.

    As `os.fork`, which has no way to say so: what Python wants done around a fork is done, and of what the C library
    does only what matters with one thread, which is where the number of that thread is kept.
    """
    held = ctypes.c_void_p()
    _succeed(_libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(held), 0, 0, 0), "prctl")
    flags = what | _CLONE_PARENT | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID | signal.SIGCHLD
    words = [flags, 0, 0, *_child_tid_and_tls(held.value or 0)]
    number = ctypes.c_long(_of_machine(_SYS_CLONE))
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(_libc_held.syscall(number, *map(ctypes.c_ulong, words)))
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        _succeed(pid, "clone")
    return pid


def _child_tid_and_tls(tid: int) -> tuple[int, int]:
    """Machines differ in what comes first."""
    return (tid, 0) if platform.machine() == "x86_64" else (0, tid)


def bring_up_loopback() -> None:
    """In a new network namespace it is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = _INTERFACE.unpack(fcntl.ioctl(control, _SIOCGIFFLAGS, _INTERFACE.pack(b"lo", 0)))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, _INTERFACE.pack(b"lo", flags | _IFF_UP))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount something; see the manual's page of that name."""
    words = (os.fsencode(source), os.fsencode(target), kind.encode())
    _succeed(_libc.mount(*words, ctypes.c_ulong(flags), data.encode()), f"mount {target}")


def restrict_mount(target: str, attributes: int, *, below: bool) -> None:
    """Add attributes to a mount; `below`: and to those in it. Needs Linux 5.12."""
    record = struct.pack("QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if below else 0
    _call(_SYS_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(target), flags, record, len(record), doing="mount_setattr")


def make_root(folder: str) -> None:
    """Make `folder`, a mount, the root of everything, and let go of the old root."""
    os.chdir(folder)
    _call(_of_machine(_SYS_PIVOT_ROOT), b".", b".", doing="pivot_root")  # the old one lies on top of the new one now
    _succeed(_libc.umount2(b".", ctypes.c_int(_MNT_DETACH)), "umount")
    os.chdir("/")


def close_all_but(kept: Collection[int]) -> None:
    """Close every other descriptor."""
    first = 0
    for each in sorted(kept):
        if each > first:
            _call(_SYS_CLOSE_RANGE, first, each - 1, 0, doing="close_range")
        first = each + 1
    _call(_SYS_CLOSE_RANGE, first, _LAST_DESCRIPTOR, 0, doing="close_range")


def end_with_parent(signal_number: int) -> None:
    """Get this signal when the parent dies."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def become(user: int) -> None:
    """Change to this user and group, for good. Needs root."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _prctl(_PR_SET_DUMPABLE, 1)  # else its own /proc/self is not its own any more


def forbid_new_rights() -> None:
    """Nothing that is executed from here on gives any right."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def bound_capabilities() -> None:
    """Let no program that is executed later gain any. Before they are dropped, for it needs one itself."""
    for capability in range(64):
        try:
            _prctl(_PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.EPERM}:
                raise
            return  # there are no more, or we have none to begin with


def drop_capabilities() -> None:
    """Give up all that this process has."""
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    _call(_of_machine(_SYS_CAPSET), header, bytes(24), doing="capset")


def filter_calls(program: bytes) -> None:
    """Let a BPF program judge every system call from here on."""
    instructions = ctypes.create_string_buffer(program, len(program))
    record = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    _succeed(_libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), record, 0, 0), "seccomp")


def _prctl(option: int, argument: int) -> None:
    zero = ctypes.c_ulong(0)
    _succeed(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), zero, zero, zero), f"prctl {option}")


def _call(number: int, *arguments: int | bytes, doing: str) -> None:
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    _succeed(_libc.syscall(ctypes.c_long(number), *words), doing)


def _of_machine(numbers: dict[str, int]) -> int:
    number = numbers.get(platform.machine())
    if number is None:
        raise OSError(f"system calls of {platform.machine()} are not known here")
    return number


def _succeed(result: int, doing: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")
