"""What a confined viewer sees, as a list of mounts. Pure, but for `survey`, which looks at this machine once."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

SCRATCH_BYTES: Final = 64 << 20
DEVICES: Final = ("null", "zero", "full", "random", "urandom")
_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_SETTINGS: Final = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types")


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What one viewer may see and use.

    `logs`: folders to see, read-only; each must lie where its path says, without a symlink on the way. `work`: an empty
    folder of its own; inside it is memory, bounded. `user`: uid and gid to become, where we are root.
    `hidden`: folders not to be seen even if they lie in one that is. `kept`: descriptors to stay open beside 0 to 2.
    `strict`: rather fail than lack a wall. `machine_figures`: show the whole of /proc, not only processes.
    """

    logs: Sequence[str]
    work: str
    kept: Sequence[int]
    hidden: Sequence[str] = ()
    user: int | None = None
    processes: int = 1024  # and threads
    strict: bool = False
    machine_figures: bool = False


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where programs and libraries are: folders and files to see, and top-level symlinks such as /lib."""

    places: Sequence[str]
    links: Mapping[str, str]


class Show(Enum):
    """How a place is seen."""

    READ_ONLY = "read-only"
    LOGS = "read-only, nothing to execute, and it must lie where its path says"
    NOTHING = "empty"


@dataclass(frozen=True)
class Place:
    """Something to be seen, or not to be seen, at its own path. `is_inside`: within logs, or within what is hidden."""

    path: str
    show: Show
    is_inside: bool = False


def places(confinement: Confinement, machine: Machine) -> list[Place]:
    """What to mount, in this order: what lies inside another comes after it, and is seen as itself says.

    So a mirror is seen inside of a hidden data folder, and a hidden data folder isn't inside of a folder of logs.
    """
    wanted = dict.fromkeys(confinement.logs, Show.LOGS)
    wanted |= dict.fromkeys(machine.places, Show.READ_ONLY) | dict.fromkeys(confinement.hidden, Show.NOTHING)
    kept: dict[str, Place] = {}
    for path in sorted(wanted, key=lambda each: each.count("/")):
        around = _nearest(path, kept)
        if wanted[path] is not (Show.NOTHING if around is None else kept[around].show):
            is_inside = around is not None and (kept[around].is_inside or kept[around].show is not Show.READ_ONLY)
            kept[path] = Place(path, wanted[path], is_inside)
    return list(kept.values())


def survey(path: Iterable[str] = ()) -> Machine:
    """What this interpreter and its libraries need. `path`: where modules are looked for, beside its environment."""
    links = {name: str(Path(name).readlink()) for name in _SYSTEM if Path(name).is_symlink()}
    wanted = [name for name in _SYSTEM if name not in links]
    wanted += [*_SETTINGS, sys.prefix, sys.base_prefix]
    wanted += [str(Path(each).absolute()) for each in (*path, *_packages()) if each]
    wanted += [each for each in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if each.startswith("/")]
    return Machine(places=tuple(each for each in wanted if each != "/" and _is_there(each)), links=links)


def _packages() -> list[str]:
    """Folders of the packages in use: some may have been imported from where modules are not looked for."""
    found = [getattr(module, "__path__", ()) for name, module in sys.modules.items() if "." not in name]
    return [folder for folders in found for folder in folders]


def _is_there(path: str) -> bool:
    try:
        Path(path).stat()
    except OSError:
        return False
    return True


def _nearest(path: str, folders: Iterable[str]) -> str | None:
    """The innermost of these folders that `path` lies in."""
    around = [each for each in folders if path.startswith(f"{each.rstrip('/')}/")]
    return max(around, key=len, default=None)
