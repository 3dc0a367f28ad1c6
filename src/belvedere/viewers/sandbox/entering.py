"""Going behind the walls: once, by the viewer's own process, while it has one thread.

A process can't put itself behind the wall between processes, only its children. So a parent that forks viewers does it
by `fork_beside`; a program that was started by itself forks once more in `enter`, and what was started does nothing any
more but end as its child does.
"""

import functools
import os
import platform
import resource
import signal
import sys
from dataclasses import dataclass

from belvedere.viewers.sandbox import calls, kernel, view
from belvedere.viewers.sandbox.facets import NAMESPACES, Facet, Lacks, kernel_lacks, lacks
from belvedere.viewers.sandbox.plan import Confinement, Machine, survey


class Refused(Exception):
    """A wall is wanted that can't be had. The message says which, and why."""


@dataclass
class _Process:
    """How far this process has come; its forks inherit that."""

    is_separated: bool = False
    is_bound: bool = False  # gains no right by what it executes
    is_staged: bool = False


_this = _Process()


def is_separated() -> bool:
    """Whether this process stands alone already, as who was forked by `fork_beside` does."""
    return _this.is_separated


def prepare() -> None:
    """Find out what the kernel gives and where libraries are, and gain no more rights, for all forks to come."""
    found = kernel_lacks()
    _machine()
    _judge()
    if not found.by_user_namespace:  # a new one gives its first process all rights in it
        _gain_no_rights(found)


def fork_beside() -> int:
    """Fork a child of this process's parent that stands alone, as far as it can be; its pid, and 0 in there.

    Files stay visible until it calls `enter`. Raises OSError, if nothing was forked.
    """
    found = kernel_lacks()
    user, group = os.geteuid(), os.getegid()
    pid = kernel.fork_beside(_namespaces(found) | (kernel.CLONE_NEWUSER if found.by_user_namespace else 0))
    if pid == 0:
        try:
            if found.by_user_namespace:
                kernel.map_user(user, group)
        except OSError:
            os._exit(1)
        _this.is_separated = True
    return pid


def _separate() -> None:
    """Leave what can be left, so that the child that is forked next stands alone. Raises OSError."""
    found = kernel_lacks()
    if found.by_user_namespace:
        kernel.enter_user_namespace()
    if wanted := _namespaces(found):
        kernel.unshare(wanted)
    _this.is_separated = True


def _namespaces(found: Lacks) -> int:
    return sum(flags for facet, flags in NAMESPACES.items() if found.has(facet))


def stage() -> None:
    """Do ahead what does not depend on what is shown: for a process that was separated and waits for its task."""
    found = kernel_lacks()
    if found.has(Facet.NETWORK):
        kernel.bring_up_loopback()
    if found.has(Facet.FILES):
        view.stage(_machine(), own_processes=found.has(Facet.PROCESSES))
    _gain_no_rights(found)
    _this.is_staged = True


def _gain_no_rights(found: Lacks) -> None:
    """By no program that is executed from here on. What this process has it keeps."""
    if found.has(Facet.RIGHTS) and not _this.is_bound:
        kernel.bound_capabilities()
        kernel.forbid_new_rights()
        _this.is_bound = True


def enter(confinement: Confinement) -> Lacks:
    """Go behind all walls that can be had; those that can't. There is no way back, and no thread may run yet.

    Raises Refused if it is strict and one can't be had, and OSError if one that could be had can't be put up now.
    """
    found = lacks(confinement.user)
    if confinement.strict and found.reasons:
        raise Refused(f"The kernel refuses what a viewer has to be confined by. {found}.")
    kernel.close_all_but({0, 1, 2, *confinement.kept})
    if not _this.is_separated:
        _separate()
        if found.has(Facet.PROCESSES):
            _be_a_child()
    if not _this.is_staged:
        stage()
    user = _own_user(confinement, found)
    if found.has(Facet.FILES):
        view.see_only(confinement, _machine(), user)
    _bind(confinement, user, found)
    return found


def end_with(parent: int) -> None:
    """End when this process, which made the present one, does. To be said anew by who becomes another user."""
    kernel.end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)  # it has just ended


def follow(confinement: Confinement) -> None:
    """Give up what is left to give up, after the process that this one was forked from has entered.

    For a process that it forked when it was staged: they share namespaces, so this one sees no more than the other one.
    Raises OSError.
    """
    found = lacks(confinement.user)
    kernel.close_all_but({0, 1, 2, *confinement.kept})
    _bind(confinement, _own_user(confinement, found), found)


def _own_user(confinement: Confinement, found: Lacks) -> int | None:
    return confinement.user if found.has(Facet.USER) and os.geteuid() == 0 else None


def _bind(confinement: Confinement, user: int | None, found: Lacks) -> None:
    """What holds for one process and those that it forks from here on."""
    _limit(confinement, counts_alone=found.by_user_namespace or user is not None)
    _give_up_rights(user, found)


def _be_a_child() -> None:
    """Go on in a child; this process waits for its end, and ends likewise."""
    child = os.fork()
    if child == 0:
        kernel.end_with_parent(signal.SIGKILL)
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the child has it too, as one of our group
    kernel.close_all_but(())
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(status if status >= 0 else 128 - status)


@functools.cache
def _machine() -> Machine:
    return survey(sys.path)


@functools.cache
def _judge() -> bytes | None:
    return calls.program(platform.machine())


def _limit(confinement: Confinement, *, counts_alone: bool) -> None:
    """`counts_alone`: its processes are counted by themselves, not with all others of the same user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold its logs
    if counts_alone:
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        most = confinement.processes if hard == resource.RLIM_INFINITY else min(hard, confinement.processes)
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def _give_up_rights(user: int | None, found: Lacks) -> None:
    if user is not None:
        kernel.become(user)
    if found.has(Facet.RIGHTS):
        kernel.drop_capabilities()
    judge = _judge()
    if found.has(Facet.CALLS) and judge is not None:
        kernel.filter_calls(judge)
