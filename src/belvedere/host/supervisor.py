"""Keeps one job's viewer as it should be: a thin loop around `course`."""

import asyncio
import contextlib
import logging
import random
import shutil
import socket
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host import course
from belvedere.host.children import Children
from belvedere.host.course import Act, Facts
from belvedere.host.launching import Launcher
from belvedere.host.liveness import answers
from belvedere.host.mirroring import Mirror, Mirrors
from belvedere.host.places import Places, listening_socket, make_private
from belvedere.host.process import ViewerProcess, start_process
from belvedere.host.protocol import ViewerSpec
from belvedere.lifecycle.clock import Clock, utc_now
from belvedere.lifecycle.seen import Endpoint, Phase, Seen
from belvedere.viewers.base import Command, Do, Event, Show, ViewerType

log = logging.getLogger(__name__)

LOG_LINES = 500


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What all viewers of a host share."""

    places: Places
    children: Children
    launcher: Launcher
    mirrors: Mirrors
    viewer_types: Mapping[str, ViewerType]
    clock: Clock = utc_now


class Supervisor:
    """One attempt's viewer. `changed` is called whenever `seen` becomes another."""

    def __init__(self, spec: ViewerSpec, around: Surroundings, changed: Callable[[], None]) -> None:
        self.spec = spec
        self._around = around
        self._changed = changed
        self._facts = Facts()
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._news = asyncio.Event()
        self._process: ViewerProcess | None = None
        self._ending: asyncio.Task[None] | None = None  # done when the process's end has been noted
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = around.places.sockets / f"{spec.job_id}-{spec.attempt}.sock"
        self._work: Path | None = None
        self._course = asyncio.create_task(self._run())

    @property
    def seen(self) -> Seen:
        """As of now."""
        facts = self._facts
        phase = course.phase_of(facts)
        reachable = phase in {Phase.STARTING, Phase.READY, Phase.RECOVERING}
        return Seen(
            phase=phase,
            attempt=self.spec.attempt,
            revision=self.spec.revision,
            ready_at=facts.ready_at,
            endpoint=Endpoint(socket=str(self._socket)) if reachable else None,
            end=facts.failure.end if phase is Phase.FAILED and facts.failure else None,
            reason=course.reason_of(facts),
            source=facts.mirror.progress if facts.mirror else None,
            starts=facts.starts,
        )

    @property
    def starts(self) -> int:
        """Processes started."""
        return self._facts.starts

    @property
    def crashes(self) -> int:
        """Processes that ended by themselves."""
        return self._facts.crash_count

    def logs(self, tail: int) -> Sequence[str]:
        """The last lines, oldest first."""
        return list(self._log)[-tail:] if tail > 0 else []

    def stop(self) -> asyncio.Task[None]:
        """Begin to end it; the task is done when nothing of it is left. Repeatable."""
        if not self._facts.stopping:
            self._note(replace(self._facts, stopping=True))
        return self._course

    async def _run(self) -> None:
        """Until stopped. A viewer that has failed keeps its log and its reason, and nothing else."""
        viewer = self._around.viewer_types.get(self.spec.viewer_type)
        if viewer is None:
            self._note(course.refused(self._facts, _unknown_viewer(self.spec.viewer_type, self._around.viewer_types)))
        else:
            await self._show(viewer)
        while not self._facts.stopping:
            await self._wait(None)

    async def _show(self, viewer: ViewerType) -> None:
        mirror: Mirror | None = None
        listener: socket.socket | None = None
        try:
            listener = listening_socket(self._socket)
            mirror = self._around.mirrors.open(self.spec.project_id, self.spec.location, viewer)
            self._begin(self._follow(mirror))
            await self._steer(viewer, mirror, listener)
        except Exception as error:
            log.exception("job %d: its viewer can't be supervised", self.spec.job_id)
            self._note(course.refused(self._facts, _refusal(error)))
        finally:
            await self._clear_away(mirror, listener)

    async def _steer(self, viewer: ViewerType, mirror: Mirror, listener: socket.socket) -> None:
        while self._facts.failure is None and not self._facts.stopping:
            step = course.next_step(self._facts, self._around.clock())
            match step.act:
                case Act.LAUNCH:
                    await self._launch(viewer, mirror, listener)
                case Act.LOAD:
                    self._load()
                case Act.CHECK:
                    self._facts = replace(self._facts, checking=True)
                    self._begin(self._check(viewer))
                case Act.KILL:
                    self._log.append("It does not answer any more and is ended.")
                    await self._end_process()
                case None:
                    seconds = (step.look_at - self._around.clock()).total_seconds() if step.look_at else None
                    await self._wait(seconds)

    async def _launch(self, viewer: ViewerType, mirror: Mirror, listener: socket.socket) -> None:
        self._work = self._around.places.work / f"{self.spec.job_id}-{self.spec.attempt}-{self._facts.starts}"
        make_private(self._work)
        try:
            self._process = await start_process(
                self._around.launcher, self._around.children, viewer.program, listener, self._hear_event, self._hear_log
            )
        except OSError as error:
            log.warning("job %d: no process can be started: %s", self.spec.job_id, error)
            self._note(course.refused(self._facts, _refusal(error)))
            return
        show = Show(folder=str(mirror.folder), path_prefix=self.spec.path_prefix, work=str(self._work))
        self._process.send(show)
        self._note(course.launched(self._facts))
        self._ending = self._begin(self._await_end(self._process, self._work))

    def _load(self) -> None:
        if self._process is not None:
            self._process.send(Command(do=Do.LOAD))
        self._note(course.load_sent(self._facts, self._around.clock()))

    async def _check(self, viewer: ViewerType) -> None:
        asked = self._process
        alive = await answers(self._socket, self.spec.path_prefix + viewer.liveness_path)
        if asked is self._process:
            self._note(course.checked(self._facts, alive, self._around.clock()))

    async def _await_end(self, process: ViewerProcess, work: Path) -> None:
        await process.finish()
        shutil.rmtree(work, ignore_errors=True)
        self._process = None
        if self._facts.stopping or self._facts.failure:
            return
        words = self._safe(self._log[-1] if self._log else "")
        log.warning("job %d: its viewer ended by itself: %s", self.spec.job_id, words)
        jitter = random.uniform(0.5, 1)  # noqa: S311 - spreads retries
        self._note(course.crashed(self._facts, self._around.clock(), last_line=words, jitter=jitter))

    async def _follow(self, mirror: Mirror) -> None:
        state = mirror.state
        while True:
            self._note(course.mirror_changed(self._facts, state, self._around.clock()))
            state = await mirror.differs_from(state)

    async def _end_process(self) -> None:
        if self._process is not None and self._ending is not None:
            await self._process.end()
            await self._ending

    async def _clear_away(self, mirror: Mirror | None, listener: socket.socket | None) -> None:
        await self._end_process()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket.unlink(missing_ok=True)
        if listener is not None:
            listener.close()
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)
        if mirror is not None:
            await mirror.close()

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    def _note(self, facts: Facts) -> None:
        before, self._facts = self.seen, facts
        self._news.set()
        if self.seen != before:
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
            log.error("job %d: its viewer can't be supervised", self.spec.job_id, exc_info=error)
            self._note(course.refused(self._facts, _refusal(error)))

    def _hear_event(self, line: bytes) -> None:
        try:
            event = msgspec.json.decode(line, type=Event)
        except msgspec.DecodeError:
            self._hear_log(line)
            return
        self._note(course.told(self._facts, replace(event, text=self._safe(event.text))))

    def _hear_log(self, line: bytes) -> None:
        if text := line.decode(errors="replace").rstrip():
            self._log.append(text)

    def _safe(self, line: str) -> str:
        return course.safe_words(line, str(self._work))


def _unknown_viewer(name: str, known: Mapping[str, ViewerType]) -> Reason:
    text = f"This viewer host has no viewer called {name[:64]!r}. It has: {', '.join(sorted(known))}."
    return Reason(code=ReasonCode.VIEWER_MISSING, text=text)


def _refusal(error: BaseException) -> Reason:
    why = course.safe_words(str(error)) or type(error).__name__
    return Reason(code=ReasonCode.VIEWER_MISSING, text=f"The viewer could not be started: {why}. Ask the operator.")
