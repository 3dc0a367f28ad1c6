"""A network of a viewer's own, with nothing in it but its loopback.

TensorBoard's data server listens on a loopback port without asking who calls. In a network namespace of its own that
port is out of reach for everybody else on the machine, and whatever a viewer might be talked into by the logs that it
reads cannot call anybody either. Unix sockets reach it all the same: they live in the file system.

Sources: unshare(2), user_namespaces(7), netdevice(7).
"""

import contextlib
import ctypes
import fcntl
import functools
import os
import socket
import struct
from pathlib import Path
from typing import Final

_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1
_REQUEST: Final = struct.Struct("16sh14x")  # struct ifreq, of which only the name and the flags count here


@functools.cache
def can_leave_network() -> bool:
    """Whether `leave_network` works here. Found out once, by a fork that tries: there is no way back for who tries."""
    child = os.fork()
    if child == 0:
        try:
            leave_network()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def leave_network() -> None:
    """Move this process, which must have one thread, into a network of its own. Raises OSError if the kernel refuses.

    Where only root may do so, a user namespace is made as well; files in it belong to whom they did.
    """
    user, group = os.getuid(), os.getgid()
    if not _unshared(_CLONE_NEWNET):
        if not _unshared(_CLONE_NEWUSER | _CLONE_NEWNET):
            raise PermissionError("the kernel gives no network namespace")
        with contextlib.suppress(OSError):  # only for the looks of it: rights are the same without
            _map_to_itself(user, group)
    _bring_up_loopback()


def _unshared(what: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.unshare(what)) == 0


def _map_to_itself(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, _SIOCGIFFLAGS, _REQUEST.pack(b"lo", 0))
        flags = _REQUEST.unpack(answer)[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, _REQUEST.pack(b"lo", flags | _IFF_UP))
