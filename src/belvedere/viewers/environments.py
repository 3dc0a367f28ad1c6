"""Where viewers' own environments lie, and what runs in them. Reads only; `installing` makes them.

One folder for each, named as its viewer::

    mindinsight/
      viewer.json     what is installed, and in which of the folders beside it; written last, replaced at once
      env-1f0c…/      an environment; its name is drawn from what was asked for
"""

import contextlib
import functools
import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from belvedere.viewers.base import Program, ViewerType

MANIFEST: Final = "viewer.json"
NO_HOME: Final = "/nonexistent"


def default_viewers_folder(environ: Mapping[str, str]) -> Path:
    """Where a user's viewers are installed (XDG Base Directory Specification): all data folders share them."""
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - it doesn't raise for who has no home at all
    base = environ.get("XDG_DATA_HOME") or f"{home if home != '~' else NO_HOME}/.local/share"
    return Path(base) / "belvedere-viewers"


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """An environment that was made, and has shown what it is for."""

    version: str  # of the viewer itself
    folder: str  # the environment's name beside the manifest
    asked: str  # what was asked for, as a digest: the same again is nothing to do
    kind: str = ""  # the viewer type that it is a version of; "": it is that type's own
    requirements: tuple[str, ...] = ()  # what was asked for beside the type's own requirements


Stamp = tuple[tuple[str, int, int, int], ...]


class NotInstalled(Exception):
    """The viewer's environment is missing. The message names the command that makes it."""

    def __init__(self, name: str) -> None:
        """`name` is the viewer's."""
        super().__init__(f"{name} is not installed here. Install it: {install_command(name)}")


def install_command(name: str) -> str:
    """What an operator types to install a viewer."""
    return f"belvedere viewer install {name}"


class Environments:
    """The environments below one folder. Looks anew each time: an installation counts at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def program_of(self, viewer: ViewerType) -> Program:
        """What runs a viewer. Raises NotInstalled."""
        if viewer.environment is None:
            return Program(module=viewer.program, can_fork=viewer.can_fork)
        python = self.python_of(viewer.environment.name)
        if python is None:
            raise NotInstalled(viewer.environment.name)
        return Program(module=viewer.program, python=str(python), can_fork=viewer.can_fork)

    def version_of(self, viewer: ViewerType) -> str | None:
        """Which version of a viewer is there; None if none is."""
        if viewer.environment is None:
            return _own_version(viewer.name, type(viewer).__module__.partition(".")[0])
        installed = self.installed(viewer.environment.name)
        return installed.version if installed and self.python_of(viewer.environment.name) else None

    def python_of(self, name: str) -> Path | None:
        """The interpreter of an environment; None if it is not installed."""
        installed = self.installed(name)
        if installed is None:
            return None
        python = self.folder / name / installed.folder / "bin" / "python"
        return python if os.access(python, os.X_OK) else None

    def installed(self, name: str) -> Installed | None:
        """What the manifest says; None without one that can be read."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self.folder / name / MANIFEST).read_bytes(), type=Installed)
        return None

    def stamp(self) -> Stamp:
        """What changes whenever a viewer is installed or removed. Costs less than to look what there is."""
        found = []
        with contextlib.suppress(OSError), os.scandir(self.folder) as folders:
            for folder in folders:
                with contextlib.suppress(OSError):
                    inside, manifest = folder.stat(), os.stat(f"{folder.path}/{MANIFEST}")  # noqa: PTH116 - at each create
                    found.append((folder.name, inside.st_mtime_ns, manifest.st_ino, manifest.st_mtime_ns))
        return tuple(sorted(found))

    def names(self) -> list[str]:
        """Of all that are installed."""
        try:
            found = sorted(path.parent.name for path in self.folder.glob(f"*/{MANIFEST}"))
        except OSError:
            return []
        return [name for name in found if self.installed(name)]


@functools.cache  # what runs is what was imported, whatever is installed over it
def _own_version(*packages: str) -> str:
    """Of a viewer in our own environment: that of the package which is called as it is, or which brought it."""
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(package)
    return ""
