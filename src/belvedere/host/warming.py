"""The host's side of its warm parents: keeps them alive, and asks them for forks."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterable

from belvedere.host.children import Children
from belvedere.host.launching import LISTEN_FD, Descriptors, spawn
from belvedere.host.warm import FORK, READY
from belvedere.viewers.base import Program

log = logging.getLogger(__name__)

FORK_TIMEOUT = 5.0  # seconds; a parent that is slower is hung
FIRST_RETRY = 0.5  # seconds before a dead parent is rebuilt; doubles
SLOWEST_RETRY = 600.0  # each try that fails leaves a traceback in the host's error file


class WarmLauncher:
    """Forks from warm parents, one per program. Answers None while a program's parent is not ready.

    A program that nobody has spoken of before gets its parent with its first launch.
    """

    def __init__(self, children: Children, programs: Iterable[Program]) -> None:
        self._children = children
        self._wanted = list(programs)
        self._parents: dict[Program, _WarmParent] = {}
        self._keepers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to keep the parents alive."""
        for program in self._wanted:
            self._parent_of(program)

    async def launch(self, program: Program, descriptors: Descriptors) -> int | None:
        return await self._parent_of(program).fork(descriptors) if program.can_fork else None

    def _parent_of(self, program: Program) -> "_WarmParent":
        parent = self._parents.get(program)
        if parent is None:
            parent = self._parents[program] = _WarmParent(self._children, program)
            self._keepers.append(asyncio.create_task(parent.keep()))
        return parent

    async def close(self) -> None:
        """End the parents."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)


class _WarmParent:
    def __init__(self, children: Children, program: Program) -> None:
        self._children = children
        self._program = program
        self._control: socket.socket | None = None  # present while it is ready
        self._pid = 0
        self._turn = asyncio.Lock()

    async def keep(self) -> None:
        """Start it, and again when it dies."""
        delay = FIRST_RETRY
        while True:
            lived = await self._live()
            await self._children.sweep()  # what it had forked ahead
            delay = FIRST_RETRY if lived else min(delay * 2, SLOWEST_RETRY)
            log.warning("warm parent of %s ended; a new one in %.1f s", self._program.module, delay)
            await asyncio.sleep(delay)

    async def _live(self) -> bool:
        """One life; whether it ever was ready."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        ended: asyncio.Future[None] | None = None
        try:
            ended = self._spawn(theirs)
            ready = await asyncio.get_running_loop().sock_recv(ours, len(READY)) == READY
            if ready:
                log.info("warm parent of %s is ready, pid %d", self._program.module, self._pid)
                self._control = ours
            await asyncio.shield(ended)
        except OSError:
            log.exception("warm parent of %s could not be started", self._program.module)
            return False
        finally:
            self._control = None
            ours.close()
            theirs.close()
            if ended is not None:
                self._children.signal(self._pid, signal.SIGKILL)
                await asyncio.shield(ended)
        return ready

    def _spawn(self, theirs: socket.socket) -> asyncio.Future[None]:
        with self._children.birth(), open(os.devnull, "r+b", buffering=0) as null:  # noqa: PTH123 - a descriptor
            pipes = Descriptors(listen=theirs.fileno(), stdin=null.fileno(), stdout=null.fileno(), stderr=2)
            arguments = [self._program.module, "--control-fd", str(LISTEN_FD)]
            self._pid = spawn(self._program, "belvedere.host.warm", arguments, pipes)
            ended = self._children.adopt(self._pid)
        theirs.close()
        return ended

    async def fork(self, descriptors: Descriptors) -> int | None:
        """The pid of a fork; None if the parent is not ready or fails."""
        async with self._turn:
            control = self._control
            if control is None:
                return None
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                async with asyncio.timeout(FORK_TIMEOUT):
                    return await _ask(control, descriptors)
            log.warning("warm parent of %s does not fork; it is ended", self._program.module)
            self._control = None
            self._children.signal(self._pid, signal.SIGKILL)
            return None


async def _ask(control: socket.socket, descriptors: Descriptors) -> int:
    handed = [descriptors.listen, descriptors.stdin, descriptors.stdout, descriptors.stderr]
    handed += [] if descriptors.group is None else [descriptors.group]
    socket.send_fds(control, [FORK], handed)
    return int(await asyncio.get_running_loop().sock_recv(control, 32))
