"""Where the kernel could limit memory by control groups, by what it says of itself. Pure.

Sources: cgroups(7) and proc_pid_mountinfo(5).
"""

import re
from pathlib import PurePosixPath

import msgspec

MEMORY = "memory"


class Hierarchy(msgspec.Struct, frozen=True, kw_only=True):
    """A mounted tree of control groups. `own`: the folder of the one that we are in; `is_top`: none above it shows."""

    version: int
    own: str
    is_top: bool


class _Mount(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    root: str  # the group that is mounted
    point: str


def hierarchies(memberships: str, mounts: str) -> list[Hierarchy]:
    """Those that memory may be limited in, the newer version first.

    `memberships`: what /proc/self/cgroup says; `mounts`: what /proc/self/mountinfo says. A group of ours that can't be
    seen from here is left out.
    """
    groups = _groups(memberships)
    found = [
        Hierarchy(version=mount.version, own=own, is_top=groups[mount.version] == mount.root)
        for mount in _mounts(mounts)
        if mount.version in groups and (own := _folder(mount, groups[mount.version])) is not None
    ]
    return sorted(found, key=lambda each: -each.version)


def _groups(memberships: str) -> dict[int, str]:
    """The group that we are in, by version."""
    groups = {}
    for line in memberships.splitlines():
        number, controllers, path = line.split(":", 2)
        if (number, controllers) == ("0", ""):
            groups[2] = path
        elif MEMORY in controllers.split(","):
            groups[1] = path
    return groups


def _mounts(mounts: str) -> list[_Mount]:
    found = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        (_, _, _, root, point, *_), (kind, _, options) = before.split(), after.split(" ", 2)
        if kind == "cgroup2":
            found.append(_Mount(version=2, root=_plain(root), point=_plain(point)))
        elif kind == "cgroup" and MEMORY in options.split(","):
            found.append(_Mount(version=1, root=_plain(root), point=_plain(point)))
    return found


def _folder(mount: _Mount, group: str) -> str | None:
    path, root = PurePosixPath(group), PurePosixPath(mount.root)
    if ".." in path.parts or not path.is_relative_to(root):
        return None
    return str(PurePosixPath(mount.point) / path.relative_to(root))


def _plain(word: str) -> str:
    """Blanks and the like stand there as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)
