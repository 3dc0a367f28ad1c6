"""What a look at the machine means for the service: a level, a sentence, a remedy. Pure."""

import sys
from enum import StrEnum

import msgspec

from belvedere.cli.session import UNTRUSTED_REMEDY
from belvedere.client import ClientError, Untrusted
from belvedere.contract.reasons import Reason, ReasonCode

PYTHON = (3, 11)
FEW_FILES = 1024  # with so few, TensorBoard shows nothing of a folder with a thousand runs, and says nothing about it
ENOUGH_FILES = 16384  # one for each run and some more: 10,000 runs took 10,008
LITTLE_DISK = 200 * 10**6  # bytes; below that not even the database is safe
ENOUGH_DISK = 5 * 10**9  # bytes; mirrors hold the event files of object stores


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    INFO = "info"  # good to know; nothing to do
    WARN = "warn"  # works, but worse than it could
    FAIL = "fail"  # doesn't work


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the diagnosis."""

    check: str
    level: Level
    text: str
    remedy: str = ""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All findings; `healthy` if none of them is a failure."""

    healthy: bool
    findings: list[Finding]


class DataServer(msgspec.Struct, frozen=True, kw_only=True):
    """TensorBoard's Rust data server as found. `fault`: why it doesn't start."""

    path: str | None
    machine: str  # as uname -m says
    fault: str = ""


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """The data folder's place. `writable`: the folder, or where it is to be made."""

    folder: str
    writable: bool
    free: int  # bytes


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A port that the service wants. `fault`: why it can't be listened on."""

    setting: str
    address: str
    fault: str = ""


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer with an environment of its own. `fault`: why it doesn't show what it should."""

    name: str
    version: str | None  # None: it is not installed
    fault: str = ""
    is_stale: bool = False  # installing makes it anew


class Kernel(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel offers."""

    pidfd: bool
    user_namespaces: bool


def diagnosis(findings: list[Finding]) -> Diagnosis:
    """The findings and what they come to."""
    return Diagnosis(healthy=all(finding.level is not Level.FAIL for finding in findings), findings=findings)


def of_python(version: tuple[int, int]) -> Finding:
    """Whether this Python will do."""
    text = f"Python {version[0]}.{version[1]}"
    if version < PYTHON:
        return Finding(check="python", level=Level.FAIL, text=text, remedy="Use Python 3.11 or later.")
    return Finding(check="python", level=Level.OK, text=text)


def of_data_server(found: DataServer) -> Finding:
    """Whether logs will be read by TensorBoard's fast loader."""
    check = "data server"
    if found.path is None:
        on_arm = found.machine in {"aarch64", "arm64"}
        why = "the package for ARM is empty" if on_arm else "the package tensorboard-data-server brings none here"
        remedy = (
            "Large logs take minutes: prefer an x86-64 machine." if on_arm else "Reinstall tensorboard-data-server."
        )
        text = f"TensorBoard's fast loader is missing ({why}); the slow one in Python will be used"
        return Finding(check=check, level=Level.WARN, text=text, remedy=remedy)
    if found.fault:
        remedy = "Reinstall tensorboard-data-server; see that its folder isn't mounted noexec."
        return Finding(check=check, level=Level.FAIL, text=f"{found.path} does not start: {found.fault}", remedy=remedy)
    return Finding(check=check, level=Level.OK, text="TensorBoard's fast loader starts")


def of_file_limit(hard: int | None) -> Finding:
    """Whether a viewer may open as many files as a big folder has. None: without limit."""
    text = f"a viewer may open {hard:,} files" if hard is not None else "a viewer may open any number of files"
    if hard is None or hard >= ENOUGH_FILES:
        return Finding(check="file limit", level=Level.OK, text=text)
    remedy = f"Raise the hard limit: LimitNOFILE={ENOUGH_FILES} for systemd, or /etc/security/limits.conf."
    level = Level.FAIL if hard < FEW_FILES else Level.WARN
    return Finding(
        check="file limit", level=level, text=f"{text}, of folders with more runs it shows none", remedy=remedy
    )


def of_disk(disk: Disk) -> Finding:
    """Whether the data folder can be used."""
    check, free = "data folder", f"{disk.folder}, {disk.free / 10**9:.1f} GB free"
    if not disk.writable:
        remedy = "Name another by --data, or give this user the right to write there."
        return Finding(check=check, level=Level.FAIL, text=f"{disk.folder} can't be written to", remedy=remedy)
    if disk.free < ENOUGH_DISK:
        level = Level.FAIL if disk.free < LITTLE_DISK else Level.WARN
        return Finding(check=check, level=level, text=free, remedy="Make room, or name a folder on another disk.")
    return Finding(check=check, level=Level.OK, text=free)


def of_port(port: Port, service_runs: bool) -> Finding:
    """Whether the port can be had, or is held by the service itself."""
    if not port.fault:
        return Finding(check=port.setting, level=Level.OK, text=f"{port.address} is free")
    if service_runs:
        return Finding(
            check=port.setting, level=Level.OK, text=f"{port.address} is held, by the service that runs here"
        )
    option = "--" + port.setting.replace(" ", "-")
    text = f"{port.address} can't be had: {port.fault}"
    return Finding(check=port.setting, level=Level.FAIL, text=text, remedy=f"Choose another by {option}.")


def of_kernel(kernel: Kernel) -> Finding:
    """What of the kernel's newer means there is."""
    words = {"pidfd": kernel.pidfd, "unprivileged user namespaces": kernel.user_namespaces}
    text = ", ".join(f"{name}: {'yes' if there else 'no'}" for name, there in words.items())
    return Finding(check="kernel", level=Level.INFO, text=text)


def of_walls(lacking: str, *, required: bool) -> Finding:
    """Whether viewers are wholly confined. `lacking`: the walls that they lack, each with its reason."""
    if not lacking:
        return Finding(check="sandbox", level=Level.OK, text="viewers are wholly confined")
    remedy = "Allow user namespaces, or run the service as root with CAP_SYS_ADMIN; see docs/explanation/sandbox.md."
    level = Level.FAIL if required else Level.WARN
    return Finding(check="sandbox", level=level, text=f"viewers lack walls. {lacking}", remedy=remedy)


def of_memory_limits(kept_by: str, *, running: bool) -> Finding:
    """What keeps viewers within their flavor's memory: "cgroup v1", "cgroup v2", or "watching" alone."""
    check, of_whom = "memory limits", "are" if running else "will be"
    if kept_by != "watching":
        text = f"viewers {of_whom} kept within their memory by the kernel ({kept_by})"
        return Finding(check=check, level=Level.OK, text=text)
    text = f"viewers {of_whom} watched and ended by the service, for it gets no control groups"
    remedy = "Good enough for most. A service unit can hand them over: see docs/how-to/service.md."
    return Finding(check=check, level=Level.INFO, text=text, remedy=remedy)


def of_viewer(found: Viewer, folder: str) -> Finding:
    """Whether the viewer is installed below the folder, and shows what it should."""
    check, command = f"viewer {found.name}", f"belvedere viewer install {found.name}"
    if found.version is None:
        text = f"not installed in {folder}"
        return Finding(check=check, level=Level.INFO, text=text, remedy=f"If wanted: {command}")
    if found.fault:
        steps = command if found.is_stale else f"belvedere viewer remove {found.name}, then {command}"
        text = f"{found.version}: {found.fault}"
        return Finding(check=check, level=Level.FAIL, text=text, remedy=f"Make it anew: {steps}")
    return Finding(check=check, level=Level.OK, text=f"{found.version} shows what it should")


def of_chromium(path: str | None) -> Finding:
    """Whether browser tests can run."""
    text = f"{path}, for the tests" if path else "not found; only the tests need it"
    return Finding(
        check="chromium", level=Level.INFO, text=text, remedy="" if path else "On Debian: apt-get install chromium."
    )


def of_log_places(*, roots: int, stores: int, service_runs: bool) -> Finding:
    """Whether there is any place that logs may come from. A service that runs was told its own, perhaps by flags."""
    if roots or stores:
        text = f"{_counted(roots, 'log root')}, {_counted(stores, 'object store')}"
        return Finding(check="log places", level=Level.OK, text=text)
    if service_runs:
        return Finding(check="log places", level=Level.INFO, text="only those that the running service was given")
    remedy = "Start with --log-root FOLDER, or set BELVEDERE_STORE_ENDPOINT and its keys."
    return Finding(check="log places", level=Level.WARN, text="no place for logs is configured here", remedy=remedy)


def of_store(endpoint: str, answer: Reason | None) -> Finding:
    """What a signed request for a bucket that can't exist says about the store. None: it exists after all."""
    check = "object store"
    if answer is None or answer.code in {ReasonCode.NO_SUCH_BUCKET, ReasonCode.NO_SUCH_PATH}:
        return Finding(check=check, level=Level.OK, text=f"{endpoint} answers and accepts the keys")
    if answer.code is ReasonCode.SOURCE_FORBIDDEN:
        text = f"{endpoint} answers, but doesn't say whether it accepts the keys"
        return Finding(check=check, level=Level.WARN, text=text, remedy="Try a real place: doctor --train-url URL.")
    remedy = "Check BELVEDERE_STORE_ENDPOINT, _ACCESS_KEY, _SECRET_KEY, _REGION and _ADDRESSING."
    return Finding(check=check, level=Level.FAIL, text=answer.text, remedy=remedy)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def of_train_url(text: str, fault: str | None, *, refused: bool = True) -> Finding:
    """Whether this log location can be read. `refused`: a job there would be; else it would wait for its logs."""
    if fault is None:
        return Finding(check="log location", level=Level.OK, text=f"{text} can be listed")
    return Finding(check="log location", level=Level.FAIL if refused else Level.WARN, text=fault)


def of_service(endpoint: str | None, fault: ClientError | None) -> Finding:
    """Whether a service runs that the CLI would talk to."""
    if endpoint is None:
        text = "none is known here"
        return Finding(check="service", level=Level.INFO, text=text, remedy="Start one with `belvedere serve`.")
    if fault is None:
        return Finding(check="service", level=Level.OK, text=f"{endpoint} answers, and knows the token")
    remedy = UNTRUSTED_REMEDY if isinstance(fault, Untrusted) else "Start it with `belvedere serve`."
    return Finding(check="service", level=Level.WARN, text=str(fault), remedy=remedy)


def of_settings(fault: str) -> Finding:
    """A setting that can't be understood."""
    return Finding(check="settings", level=Level.FAIL, text=fault)


def of_caution(text: str) -> Finding:
    """A setting that works, but probably not as it is meant."""
    return Finding(check="settings", level=Level.WARN, text=text)


def this_python() -> tuple[int, int]:
    """The running Python's version."""
    return sys.version_info[0], sys.version_info[1]
