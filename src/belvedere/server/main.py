"""The composition root: the rooms meet here, start in order, and end in the reverse order."""

import asyncio
import contextlib
import fcntl
import gc
import os
import resource
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path

import msgspec
import structlog
import uvloop

from belvedere import __version__
from belvedere.contract.errors import Unavailable
from belvedere.host.room import Room
from belvedere.host.sparing import spare_memory
from belvedere.host.walls import Confining, parse_users, what_is_lacking
from belvedere.identity.crowds import Crowd
from belvedere.identity.gatekeeper import SIGN_IN_TICKET_LIFE
from belvedere.identity.passes import Passes
from belvedere.identity.records import Principal, SecretKind
from belvedere.lifecycle.clock import utc_now
from belvedere.reconciler.loop import Reconciler
from belvedere.runtimes.board import Board
from belvedere.runtimes.local import LocalRuntime
from belvedere.server.apps import (
    Parts,
    build_edge,
    build_gateway,
    build_jobs,
    build_log_stores,
    build_oidc,
    build_shares,
    default_quotas,
    rates_of,
    spec_builder,
    token_rules,
)
from belvedere.server.audit_keeping import AuditFile, prune_now_and_then
from belvedere.server.bootstrap import ADMINISTRATOR, Bootstrap, ensure_bootstrap
from belvedere.server.locating import Locator
from belvedere.server.logs import configure_logging
from belvedere.server.metrics import Metrics
from belvedere.server.serving import heed_signals, listen, serving_all, serving_asgi, serving_gateway
from belvedere.server.settings import Settings, SettingsError
from belvedere.server.store_keys import open_sealer
from belvedere.server.tls import Certificate
from belvedere.server.uses import Uses
from belvedere.service.audit import Auditor
from belvedere.service.log_stores import StoreCatalog
from belvedere.service.people import people
from belvedere.service.quotas import QuotaService
from belvedere.service.strangers import Strangers
from belvedere.store.opening import StoreError, Stores, open_store

GARBAGE = 10_000  # objects made, and not freed, until those are looked over: a request makes a thousand, and frees all
OWNER = "local"  # of claims: one service process works on a SQLite database

LITTLE_DISK = 16 << 20  # bytes; with less a database can hardly begin
_NO_KEY_OPENS = "no key opens its secret; see store_key in the settings"

_log = structlog.get_logger("belvedere.server")


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a started service is to be found. `sign_in_url` is a secret, good for one use within the hour."""

    version: str
    api_origin: str
    viewer_origin: str
    bootstrap_file: Path
    sign_in_url: str


Announce = Callable[[Announcement], None]


def run_service(settings: Settings, *, announce: Announce, cautions: Sequence[str] = ()) -> int:
    """Run the service until a signal ends it; the exit status. Raises SettingsError and AddressInUse.

    `cautions`: what the operator should know of the settings; they are logged.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold tokens and keys; whatever we start inherits it
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # each connection is one
    settle_memory()
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    for text in cautions:
        _log.warning("caution", text=text)
    _check_walls(settings)
    data = _prepared(settings.data_folder)
    with _only_one(data), _sockets(settings) as (api_socket, viewer_socket):
        uvloop.run(_serve(settings, data, api_socket, viewer_socket, announce))
    return 0


def settle_memory() -> None:
    """Once everything is imported."""
    spare_memory()
    gc.freeze()  # what was imported stays: no collection has to look at it again
    gc.set_threshold(GARBAGE)


def _check_walls(settings: Settings) -> None:
    """Refuse to start where viewers can't be confined as they have to be. Raises SettingsError."""
    if settings.require_sandbox and (lacking := what_is_lacking(parse_users(settings.viewer_users))):
        raise SettingsError(f"require_sandbox is set, but viewers lack walls here. {lacking}. See belvedere doctor.")


async def _serve(
    settings: Settings, data: Path, api_socket: socket.socket, viewer_socket: socket.socket, announce: Announce
) -> None:
    signalled = heed_signals()  # first of all: whatever has been started by then, a signal ends it in order
    certificate = _certificate(settings)
    async with _stores(data) as stores:
        parts, bootstrap = await _set_up(settings, data, stores)
        for access_key in await parts.people.ring.renew():
            _log.error("access-key-unusable", access_key=access_key, why=_NO_KEY_OPENS)
        for name in await parts.log_stores.start():
            _log.error("log-store-unusable", name=name, why=_NO_KEY_OPENS)
        tls = certificate.context if certificate else None
        crowd = Crowd(settings.address_connections, settings.proxies)
        api = serving_asgi(build_edge(parts, bootstrap.project_id), api_socket, tls, crowd)
        gateway = serving_gateway(build_gateway(parts), viewer_socket, tls, crowd)
        following = (certificate.follow(),) if certificate else ()
        background = (parts.reconciler.run(), parts.uses.run(), *following, *_audit_keepers(settings, stores))
        async with contextlib.AsyncExitStack() as stack:
            for work in background:
                await stack.enter_async_context(_working(work))
            await stack.enter_async_context(serving_all(api, gateway))
            announce(await _announcement(settings, data, parts, bootstrap))
            _log.info("started", **_places(settings, data))
            came = await signalled()
            _log.info("stopping", signal=came.name, viewers_end=came is signal.SIGINT)
        await parts.runtime.close(end_viewers=came is signal.SIGINT)
    _log.info("stopped")


def _parts(settings: Settings, data: Path, stores: Stores) -> Parts:
    board, metrics = Board(), Metrics(__version__)
    sealer = open_sealer(settings, data)
    catalog = StoreCatalog(stores.log_stores, sealer, list(settings.object_stores.values()))
    locator = Locator(settings, catalog)
    runtime = LocalRuntime(
        data,
        orphan_grace=settings.orphan_grace,
        poll_seconds=settings.poll_seconds,
        room=Room(memory=settings.memory_budget_bytes, mirrors=settings.mirror_quota_bytes),
        viewers_folder=settings.environments.folder,
        control_groups=settings.control_groups,
        confining=Confining(users=parse_users(settings.viewer_users), required=settings.require_sandbox),
    )
    audit, rates = Auditor(stores.audit, utc_now), rates_of(settings)
    quotas = QuotaService(stores.quotas, stores.jobs, stores.identities, default_quotas(settings), audit)
    reconciler = Reconciler(
        stores.jobs,
        runtime,
        board,
        clock=utc_now,
        spec_of=spec_builder(settings, locator, quotas.of),
        quota_of=quotas.running_jobs,
        owner=OWNER,
    )
    quotas.on_change(reconciler.quotas_changed)
    those = people(stores.identities, sealer, utc_now, token_rules(settings), audit)
    passes = Passes(stores.passes, those.gatekeeper)
    jobs = build_jobs(settings, stores.jobs, runtime, board, passes, reconciler.hint, locator, audit)
    return Parts(
        settings=settings,
        stores=stores,
        board=board,
        runtime=runtime,
        reconciler=reconciler,
        people=those,
        audit=audit,
        quotas=quotas,
        passes=passes,
        shares=build_shares(settings, stores.shares, passes, jobs, audit),
        jobs=jobs,
        log_stores=build_log_stores(settings, stores.log_stores, catalog, runtime, audit),
        oidc=build_oidc(settings, stores.identities, sealer, those, audit),
        rates=rates,
        strangers=Strangers(rates, stores.identities.find_key, audit, observe=metrics.observe_stranger),
        metrics=metrics,
        uses=Uses(runtime, board),
    )


def _places(settings: Settings, data: Path) -> dict[str, str]:
    places = {"api": settings.api_origin, "viewers": settings.viewer_origin}
    return {"version": __version__, **places, "first_identity": str(data / "bootstrap.json")}


async def _set_up(settings: Settings, data: Path, stores: Stores) -> tuple[Parts, Bootstrap]:
    """What writes into the data folder for the first time."""
    try:
        parts = _parts(settings, data, stores)
        return parts, await _bootstrap(settings, data, parts)
    except (OSError, Unavailable) as error:
        raise SettingsError(_full(data) or f"The data folder {data} can't be used: {error}.") from error


async def _bootstrap(settings: Settings, data: Path, parts: Parts) -> Bootstrap:
    return await ensure_bootstrap(
        data / "bootstrap.json",
        parts.stores.identities,
        parts.people.gatekeeper,
        parts.people.ring,
        clock=utc_now,
        api_origin=settings.api_origin,
        viewer_origin=settings.viewer_origin,
    )


async def _announcement(settings: Settings, data: Path, parts: Parts, bootstrap: Bootstrap) -> Announcement:
    principal = Principal(user=ADMINISTRATOR, project_id=bootstrap.project_id)
    ticket = await parts.people.gatekeeper.issue(SecretKind.TICKET, principal, utc_now(), SIGN_IN_TICKET_LIFE)
    return Announcement(
        version=__version__,
        api_origin=settings.api_origin,
        viewer_origin=settings.viewer_origin,
        bootstrap_file=data / "bootstrap.json",
        sign_in_url=f"{settings.api_origin}/sign-in?ticket={ticket}",
    )


def _certificate(settings: Settings) -> Certificate | None:
    """The certificate, which is renewed when its files change, and at once by a SIGHUP."""
    if not settings.tls_cert:
        return None
    certificate = Certificate(Path(settings.tls_cert).expanduser(), Path(settings.tls_key).expanduser())
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, certificate.renew)
    return certificate


def _audit_keepers(settings: Settings, stores: Stores) -> Iterator[Coroutine[None, None, None]]:
    if settings.audit_days:
        yield prune_now_and_then(stores.audit, utc_now, settings.audit_days)
    if settings.audit_path:
        yield AuditFile(stores.audit, settings.audit_path).run()


@contextlib.asynccontextmanager
async def _stores(data: Path) -> AsyncIterator[Stores]:
    try:
        stores = await asyncio.to_thread(open_store, data / "belvedere.db")
    except StoreError as error:
        raise SettingsError(_full(data) or str(error)) from error
    try:
        yield stores
    finally:
        await asyncio.to_thread(stores.close)


@contextlib.asynccontextmanager
async def _working(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let it work in the background while the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def _sockets(settings: Settings) -> Iterator[tuple[socket.socket, socket.socket]]:
    with contextlib.ExitStack() as stack:
        api = stack.enter_context(listen(settings.host, settings.port, "port"))
        viewers = stack.enter_context(
            listen(settings.viewer_host or settings.host, settings.viewer_port, "viewer-port")
        )
        yield api, viewers


def _prepared(data: Path) -> Path:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        data.chmod(0o700)
    except OSError as error:
        raise SettingsError(
            f"The data folder {data} can't be used: {error.strerror}. Name another by --data."
        ) from error
    return data


def _full(data: Path) -> str:
    """A sentence if the disk is as good as full, which a database may tell as any kind of error."""
    free = shutil.disk_usage(data).free
    if free >= LITTLE_DISK:
        return ""
    return (
        f"The disk of the data folder {data} is full: {free / 2**20:.1f} MiB are left. Make room there, or name a "
        "folder on another disk by --data."
    )


@contextlib.contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Hold the data folder: two services on one SQLite database would reconcile against each other."""
    with os.fdopen(os.open(data / "serve.lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(f"Another Belvedere already uses {data}. Stop it, or name another folder.") from error
        yield
