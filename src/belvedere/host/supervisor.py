"""Keeps one job's viewer as it should be: a thin loop around `course`."""

import asyncio
import contextlib
import functools
import logging
import random
import shutil
import socket
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host import course, pressure
from belvedere.host.children import Children
from belvedere.host.course import Act, Facts, Failure
from belvedere.host.groups import Groups, group_for
from belvedere.host.lately import Lately
from belvedere.host.launching import Launcher
from belvedere.host.liveness import answers
from belvedere.host.mirroring import Mirrors
from belvedere.host.places import Places, listening_socket, make_private
from belvedere.host.process import ViewerProcess, confine, start_process
from belvedere.host.protocol import SourceSpec
from belvedere.host.view import View
from belvedere.host.walls import Walls
from belvedere.lifecycle.clock import Clock, utc_now
from belvedere.lifecycle.jobs import End
from belvedere.lifecycle.seen import Endpoint, Phase, SeenSource
from belvedere.viewers.base import ViewerType, appetite_of
from belvedere.viewers.environments import Environments, NotInstalled
from belvedere.viewers.words import Command, Do, Event, Show

log = logging.getLogger(__name__)

PREFIX = ""  # a viewer that several jobs share can't stand under the path of one of them
LOG_LINES = 500
LOG_LINES_ASLEEP = 50
ROOM_EVERY = timedelta(seconds=2)  # between two questions for room


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What all viewers of a host share."""

    places: Places
    children: Children
    launcher: Launcher
    mirrors: Mirrors
    viewer_types: Callable[[], Mapping[str, ViewerType]]  # as of now
    environments: Environments
    lately: Lately
    clock: Clock = utc_now
    memory_budget: int | None = None  # bytes for all viewers; None: no budget
    groups: Groups | None = None  # by which the kernel keeps each within its limit
    walls: Walls = Walls()


Admit = Callable[[int], Reason | None]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer shows, to whom. `number` names it on this host; `asleep`: it ran before, and waits for use."""

    number: int
    project_id: str
    viewer_type: str
    sources: tuple[SourceSpec, ...]
    memory_bytes: int | None
    asleep: bool


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What can be seen of a viewer, whichever job asks."""

    phase: Phase
    settled: bool
    endpoint: Endpoint | None
    end: End | None
    reason: Reason | None
    source: SourceProgress | None
    sources: tuple[SeenSource, ...]
    starts: int


class Supervisor:
    """One viewer, asleep or awake. `changed` is called whenever `look` becomes another.

    Asleep it is this object and nothing else: no task, timer, process, socket or mirror.
    """

    def __init__(self, shown: Shown, around: Surroundings, changed: Callable[[], None], admit: Admit) -> None:
        """`admit` makes room for so many bytes, or says why there is none."""
        self.number = shown.number
        self.memory = 0  # bytes that its processes take, or are expected to; 0 while there are none
        self.memory_limit = shown.memory_bytes
        self.settled_at: float | None = None  # by the event loop's clock: since when it has been ready and loaded
        self._shown = shown
        self._around = around
        self._changed = changed
        self._admit = admit
        self._facts = Facts(asleep=True, known=shown.asleep)
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._news = asyncio.Event()
        self._falling_asleep = False
        self._view: View | None = None
        self._process: ViewerProcess | None = None
        self._ending: asyncio.Task[None] | None = None  # done when the process's end has been noted
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = around.places.sockets / f"{shown.number}.sock"
        self._work: Path | None = None
        self._sees: Mapping[Path, tuple[int, int]] = {}  # the folders that it can see, and which they were
        self._course: asyncio.Task[None] | None = None

    @property
    def look(self) -> Look:
        """As of now."""
        facts = self._facts
        phase = course.phase_of(facts)
        reachable = phase in {Phase.STARTING, Phase.READY, Phase.RECOVERING}
        return Look(
            phase=phase,
            settled=course.may_sleep(facts),
            endpoint=Endpoint(socket=str(self._socket), prefix=PREFIX) if reachable else None,
            end=facts.failure.end if phase is Phase.FAILED and facts.failure else None,
            reason=course.reason_of(facts),
            source=facts.mirror.progress if facts.mirror else None,
            sources=facts.mirror.sources if facts.mirror else (),
            starts=facts.starts,
        )

    @property
    def project_id(self) -> str:
        """Whose logs it shows."""
        return self._shown.project_id

    @property
    def pid(self) -> int | None:
        """Of its process, which leads a session; None without one."""
        return self._process.pid if self._process else None

    @property
    def watched_limit(self) -> int | None:
        """What it may take, if nobody but us sees to that."""
        return None if self._process is not None and self._process.enclosed else self.memory_limit

    @property
    def crashes(self) -> int:
        """Processes that ended by themselves."""
        return self._facts.crash_count

    def logs(self, tail: int) -> Sequence[str]:
        """The last lines, oldest first."""
        return list(self._log)[-tail:] if tail > 0 else []

    def wake(self) -> None:
        """Begin to run, if it sleeps. One that is just falling asleep does so first."""
        if not self._facts.asleep or self._facts.stopping:
            return
        self._note(course.woken(self._facts))
        if self._course is None or self._course.done():
            self._course = asyncio.create_task(self._run())

    def use(self) -> None:
        """Somebody looks: its mirrors go on with their passes, as new ones do anyway."""
        self.wake()
        if self._view is not None:
            self._view.watch()

    def show(self, sources: tuple[SourceSpec, ...]) -> None:
        """Show these from now on; its process stays. One that sleeps shows them when it wakes."""
        self._shown = replace(self._shown, sources=sources)
        self._news.set()

    def ask_again(self) -> None:
        """There may be room now."""
        if self._facts.waiting is not None:
            self._note(replace(self._facts, retry_at=None))

    def exceed(self, taken: int | None) -> None:
        """Its processes take more than they may (None: the kernel kept them from it): end them at once, for good."""
        if self._process is None or self.memory_limit is None or self._facts.failure is not None:
            return
        reason = pressure.over_limit(taken, self.memory_limit)
        self._note(replace(self._facts, failure=Failure(end=End.VIEWER, reason=reason)))
        self._process.kill()

    def look_for_overflow(self) -> None:
        """The kernel may have ended a part of it for its memory; it would be begun anew for ever."""
        if self._process is not None and self._process.overflowed:
            self.exceed(None)

    def sleep(self) -> None:
        """Begin to let go of everything, until `wake`."""
        if course.may_sleep(self._facts):
            self._falling_asleep = True
            self.memory = 0  # it is given back within a moment
            self._note(course.put_to_sleep(self._facts))
            while len(self._log) > LOG_LINES_ASLEEP:
                self._log.popleft()

    def stop(self) -> asyncio.Future[None]:
        """Begin to end it; done when nothing of it is left. Repeatable."""
        if not self._facts.stopping:
            self._note(replace(self._facts, stopping=True))
        if self._course is None:
            nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing
        return self._course

    async def _run(self) -> None:
        """Until it sleeps or is stopped. A viewer that has failed keeps its log and its reason, and nothing else."""
        known = self._around.viewer_types()
        viewer = known.get(self._shown.viewer_type)
        if viewer is None:
            reason = _unknown_viewer(self._shown.viewer_type, known)
            self._note(course.refused(self._facts, reason))
        while viewer and not (self._facts.asleep or self._facts.stopping or self._facts.failure):
            await self._show(viewer)
        while self._facts.failure and not self._facts.stopping:
            await self._wait(None)

    async def _show(self, viewer: ViewerType) -> None:
        listener: socket.socket | None = None
        self._falling_asleep = False
        try:
            listener = listening_socket(self._socket)
            view = self._view = self._open_view(viewer)
            self._note(replace(self._facts, known=self._facts.known and view.holds_files))
            self._begin(self._follow(view))
            await self._steer(viewer, view, listener)
        except Exception as error:
            log.exception("viewer %d can't be supervised", self.number)
            self._note(course.refused(self._facts, _refusal(error)))
        finally:
            await self._clear_away(listener)

    def _open_view(self, viewer: ViewerType) -> View:
        open_mirror = functools.partial(self._around.mirrors.open, self._shown.project_id, viewer=viewer)
        view = View(self._around.places.views / str(self.number), open_mirror, self._begin)
        view.show(self._shown.sources)
        return view

    async def _steer(self, viewer: ViewerType, view: View, listener: socket.socket) -> None:
        while not (self._facts.failure or self._facts.stopping or self._falling_asleep):
            if view.sources != self._shown.sources:
                view.show(self._shown.sources)
            step = course.next_step(self._facts, self._around.clock())
            match step.act:
                case Act.LAUNCH:
                    await self._launch(viewer, view, listener)
                case Act.LOAD:
                    self._load(viewer, view)
                case Act.CHECK:
                    self._facts = replace(self._facts, checking=True)
                    self._begin(self._check(viewer))
                case Act.LEAVE:
                    self._leave()
                case Act.KILL:
                    why = course.why_it_is_ended(self._facts)
                    self._log.append(f"{why}; it is ended.")
                    await self._end_process()
                case None:
                    seconds = (step.look_at - self._around.clock()).total_seconds() if step.look_at else None
                    await self._wait(seconds)

    async def _launch(self, viewer: ViewerType, view: View, listener: socket.socket) -> None:
        if not self._has_room(viewer, view):
            return
        self._work = self._around.places.work / f"{self.number}-{self._facts.starts}"
        make_private(self._work)
        self._sees = await view.reach()
        try:
            program = self._around.environments.program_of(viewer)
            group = group_for(self._around.groups, self._work.name, self.memory_limit)
            self._process = await start_process(
                self._around.launcher,
                self._around.children,
                program,
                listener,
                group=group,
                on_event=self._hear_event,
                on_log=self._hear_log,
            )
        except NotInstalled as missing:
            self.memory = 0
            self._note(course.refused(self._facts, Reason(code=ReasonCode.VIEWER_MISSING, text=f"{missing}.")))
            return
        except OSError as error:
            log.warning("viewer %d: no process can be started: %s", self.number, error)
            self.memory = 0
            self._note(course.refused(self._facts, _refusal(error)))
            return
        if group is None and self.memory_limit is not None:
            confine(self._process.pid, self.memory_limit)
        self._around.lately.note(viewer.name)
        self._process.send(self._task(self._work))
        self._note(course.launched(self._facts, self._around.clock()))
        self._ending = self._begin(self._await_end(self._process, self._work))

    def _task(self, work: Path) -> Show:
        walls = self._around.walls
        folder, *elsewhere = map(str, self._sees)
        return Show(
            folder=folder,
            path_prefix=PREFIX,
            work=str(work),
            elsewhere=tuple(elsewhere),
            hidden=walls.hidden,
            user=walls.user_of(self.number),
            strict=walls.strict,
        )

    def _has_room(self, viewer: ViewerType, view: View) -> bool:
        needed = max(self.memory, pressure.estimate(appetite_of(viewer), view.state.progress, self.memory_limit))
        reason = self._admit(needed)
        if reason is not None:
            self._note(course.kept_waiting(self._facts, reason, self._around.clock() + ROOM_EVERY))
            return False
        self.memory = needed
        return True

    def _load(self, viewer: ViewerType, view: View) -> None:
        if self._facts.load_sent_at is None and not self._has_room(viewer, view):
            return  # the logs are larger than was known when it was launched
        if self._process is not None:
            self._process.send(Command(do=Do.LOAD))
        self._note(course.load_sent(self._facts, self._around.clock()))

    def _leave(self) -> None:
        self._log.append("Its sources lie in other folders now; another process goes on with them.")
        if self._process is not None:
            self._process.send(Command(do=Do.LEAVE))
        self._note(course.leave_sent(self._facts, self._around.clock()))

    async def _check(self, viewer: ViewerType) -> None:
        asked = self._process
        alive = await answers(self._socket, PREFIX + viewer.liveness_path)
        if asked is self._process:
            self._note(course.checked(self._facts, alive, self._around.clock()))

    async def _await_end(self, process: ViewerProcess, work: Path) -> None:
        await process.finish()
        shutil.rmtree(work, ignore_errors=True)
        self.look_for_overflow()
        self._process = None
        self.memory = 0
        if self._facts.stopping or self._facts.failure or self._falling_asleep:
            return
        if self._facts.astray:
            self._note(course.ended(self._facts))
            return
        words = self._safe(self._log[-1] if self._log else "")
        log.warning("viewer %d ended by itself: %s", self.number, words)
        jitter = random.uniform(0.5, 1)  # noqa: S311 - spreads retries
        self._note(course.crashed(self._facts, self._around.clock(), last_line=words, jitter=jitter))

    async def _follow(self, view: View) -> None:
        state = view.state
        while True:
            await self._look_for_folders(view)
            self._note(course.mirror_changed(self._facts, state, self._around.clock()))
            state = await view.differs_from(state)

    async def _look_for_folders(self, view: View) -> None:
        """A viewer goes on to see a folder that was removed, and never one that took its place or was added."""
        if self._process is not None:
            now = await view.reach()  # whatever a file system that hangs holds, the viewer can't see it now
            if any(self._sees.get(path) != identity for path, identity in now.items()):
                self._note(course.gone_astray(self._facts))

    async def _end_process(self) -> None:
        if self._process is not None and self._ending is not None:
            await self._process.end()
            await self._ending

    async def _clear_away(self, listener: socket.socket | None) -> None:
        await self._end_process()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket.unlink(missing_ok=True)
        if listener is not None:
            listener.close()
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)
        view, self._view = self._view, None
        if view is not None:
            await view.close()

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    def _note(self, facts: Facts) -> None:
        before, self._facts = self.look, facts
        self._news.set()
        after = self.look
        if after.settled != before.settled:
            self.settled_at = asyncio.get_running_loop().time() if after.settled else None
        if after != before:
            self._changed()

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("viewer %d can't be supervised", self.number, exc_info=error)
            self._note(course.refused(self._facts, _refusal(error)))

    def _hear_event(self, line: bytes) -> None:
        try:
            event = msgspec.json.decode(line, type=Event)
        except msgspec.DecodeError:
            self._hear_log(line)
            return
        said = Event(event=event.event, text=self._safe(event.text, course.SENTENCES_SHOWN))
        self._note(course.told(self._facts, said, self._around.clock()))

    def _hear_log(self, line: bytes) -> None:
        if text := line.decode(errors="replace").rstrip():
            self._log.append(text)

    def _safe(self, line: str, most: int = course.WORDS_SHOWN) -> str:
        return course.safe_words(line, str(self._work), most=most)


def _unknown_viewer(name: str, known: Mapping[str, ViewerType]) -> Reason:
    text = f"This viewer host has no viewer called {name[:64]!r}. It has: {', '.join(sorted(known))}."
    return Reason(code=ReasonCode.VIEWER_MISSING, text=text)


def _refusal(error: BaseException) -> Reason:
    why = course.safe_words(str(error)) or type(error).__name__
    return Reason(code=ReasonCode.VIEWER_MISSING, text=f"The viewer could not be started: {why}. Ask the operator.")
