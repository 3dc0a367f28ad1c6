"""The host's side of its warm parents: keeps them alive, and asks them for forks."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path

from belvedere.host.children import Children
from belvedere.host.launching import LISTEN_FD, Descriptors, spawn
from belvedere.host.warm import FORK, HASTE, READY, SPARE
from belvedere.viewers.base import Program

log = logging.getLogger(__name__)

BIRTH_TIMEOUT = 10.0  # seconds that a launch waits for a parent's first birth: another interpreter takes as long
FORK_TIMEOUT = 5.0  # seconds; a parent that is slower is hung
FIRST_RETRY = 0.5  # seconds before a dead parent is rebuilt; doubles
SPARES = 1  # forks made ahead; another one would weigh 4 MiB, and make fifty at once no sooner
QUIET = 0.1  # seconds without a launch before they are made
SLOWEST_RETRY = 600.0  # each try that fails leaves a traceback in the host's error file


class WarmLauncher:
    """Forks from warm parents, one per program. Answers None while a program's parent is being made anew.

    A program that nobody has spoken of before gets its parent when its first launch is prepared, and waits for it:
    another interpreter beside it would import the same twice.
    """

    def __init__(self, children: Children, programs: Iterable[Program]) -> None:
        self._children = children
        self._wanted = list(programs)
        self._parents: dict[Program, _WarmParent] = {}
        self._keepers: dict[Program, asyncio.Task[None]] = {}
        self._retiring: list[asyncio.Task[None]] = []
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to make the parents, one after the other, and to keep them alive."""
        self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        for program in self._wanted:
            await self._parent_of(program).born()

    async def prepare(self, program: Program) -> None:
        if program.can_fork:
            await self._parent_of(program).born()

    async def launch(self, program: Program, descriptors: Descriptors) -> int | None:
        return await self._parent_of(program).fork(descriptors) if program.can_fork else None

    def _parent_of(self, program: Program) -> "_WarmParent":
        parent = self._parents.get(program)
        if parent is None:
            for older in [each for each in self._parents if takes_its_place(program, each)]:
                del self._parents[older]
                self._retiring.append(asyncio.create_task(self._retire(self._keepers.pop(older))))
            parent = self._parents[program] = _WarmParent(self._children, program)
            self._keepers[program] = asyncio.create_task(parent.keep())
        return parent

    async def close(self) -> None:
        """End the parents."""
        tasks = [*self._keepers.values(), *([self._starting] if self._starting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._retiring, return_exceptions=True)

    async def _retire(self, keeper: asyncio.Task[None]) -> None:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await self._children.sweep()  # what its parent had forked ahead


def takes_its_place(program: Program, other: Program) -> bool:
    """Whether the same viewer has been installed anew: the same module, in another environment of the same folder."""
    homes = [Path(each.python).parents[2:3] for each in (program, other)]
    return program.module == other.module and program.is_guest and other.is_guest and homes[0] == homes[1]


class _WarmParent:
    def __init__(self, children: Children, program: Program) -> None:
        self._children = children
        self._program = program
        self._control: socket.socket | None = None  # present while it is ready
        self._pid = 0
        self._turn = asyncio.Lock()
        self._born = asyncio.Event()  # its first life has come so far, or has ended before
        self._spares: list[_Spare] = []
        self._filling: asyncio.Task[None] | None = None
        self._launched_at = -QUIET

    async def born(self) -> None:
        """Wait until it is ready for the first time, is known to fail, or takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BIRTH_TIMEOUT):
                await self._born.wait()

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
                self._born.set()
                self._fill()
            await asyncio.shield(ended)
        except OSError:
            log.exception("warm parent of %s could not be started", self._program.module)
            return False
        finally:
            self._control = None
            self._born.set()
            await self._let_spares_go()
            ours.close()
            theirs.close()
            if ended is not None:
                self._children.signal(self._pid, signal.SIGKILL)
                await asyncio.shield(ended)
        return ready

    async def _let_spares_go(self) -> None:
        """A parent that is rebuilt makes new ones; it may be of another version by then."""
        if self._filling is not None:
            self._filling.cancel()
        spares, self._spares = self._spares, []
        for spare in spares:
            spare.end()
        await asyncio.gather(*(asyncio.shield(spare.ended) for spare in spares))

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
        self._launched_at = asyncio.get_running_loop().time()
        self._fill()
        while self._spares:
            if (spare := self._spares.pop()).give(descriptors):
                return spare.pid
        made = await self._make(HASTE)
        return made.pid if made and made.give(descriptors) else None

    def _fill(self) -> None:
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._make_spares())

    async def _make_spares(self) -> None:
        """When nobody has asked for a while: until then their viewers need the machine."""
        while len(self._spares) < SPARES:
            rest = self._launched_at + QUIET - asyncio.get_running_loop().time()
            if rest > 0:
                await asyncio.sleep(rest)
            elif spare := await self._make(SPARE):
                self._spares.append(spare)
            else:
                return

    async def _make(self, how: bytes) -> "_Spare | None":
        async with self._turn:
            control = self._control
            if control is None:
                return None
            try:
                async with asyncio.timeout(FORK_TIMEOUT):
                    return await self._ask(control, how)
            except asyncio.CancelledError:
                self._give_up()  # its answer would be taken for another one's
                raise
            except (OSError, ValueError, TimeoutError):
                self._give_up()
                return None

    def _give_up(self) -> None:
        log.warning("warm parent of %s does not fork; it is ended", self._program.module)
        self._control = None
        self._children.signal(self._pid, signal.SIGKILL)

    async def _ask(self, control: socket.socket, how: bytes) -> "_Spare":
        with self._children.birth():
            control.send(how)
            await _readable(control)
            pid, (line,), _, _ = socket.recv_fds(control, 32, 1, socket.MSG_CMSG_CLOEXEC)
            return _Spare(int(pid), self._children.adopt(int(pid)), socket.socket(fileno=line))


class _Spare:
    """A fork that waits for its viewer."""

    def __init__(self, pid: int, ended: asyncio.Future[None], line: socket.socket) -> None:
        self.pid = pid
        self.ended = ended
        self._line = line

    def give(self, given: Descriptors) -> bool:
        """Let it become a viewer; False if it has ended."""
        handed = [
            given.listen,
            given.stdin,
            given.stdout,
            given.stderr,
            *([] if given.group is None else [given.group]),
        ]
        with self._line:
            try:
                socket.send_fds(self._line, [FORK], handed)
            except OSError:
                return False
            return not self.ended.done()

    def end(self) -> None:
        """Need it no more."""
        self._line.close()


async def _readable(control: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(control, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(control)
