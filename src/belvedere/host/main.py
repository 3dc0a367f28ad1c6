"""Runs a viewer host: one per data folder, until nobody wants it any more."""

import asyncio
import contextlib
import fcntl
import functools
import gc
import logging
import os
import resource
import secrets
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web

from belvedere import __version__
from belvedere.host.app import ControlApi
from belvedere.host.children import Children, become_subreaper, kill_recorded
from belvedere.host.groups import Groups, open_groups
from belvedere.host.host import Host
from belvedere.host.lately import Lately
from belvedere.host.launching import ColdLauncher, FirstOpenLauncher
from belvedere.host.memory import default_budget
from belvedere.host.mirroring import Mirrors
from belvedere.host.mirrors import FolderMirrors
from belvedere.host.places import Places, listening_socket, make_empty, make_private, places
from belvedere.host.protocol import PROTOCOL, HostInfo
from belvedere.host.room import Room
from belvedere.host.sparing import spare_memory
from belvedere.host.supervisor import Surroundings
from belvedere.host.walls import Confining, Walls, lacks_here, users_here
from belvedere.host.warming import WarmLauncher
from belvedere.lifecycle.clock import utc_now
from belvedere.sources.base import LogSource
from belvedere.sources.location import Location
from belvedere.sources.opening import open_source, source_identity
from belvedere.sources.stores import ObjectStore
from belvedere.viewers.base import Program, ViewerType
from belvedere.viewers.environments import Environments, NotInstalled, default_viewers_folder
from belvedere.viewers.registry import viewer_types
from belvedere.viewers.sandbox import Facet

log = logging.getLogger(__name__)

ORPHAN_GRACE = 600.0  # seconds without a question after which nobody wants the viewers
POLL_SECONDS = 5.0
LOG_BYTES = 2 << 20
GOODBYE = 1.0  # seconds that open requests have to end


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a host has for its viewers."""

    warm: bool
    memory_budget: int
    mirror_quota: int
    environments: Environments
    groups: Groups | None
    walls: Walls


def run_host(
    data: Path,
    *,
    orphan_grace: float = ORPHAN_GRACE,
    poll_seconds: float = POLL_SECONDS,
    warm: bool = True,
    room: Room = Room(),  # noqa: B008 - a value that never changes
    viewers_folder: Path | None = None,
    control_groups: bool = True,
    confining: Confining = Confining(),  # noqa: B008 - a value that never changes
) -> int:
    """Run the host of a data folder until it is told to end or orphaned; an exit status.

    0: it ran, or another host of this folder runs already. `poll_seconds`: between two looks at a log source that
    changes. `warm`: keep warm parents. `room`: how much it may take.
    `viewers_folder`: where viewers' own environments lie; None: the user's. `control_groups`: let the kernel keep
    viewers within their memory, where it can. 1: viewers can't be confined as they have to be.
    """
    spare_memory()
    gc.freeze()  # what was imported stays: no collection has to look at it again
    os.umask(0o022)  # what viewers are to see must be readable by them; nobody else gets into our folders
    where = places(data)
    make_private(where.home)
    with _only_one(where.home / "host.lock") as alone:
        if not alone:
            return 0
        with _log_file(where.home / "host.log"):
            _clear_leftovers(where)
            _raise_file_limit()
            become_subreaper()
            walls = _walls(where, confining)
            if walls is None:
                return 1
            groups = open_groups(where.name, where.groups) if control_groups else None
            means = Means(
                warm=warm,
                memory_budget=room.memory or default_budget(),
                mirror_quota=room.mirrors,
                environments=Environments(viewers_folder or default_viewers_folder(os.environ)),
                groups=groups,
                walls=walls,
            )
            uvloop.run(_run(where, orphan_grace, poll_seconds, means))
            if groups is not None:
                groups.close()
            shutil.rmtree(where.run, ignore_errors=True)
    return 0


def _walls(where: Places, confining: Confining) -> Walls | None:
    """How viewers are confined; None if that is less than it has to be. The log has what is lacking."""
    users, strict = users_here(confining.users), confining.required
    found = lacks_here(users)
    if not found.reasons:
        log.info("viewers are wholly confined")
    else:
        log.log(logging.ERROR if strict else logging.WARNING, "viewers lack walls: %s", found)
        if strict:
            return None
    hidden = tuple(sorted({str(where.home.parent), str(where.run)}))
    return Walls(hidden=hidden, users=users if found.has(Facet.USER) else None, strict=strict)


async def _run(where: Places, orphan_grace: float, poll_seconds: float, means: Means) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stores: dict[str, ObjectStore] = {}

    def put_stores(new: list[ObjectStore]) -> None:
        stores.clear()
        stores.update({store.key: store for store in new})
        mirrors.renew_sources()

    mirrors = _mirrors(where, stores, poll_seconds, means.mirror_quota)
    async with _host(where, mirrors, means) as host:
        api = ControlApi(host, _introduction(host), put_stores, stop.set)
        server = await _serve(api, where.control_socket)
        log.info("host %s is up, pid %d", __version__, os.getpid())
        await _until_unwanted(api, orphan_grace, stop)
        log.info("host ends; viewers: %d", len(host))
    await server.cleanup()


@contextlib.asynccontextmanager
async def _host(where: Places, mirrors: Mirrors, means: Means) -> AsyncIterator[Host]:
    """A host with all that it stands on; at the end nothing of it is left."""
    children = Children(where.processes, sweeps=True)
    viewers = functools.partial(viewer_types, means.environments)
    lately = Lately(where.lately)
    warm_launcher = WarmLauncher(children, _warm_from_the_start(viewers(), means.environments, lately))
    if means.warm:
        warm_launcher.start()
    host = Host(
        Surroundings(
            places=where,
            children=children,
            launcher=FirstOpenLauncher(warm_launcher, ColdLauncher()) if means.warm else ColdLauncher(),
            mirrors=mirrors,
            viewer_types=viewers,
            environments=means.environments,
            lately=lately,
            memory_budget=means.memory_budget,
            groups=means.groups,
            walls=means.walls,
        )
    )
    log.info("viewers are kept within their memory by %s", host.memory_limits)
    watch = asyncio.create_task(host.capacity.keep())
    try:
        yield host
    finally:
        watch.cancel()
        await host.close()
        await warm_launcher.close()
        await mirrors.close()
        await children.sweep()


def _warm_from_the_start(
    viewers: Mapping[str, ViewerType], environments: Environments, lately: Lately
) -> Iterator[Program]:
    """Those of our own environment, and those that were shown lately: a parent takes up to 130 MiB, so no others."""
    for viewer in sorted(viewers.values(), key=lambda viewer: viewer.environment is not None):
        if viewer.can_fork and (viewer.environment is None or lately.shown(viewer.name, time.time())):
            with contextlib.suppress(NotInstalled):
                yield environments.program_of(viewer)


def _mirrors(where: Places, stores: dict[str, ObjectStore], poll_seconds: float, quota: int) -> FolderMirrors:
    def open_location(location: Location) -> LogSource:
        return open_source(location, stores)

    def identify(location: Location) -> str:
        return source_identity(location, stores)

    folder = where.home / "mirrors"
    return FolderMirrors(folder, open_location, identify=identify, poll_seconds=poll_seconds, quota=quota)


def _introduction(host: Host) -> Callable[[], HostInfo]:
    host_id, started_at = secrets.token_hex(8), utc_now()
    return lambda: HostInfo(
        host_id=host_id,
        protocol=PROTOCOL,
        version=__version__,
        pid=os.getpid(),
        started_at=started_at,
        viewers=len(host),
        memory_limits=host.memory_limits,
    )


async def _serve(api: ControlApi, path: Path) -> web.AppRunner:
    runner = web.AppRunner(api.application(), handler_cancellation=True, shutdown_timeout=GOODBYE, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening_socket(path)).start()
    return runner


async def _until_unwanted(api: ControlApi, orphan_grace: float, stop: asyncio.Event) -> None:
    while not stop.is_set() and (left := orphan_grace - api.idle_seconds) > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(left, 0.05)):
                await stop.wait()
    if not stop.is_set():
        log.warning("nobody has asked for %.0f s; ending all viewers", orphan_grace)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[bool]:
    """Hold the lock of a data folder for the process's life; False if another process does."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.contextmanager
def _log_file(path: Path) -> Iterator[None]:
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _clear_leftovers(where: Places) -> None:
    """End what an earlier host of this folder left behind; we hold its lock, so it is gone."""
    if where.processes.is_dir():
        kill_recorded(where.processes)
    make_empty(where.run)
    for folder in (where.sockets, where.views, where.work, where.processes):
        make_private(folder)


def _raise_file_limit() -> None:
    """TensorBoard's data server keeps every event file open, and without room for them it silently shows nothing."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
