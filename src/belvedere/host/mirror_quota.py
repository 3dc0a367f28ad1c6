"""Room for mirrors: the data of closed ones stays on disk for the next who opens them, as long as there is room."""

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from belvedere.contract.reasons import Reason, ReasonCode

_LEAVING = ".leaving-"  # in front of the name of a mirror that is being removed


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A closed mirror: bytes on disk, and when it was used last, in seconds since the epoch."""

    name: str
    size: int
    used: float


def too_many(kept: Sequence[Kept], open_bytes: int, quota: int) -> list[Kept]:
    """Those that have to go so that all fit, the longest unused first. Pure. Open ones are never touched."""
    over = open_bytes + sum(each.size for each in kept) - quota
    gone: list[Kept] = []
    for each in sorted(kept, key=lambda each: (each.used, each.name)):
        if over <= 0:
            break
        gone.append(each)
        over -= each.size
    return gone


class Allowance:
    """What a project's open mirrors may take together. Whoever is about to write claims the room first. No I/O."""

    def __init__(self) -> None:
        self.most: int | None = None  # bytes; None: there is no limit
        self.taken = 0  # bytes, written or about to be
        self._claims: dict[str, int] = {}  # by mirror

    def begin(self, mirror: str, size: int) -> None:
        """A pass begins: the mirror holds so much, whatever was claimed before."""
        self.end(mirror)
        self._claims[mirror] = size
        self.taken += size

    def claim(self, mirror: str, size: int) -> bool:
        """Whether so much may be written too. If so, it counts from now on."""
        if self.most is not None and size and self.taken + size > self.most:
            return False
        self._claims[mirror] = self._claims.get(mirror, 0) + size
        self.taken += size
        return True

    def end(self, mirror: str) -> None:
        """It is not open any more."""
        self.taken -= self._claims.pop(mirror, 0)


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One mirror's share of its project's allowance."""

    allowance: Allowance
    mirror: str

    def begin(self, size: int) -> None:
        """A pass begins with so much on disk."""
        self.allowance.begin(self.mirror, size)

    def claim(self, size: int) -> bool:
        """Whether so much more may be written."""
        return self.allowance.claim(self.mirror, size)

    def end(self) -> None:
        """The mirror is closed."""
        self.allowance.end(self.mirror)

    def reason(self) -> Reason:
        """What to tell where there is no more room."""
        most = f"{(self.allowance.most or 0) / 2**20:,.0f} MiB"
        text = (
            f"The project's logs from object stores fill its quota of {most}. Stop or delete other jobs of the "
            "project, or ask an administrator for more; copying goes on by itself."
        )
        return Reason(code=ReasonCode.MIRROR_QUOTA, text=text)


class Shelf:
    """The folder that holds all mirrors of a host. Sizes are counted once after each closing. All calls block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: dict[str, tuple[float, int]] = {}  # by name: time of last use, and the size counted then

    def kept(self, opened: Collection[str]) -> list[Kept]:
        """All mirrors but those that are open."""
        names = [path.name for path in self._folder.glob("[!.]*")] if self._folder.is_dir() else []
        return [self._look(name) for name in names if name not in opened]

    def take_off(self, name: str) -> None:
        """Make a mirror vanish at once, at no cost; `clear` frees its room."""
        (self._folder / name).rename(self._folder / f"{_LEAVING}{name}")
        self._sizes.pop(name, None)

    def clear(self) -> None:
        """Remove what was taken off, by an earlier host too."""
        for path in self._folder.glob(f"{_LEAVING}*"):
            shutil.rmtree(path, ignore_errors=True)

    def _look(self, name: str) -> Kept:
        used = (self._folder / name).stat().st_mtime
        if self._sizes.get(name, (None, 0))[0] != used:
            self._sizes[name] = used, _size(self._folder / name)
        return Kept(name=name, size=self._sizes[name][1], used=used)


def _size(folder: Path) -> int:
    """Bytes taken on disk. Links are not followed."""
    return sum(Path(below, name).lstat().st_blocks * 512 for below, _, names in os.walk(folder) for name in names)
