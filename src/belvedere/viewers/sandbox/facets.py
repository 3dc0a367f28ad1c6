"""Which walls there are, and which of them the kernel refuses here."""

import functools
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from belvedere.viewers.sandbox import kernel
from belvedere.viewers.sandbox.calls import program


class Facet(Enum):
    """One wall, in a few words for people."""

    NETWORK = "a network of its own"
    FILES = "a view of its own files only"
    PROCESSES = "a view of its own processes only"
    MEMORY = "memory segments of its own"
    USER = "a user of its own"
    RIGHTS = "no rights to gain"
    CALLS = "few system calls"


NAMESPACES: Final = {
    Facet.NETWORK: kernel.CLONE_NEWNET,
    Facet.FILES: kernel.CLONE_NEWNS,
    Facet.PROCESSES: kernel.CLONE_NEWPID,
    Facet.MEMORY: kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS,
}
_OF_KERNEL: Final = tuple(facet for facet in Facet if facet is not Facet.USER)


@dataclass(frozen=True, kw_only=True)
class Lacks:
    """The walls that can't be had, each with its reason.

    `by_user_namespace`: new namespaces are to be had only by way of one for users.
    """

    reasons: Mapping[Facet, str]
    by_user_namespace: bool = False

    def has(self, facet: Facet) -> bool:
        """Whether that wall can be had."""
        return facet not in self.reasons

    def __str__(self) -> str:
        return "; ".join(f"{facet.value}: {reason}" for facet, reason in self.reasons.items())


def lacks(user: int | None) -> Lacks:
    """What viewers lack here that are to become `user`, which counts where we are root. Call it with one thread."""
    found = kernel_lacks()
    why = _fault_of_user(user, found) if os.geteuid() == 0 else ""
    reasons = {**found.reasons, Facet.USER: why} if why else found.reasons
    return Lacks(reasons=reasons, by_user_namespace=found.by_user_namespace)


@functools.cache
def kernel_lacks() -> Lacks:
    """What the kernel refuses. Found out by forks that try, once: there is no way back for who tries."""
    plain = {facet: fault_of(functools.partial(kernel.unshare, flags)) for facet, flags in NAMESPACES.items()}
    by_user_namespace = all(plain.values()) and not fault_of(kernel.enter_user_namespace)
    faults = {facet: fault_of(functools.partial(_try, facet, by_user_namespace)) for facet in _OF_KERNEL}
    return Lacks(reasons={facet: why for facet, why in faults.items() if why}, by_user_namespace=by_user_namespace)


def _fault_of_user(user: int | None, found: Lacks) -> str:
    if user is None:
        return "none is set aside for it"
    if not found.has(Facet.FILES) or found.by_user_namespace:
        return "its logs would be out of its reach"
    return ""


def fault_of_becoming(user: int) -> str:
    """Why we can't change to this user; empty if we can."""
    return fault_of(functools.partial(kernel.become, user))


def _try(facet: Facet, by_user_namespace: bool) -> None:
    """Raise OSError if the wall can't be had."""
    if by_user_namespace:
        kernel.enter_user_namespace()
    if facet in NAMESPACES:
        kernel.unshare(NAMESPACES[facet])
    match facet:
        case Facet.NETWORK:
            kernel.bring_up_loopback()
        case Facet.FILES:
            _try_mounts("/tmp")  # noqa: S108 - covered in the namespace that we just made
        case Facet.RIGHTS:
            kernel.drop_capabilities()
            kernel.forbid_new_rights()
        case Facet.CALLS:
            _try_filter()
        case _:
            pass


def _try_mounts(root: str) -> None:
    kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_SLAVE)
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m")
    os.mkdir(f"{root}/usr")  # noqa: PTH102
    kernel.mount("/usr", f"{root}/usr", "none", kernel.MS_BIND | kernel.MS_REC)
    kernel.restrict_mount(f"{root}/usr", kernel.ATTR_RDONLY, below=True)
    kernel.make_root(root)


def _try_filter() -> None:
    judge = program(platform.machine())
    if judge is None:
        raise OSError(f"the system calls of {platform.machine()} are not known here")
    kernel.forbid_new_rights()
    kernel.filter_calls(judge)


def fault_of(attempt: Callable[[], None]) -> str:
    """Why it fails, tried in a process of its own; empty if it works."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _report(attempt, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return said or ("" if status == 0 else f"the attempt ended with {status}")


def _report(attempt: Callable[[], None], pipe: int) -> None:
    try:
        attempt()
        os._exit(0)
    except OSError as error:
        os.write(pipe, str(error.strerror or error).encode())
    finally:
        os._exit(1)
