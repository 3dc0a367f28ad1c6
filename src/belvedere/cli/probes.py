"""Looks at this machine for `belvedere doctor`. No judgement here; `diagnosis` has that."""

import asyncio
import contextlib
import os
import platform
import resource
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import msgspec
import tensorboard_data_server  # type: ignore[import-untyped]

import belvedere
from belvedere.cli.connection import Connection
from belvedere.cli.diagnosis import DataServer, Disk, Kernel, Port, Viewer
from belvedere.client import Client, ClientError, ListQuery
from belvedere.contract.errors import BelvedereError, LogSourceRefused
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.groups import offered
from belvedere.runtimes.local import LocalRuntime
from belvedere.server.settings import Settings
from belvedere.sources.base import SourceError
from belvedere.sources.checking import check, explained, locate
from belvedere.sources.location import Location, ObjectLocation
from belvedere.sources.opening import open_source
from belvedere.viewers import installing
from belvedere.viewers.base import Environment, ViewerType
from belvedere.viewers.environments import Environments
from belvedere.viewers.registry import viewer_types

_PATIENCE = 5.0  # seconds
# A create would wait for the store; a doctor looks for what has to be done.
_OF_STORES = frozenset({ReasonCode.SOURCE_UNREACHABLE, ReasonCode.SOURCE_ERROR})
_NO_BUCKET = "belvedere-doctor-asks-for-no-bucket"


def data_server() -> DataServer:
    """TensorBoard's Rust data server, started once for its version."""
    path = tensorboard_data_server.server_binary()
    if path is None or not Path(path).exists():
        return DataServer(path=None, machine=platform.machine())
    return DataServer(path=path, machine=platform.machine(), fault=_fault_of_starting(path))


def _fault_of_starting(path: str) -> str:
    try:
        subprocess.run([path, "--version"], check=True, capture_output=True, timeout=_PATIENCE)
    except (OSError, subprocess.SubprocessError) as error:
        return error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return ""


def file_limit() -> int | None:
    """How many files a process here may open at most; None without a limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def disk(folder: Path) -> Disk:
    """The folder, or the nearest one above it that exists."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return Disk(folder=str(folder), writable=_can_be_written(there), free=shutil.disk_usage(there).free)


def _can_be_written(folder: Path) -> bool:
    """Try it: root's rights say nothing about read-only and made-up file systems. Nothing stays behind."""
    try:
        Path(tempfile.mkdtemp(prefix=".belvedere-doctor-", dir=folder)).rmdir()
    except OSError:
        return False
    return True


def port(setting: str, host: str, number: int) -> Port:
    """Try to listen there."""
    address = f"{host}:{number}"
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            listener.listen(1)
    except OSError as error:
        return Port(setting=setting, address=address, fault=error.strerror or str(error))
    return Port(setting=setting, address=address)


def kernel() -> Kernel:
    """Try pidfd_open; read what is said about user namespaces."""
    most = _number(Path("/proc/sys/user/max_user_namespaces"), 0)
    allowed = _number(Path("/proc/sys/kernel/unprivileged_userns_clone"), 1)  # Debian's own switch
    restricted = _number(Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"), 0)  # Ubuntu's
    return Kernel(pidfd=_has_pidfd(), user_namespaces=most > 0 and allowed == 1 and restricted == 0)


def memory_limits_of_host(data: Path) -> str | None:
    """What keeps viewers within their memory, as the host of this data folder says; None without one."""

    async def ask() -> str | None:
        runtime = LocalRuntime(data)
        try:
            info = await runtime.host()
        finally:
            await runtime.close(end_viewers=False)
        return info.memory_limits if info else None

    return asyncio.run(ask())


def memory_limits_here(settings: Settings) -> str:
    """What a host started from here would probably say."""
    version = offered() if settings.control_groups else None
    return f"cgroup v{version}" if version else "watching"


def _has_pidfd() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def _number(path: Path, otherwise: int) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return otherwise


def viewers(environments: Environments) -> list[Viewer]:
    """Those with environments of their own."""
    return [
        _viewer(viewer, viewer.environment, environments)
        for viewer in viewer_types(environments).values()
        if viewer.environment
    ]


def _viewer(viewer: ViewerType, environment: Environment, environments: Environments) -> Viewer:
    found = Viewer(name=environment.name, version=environments.version_of(viewer))
    python = environments.python_of(environment.name)
    try:
        if python:
            installing.check(python, environment)
    except installing.InstallFailed as failed:
        fault, *_ = str(failed).partition("\n  ")  # what helps is said in the diagnosis
        return msgspec.structs.replace(found, fault=fault, is_stale=_is_stale(viewer, environments))
    return found


def _is_stale(viewer: ViewerType, environments: Environments) -> bool:
    with contextlib.suppress(installing.InstallFailed):
        return installing.is_stale(environments, viewer)
    return False


def is_checkout() -> bool:
    """Whether this is a checkout, with the tests that need a browser, rather than an installed package."""
    return (Path(belvedere.__file__).parents[2] / "tests" / "e2e").is_dir()


def chromium() -> str | None:
    """Path of a Chromium."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def store(name: str, settings: Settings) -> Reason | None:
    """The store's answer to a signed request for a bucket that doesn't exist."""
    return _probe(ObjectLocation(store=name, bucket=_NO_BUCKET, prefix=""), settings)


def train_url(text: str, settings: Settings) -> tuple[str | None, bool]:
    """What is wrong with this log location, and whether a create would be refused for it; None if nothing is."""
    roots = [str(Path(root).expanduser().absolute()) for root in settings.log_root]
    stores = {store.key: store for store in settings.object_stores.values()}

    async def look() -> Reason | None:
        location = await locate(text, log_roots=roots, stores=list(stores))
        try:
            return await check(location, stores, _PATIENCE)
        except LogSourceRefused as refused:
            raise explained(refused, location, text, roots) from refused

    try:
        answer = asyncio.run(look())
    except BelvedereError as error:
        return error.message, True
    return (answer.text, answer.code in _OF_STORES) if answer else (None, False)


def _probe(location: Location, settings: Settings) -> Reason | None:
    async def probe() -> None:
        source = open_source(location, settings.object_stores)
        try:
            await source.probe()
        finally:
            await source.close()

    try:
        asyncio.run(probe())
    except SourceError as error:
        return error.reason
    return None


def service(connection: Connection) -> ClientError | None:
    """Why the service doesn't answer; None if it does."""
    try:
        with Client(
            connection.endpoint, connection.project_id, connection.token, timeout=_PATIENCE, retry_pauses=()
        ) as client:
            client.page(ListQuery(page_size=1))
    except ClientError as error:
        return error
    return None
