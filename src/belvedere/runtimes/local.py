"""Viewers on this machine: one viewer host per data folder, in a process of its own that outlives us."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from belvedere import __version__
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.places import make_private, places
from belvedere.host.protocol import PROTOCOL, Changes, HostInfo, HostMetrics, ViewerSpec
from belvedere.host.room import Room
from belvedere.host.walls import Confining
from belvedere.lifecycle.seen import ABSENT, Phase, Seen
from belvedere.runtimes.line import HostLine
from belvedere.runtimes.silence import Silence, killed_listener
from belvedere.sources.stores import ObjectStore
from belvedere.sources.wire import NotHttp

log = logging.getLogger(__name__)

START_LIMIT = 20.0  # seconds until a host that was started has to answer
END_LIMIT = 20.0  # seconds until one that was told to end has to be gone
ANSWER_LIMIT = 10.0  # seconds for an answer that needs no waiting
SILENCE_LIMIT = 20.0  # seconds after such a limit in which no other question is answered either: then it is hung
CHANGES_LIMIT = 40.0  # the host waits up to 25 s for a change
LOOK_PAUSE = 0.02  # seconds between two looks for a host that starts or ends
RETRY_PAUSE = 1.0  # seconds after a fault in `changes`
# What a host may know of its surroundings. Keys for stores come over its socket, never in here.
PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
FENCED = 409
MISDIRECTED = 421
MOST_IDS = 200  # in one question
UNREACHABLE = Reason(
    code=ReasonCode.RUNTIME_UNREACHABLE,
    text="The viewer host of this machine does not answer. It is tried again by itself; see host/host.log in the data "
    "folder if this lasts.",
)
UNKNOWN = Seen(phase=Phase.UNKNOWN, reason=UNREACHABLE)

Answer = TypeVar("Answer")
_Gone = (ConnectionError, FileNotFoundError)


class _Refused(Exception):
    """The host would not do it; the message says why."""


_Fault = (NotHttp, OSError, msgspec.DecodeError, _Refused)  # TimeoutError among them


class LocalRuntime:
    """The Runtime of one machine. Starts a host when there is something to run, and finds again the one that runs."""

    def __init__(
        self,
        data: Path,
        *,
        stores: Sequence[ObjectStore] = (),
        orphan_grace: float = 600,
        poll_seconds: float = 5,
        room: Room = Room(),  # noqa: B008 - a value that never changes
        viewers_folder: Path | None = None,
        control_groups: bool = True,
        confining: Confining = Confining(),  # noqa: B008 - a value that never changes
    ) -> None:
        """`orphan_grace`: seconds after which a host that nobody asks ends itself and its viewers.

        `poll_seconds`: how often its mirrors look for new logs. `room`: how much it may take.
        `viewers_folder`: where viewers' own environments lie; None: the user's.
        `control_groups`: keep each within its limit by these, where that can be. `confining`: how they are confined.
        They count for a host that we start.
        """
        self._data = data.resolve()
        self._places = places(data)
        self._stores = list(stores)
        self._options = ["--orphan-grace", str(orphan_grace), "--poll-seconds", str(poll_seconds)]
        self._options += ["--memory-budget", str(room.memory)] if room.memory else []
        self._options += ["--mirror-quota", str(room.mirrors)]
        self._options += ["--viewers-folder", str(viewers_folder)] if viewers_folder else []
        self._options += [] if control_groups else ["--no-control-groups"]
        self._options += ["--viewer-users", "{}-{}".format(*confining.users)] if confining.users else []
        self._options += ["--require-sandbox"] if confining.required else []
        self._line = HostLine(self._places.control_socket)
        self._greeted: str | None = None  # id of the host that we have met
        self._stores_told = False  # whether that host has our stores
        self._meeting = asyncio.Lock()
        self._silence = Silence(SILENCE_LIMIT)
        self._spawned: subprocess.Popen[bytes] | None = None
        self._closed = False

    async def ensure(self, spec: ViewerSpec) -> Seen:
        try:
            seen = await self._call("PUT", f"/v1/viewers/{spec.job_id}", Seen, body=spec, start=True)
        except _Fault as fault:
            return self._unreachable(fault)
        return seen or ABSENT

    async def use(self, job_ids: Collection[int]) -> None:
        try:
            if job_ids:
                await self._call("POST", "/v1/uses", dict[str, str], body=list(job_ids))
        except _Fault as fault:
            self._unreachable(fault)

    async def look(self, job_ids: Collection[int]) -> Mapping[int, Seen]:
        # More of them than fit a request's first line are most of them anyway.
        few = len(job_ids) <= MOST_IDS
        found = await self._look("?ids=" + ",".join(map(str, job_ids)) if few else "")
        if found is None:
            return dict.fromkeys(job_ids, UNKNOWN)
        return {job_id: found.get(job_id, ABSENT) for job_id in job_ids}

    async def look_at_all(self) -> Mapping[int, Seen] | None:
        return await self._look("")

    async def _look(self, query: str) -> Mapping[int, Seen] | None:
        try:
            return await self._call("GET", f"/v1/viewers{query}", dict[int, Seen]) or {}
        except _Fault as fault:
            self._unreachable(fault)
            return None

    async def remove(self, job_id: int) -> Seen:
        try:
            return await self._call("DELETE", f"/v1/viewers/{job_id}", Seen) or ABSENT
        except _Fault as fault:
            return self._unreachable(fault)

    async def logs(self, job_id: int, tail: int) -> Sequence[str]:
        try:
            return await self._call("GET", f"/v1/viewers/{job_id}/logs?tail={max(tail, 0)}", list[str]) or []
        except _Fault as fault:
            self._unreachable(fault)
            return []

    async def set_stores(self, stores: Sequence[ObjectStore]) -> None:
        self._stores = list(stores)
        self._stores_told = False
        try:
            await self._meet(start=False)
        except _Fault as fault:
            self._unreachable(fault)

    async def host(self) -> HostInfo | None:
        """The host that runs now; None if there is none that answers."""
        try:
            return await self._introduction()
        except _Fault as fault:
            self._unreachable(fault)
            return None

    async def metrics(self) -> HostMetrics | None:
        try:
            return await self._call("GET", "/v1/metrics", HostMetrics) or HostMetrics()
        except _Fault as fault:
            self._unreachable(fault)
            return None

    async def changes(self) -> AsyncIterator[Mapping[int, Seen | None] | None]:
        """Also keeps a host running, so that its warm parent is ready before the first job comes.

        One that dies breaks the question that waits there, so its successor is started at once.
        """
        after, before = 0, self._greeted
        while True:
            try:
                path = f"/v1/changes?after={after}"
                changes = await self._call("GET", path, Changes, start=True, limit=CHANGES_LIMIT)
                if changes is not None:
                    is_successor = before not in {None, self._greeted}
                    after, before = changes.cursor, self._greeted
                    told = {job_id: changes.seen.get(job_id) for job_id in changes.job_ids}
                    if told or is_successor:
                        yield None if is_successor else told
                    continue
            except _Fault as fault:
                self._unreachable(fault)
            await asyncio.sleep(RETRY_PAUSE * random.uniform(0.5, 1))  # noqa: S311 - spreads retries

    async def close(self, *, end_viewers: bool) -> None:
        self._closed = True
        try:
            if end_viewers:
                async with self._meeting:
                    await self._end_host()
        except _Fault as fault:
            self._unreachable(fault)
        finally:
            self._line.close()
            self._reap()

    async def _call(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        *,
        start: bool = False,
        body: object = None,
        limit: float | None = None,
    ) -> Answer | None:
        """Ask the host; None if there is none and none is wanted.

        The host that was met last is asked at once. If it has gone, or another one answers on its socket, that one is
        met and asked instead: all questions may be repeated.
        """
        if self._silence.lasts_too_long and not self._closed:
            await self._end_hung_host()
        if self._greeted and self._stores_told and not self._closed:
            with contextlib.suppress(*_Gone):
                return await self._ask(method, path, kind, body=body, limit=limit, host=self._greeted)
        if not await self._meet(start=start):
            return None
        return await self._ask(method, path, kind, body=body, limit=limit)

    async def _meet(self, *, start: bool) -> bool:
        """Have a host that speaks our protocol and has our stores; False if there is none and none is wanted."""
        async with self._meeting:
            if self._closed:
                raise ConnectionError("this runtime was closed")
            info = await self._introduction()
            if info is not None and self._is_outdated(info):
                log.warning("replacing a viewer host of version %s", info.version)
                await self._end_host()
                info = None
            if info is None:
                if not start:
                    return False
                info = await self._start_host()
            if info.host_id != self._greeted or not self._stores_told:
                self._stores_told = True  # unless they change once more while we tell them
                try:
                    await self._ask("PUT", "/v1/stores", dict[str, str], body=self._stores)
                except BaseException:
                    self._stores_told = False
                    raise
                self._greeted = info.host_id
        return True

    def _is_outdated(self, info: HostInfo) -> bool:
        """Whether it is of another version. One that we started never is: a new one would be the same."""
        return info.host_id != self._greeted and (info.protocol, info.version) != (PROTOCOL, __version__)

    async def _introduction(self) -> HostInfo | None:
        """Who answers on the socket; None if nobody listens there."""
        try:
            return await self._ask("GET", "/v1/host", HostInfo)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    async def _start_host(self) -> HostInfo:
        async with asyncio.timeout(START_LIMIT):
            while (info := await self._introduction()) is None:
                if self._spawned is None or self._spawned.poll() is not None:
                    self._spawned = self._spawn()  # again if it gave way to one that was about to end
                await asyncio.sleep(LOOK_PAUSE)
        return info

    def _spawn(self) -> subprocess.Popen[bytes]:
        """Start a host, detached from us. If another one has just been started, this one gives way to it."""
        make_private(self._places.home)
        command = [sys.executable, "-P", "-m", "belvedere.host", "--data", str(self._data)]
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        path = self._places.home / "host.err"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as errors:
            return subprocess.Popen(
                [*command, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )

    async def _end_hung_host(self) -> None:
        """Kill the host that has been silent for too long, unless it answers now. The next one ends what it leaves."""
        async with self._meeting:
            try:
                await self._introduction()
            except TimeoutError:
                await self._kill_host()
            self._silence.broken()

    async def _kill_host(self) -> None:
        gone = contextlib.suppress(ConnectionRefusedError, FileNotFoundError, ProcessLookupError)
        with gone, killed_listener(self._places.control_socket) as pidfd:
            log.warning("the viewer host does not answer any more; it is killed")
            await _readable(pidfd, END_LIMIT)
        self._reap()

    async def _end_host(self) -> None:
        """Tell the host to end, and wait until its process is gone; kill it if it does not answer."""
        try:
            info = await self._introduction()
        except TimeoutError:
            await self._kill_host()
            return
        pid = info.pid if info else self._starting_pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(pid)
            try:
                if info:
                    await self._ask("POST", "/v1/shutdown", dict[str, str])
                else:
                    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
                await _readable(pidfd, END_LIMIT)
            finally:
                os.close(pidfd)
        self._reap()

    def _starting_pid(self) -> int | None:
        """The host that we started and that does not answer yet; it has no viewers, but would wait for some."""
        return self._spawned.pid if self._spawned is not None and self._spawned.poll() is None else None

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        *,
        body: object = None,
        limit: float | None = None,
        host: str | None = None,
    ) -> Answer:
        """Ask whoever answers on the socket, or only the host of this id; listen to how long it is silent."""
        try:
            answer = await self._ask_once(method, path, kind, body=body, limit=limit or ANSWER_LIMIT, host=host)
        except TimeoutError:
            self._silence.noticed()
            raise
        self._silence.broken()
        return answer

    async def _ask_once(
        self, method: str, path: str, kind: type[Answer], *, body: object, limit: float, host: str | None
    ) -> Answer:
        data = None if body is None else msgspec.json.encode(body)
        told = await self._line.ask(method, path, data, host=host, limit=limit)
        if told.status == MISDIRECTED:
            raise ConnectionError("another viewer host has taken this one's place")
        if told.status not in {200, FENCED}:
            raise _Refused(f"{method} {path} gave {told.status}: {told.body[:500]!r}")
        return msgspec.json.decode(told.body, type=kind)

    def _reap(self) -> None:
        """Take note of the end of a host that we started. One that lives on is no longer ours to wait for."""
        if self._spawned is not None and self._spawned.poll() is None:
            self._spawned.returncode = 0  # it is meant to outlive us, so its destructor has nothing to warn of
        self._spawned = None

    def _unreachable(self, fault: BaseException) -> Seen:
        log.warning("viewer host can't be asked: %s: %s", type(fault).__name__, fault)
        return UNKNOWN


async def _readable(descriptor: int, limit: float) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        async with asyncio.timeout(limit):
            await ready.wait()
    finally:
        loop.remove_reader(descriptor)
