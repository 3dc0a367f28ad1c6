"""The host's side of its warm parents: keeps them alive, and asks them for forks."""

import asyncio
import contextlib
import logging
import os
import signal
import socket

from belvedere.host.children import Children
from belvedere.host.launching import LISTEN_FD, Descriptors, spawn
from belvedere.host.warm import FORK, READY

log = logging.getLogger(__name__)

FORK_TIMEOUT = 5.0  # seconds; a parent that is slower is hung
FIRST_RETRY = 0.5  # seconds before a dead parent is rebuilt; doubles
SLOWEST_RETRY = 600.0  # each try that fails leaves a traceback in the host's error file


class WarmLauncher:
    """Forks from warm parents, one per program. Answers None while a program's parent is not ready."""

    def __init__(self, children: Children, programs: list[str]) -> None:
        self._parents = {program: _WarmParent(children, program) for program in programs}
        self._keepers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to keep the parents alive."""
        self._keepers = [asyncio.create_task(parent.keep()) for parent in self._parents.values()]

    async def launch(self, program: str, descriptors: Descriptors) -> int | None:
        parent = self._parents.get(program)
        return await parent.fork(descriptors) if parent else None

    async def close(self) -> None:
        """End the parents."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)


class _WarmParent:
    def __init__(self, children: Children, program: str) -> None:
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
            delay = FIRST_RETRY if lived else min(delay * 2, SLOWEST_RETRY)
            log.warning("warm parent of %s ended; a new one in %.1f s", self._program, delay)
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
                log.info("warm parent of %s is ready, pid %d", self._program, self._pid)
                self._control = ours
            await asyncio.shield(ended)
        except OSError:
            log.exception("warm parent of %s could not be started", self._program)
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
            self._pid = spawn("belvedere.host.warm", [self._program, "--control-fd", str(LISTEN_FD)], pipes)
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
            log.warning("warm parent of %s does not fork; it is ended", self._program)
            self._control = None
            self._children.signal(self._pid, signal.SIGKILL)
            return None


async def _ask(control: socket.socket, descriptors: Descriptors) -> int:
    handed = [descriptors.listen, descriptors.stdin, descriptors.stdout, descriptors.stderr]
    socket.send_fds(control, [FORK], handed)
    return int(await asyncio.get_running_loop().sock_recv(control, 32))
