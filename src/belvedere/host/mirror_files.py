"""A mirror's place on disk: the folder that is shown, files on their way into it, and a manifest. All calls block.

    <place>/logs/          what a viewer sees
    <place>/incoming/      rewritten files until they are whole
    <place>/manifest       which version of each file was seen last: a line for the machine's run, then one per file

Nothing is synced to the disk: a mirror can be fetched again. So after a crash of the machine, when a file may have a
length without the bytes, the mirror starts afresh; a killed process loses nothing.
"""

import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from belvedere.host.mirror_growth import FILE_MODE, FOLDER_MODE, Growth
from belvedere.host.mirror_plan import Held

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the manifest about one file. A later line counts more than an earlier one."""

    key: str
    held: Held


class MirrorFiles:
    """One place. Only one may write to it at a time; readers of ``logs`` may come at any moment."""

    def __init__(self, place: Path) -> None:
        self.logs = place / "logs"
        self._place = place
        self._incoming = place / "incoming"
        self._manifest = place / "manifest"
        self._numbers = count()

    def make(self) -> None:
        """Make the folder that is shown, so that it can be shown at once."""
        for folder in (self._place.parent, self._place):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(mode=FOLDER_MODE, exist_ok=True)

    def prepare(self) -> dict[str, Held]:
        """Clear away what a killed pass left, and give what it had."""
        self.make()
        self._let_viewers_read()
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(mode=0o700)
        boot, *lines = self._lines()
        if boot == _boot_id().encode():
            return dict(_read(lines))
        if boot:
            self._empty()
        self.save({})
        return {}

    def save(self, held: dict[str, Held]) -> None:
        """Write the manifest anew."""
        fresh = self._incoming / "manifest"
        fresh.write_bytes(b"".join((f"{_boot_id()}\n".encode(), *(_line(key, file) for key, file in held.items()))))
        fresh.replace(self._manifest)

    def note(self, key: str, held: Held) -> None:
        """Add to the manifest, so that a pass that is killed outright needs no second look at this file."""
        descriptor = os.open(self._manifest, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(descriptor, _line(key, held))
        finally:
            os.close(descriptor)

    def touch(self) -> None:
        """Leave a mark of when the mirror was used last."""
        os.utime(self._place)

    def sizes(self) -> dict[str, int]:
        """Bytes of each regular file in ``logs``, by key."""
        found: dict[str, int] = {}
        folders = [("", str(self.logs))]
        while folders:
            prefix, folder = folders.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append((f"{prefix}{entry.name}/", entry.path))
                    elif not entry.is_symlink():
                        found[prefix + entry.name] = entry.stat(follow_symlinks=False).st_size
        return found

    def piece(self, key: str, start: int, end: int) -> bytes:
        """Bytes of a file."""
        with (self.logs / key).open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    def growth(self, key: str, *, have: int, overlap: int, whole: Held) -> Growth:
        """A shown file's, from `have` bytes on. It is noted when it is `whole`."""
        finished = partial(self.note, key, whole)
        return Growth(self.logs / key, have=have, overlap=overlap, until=whole.size, finished=finished)

    def new_incoming(self) -> Path:
        """A name that nobody else uses."""
        return self._incoming / f"{next(self._numbers)}"

    def accept(self, incoming: Path, key: str) -> bool:
        """Put a whole file in its place at once. Whether that changed a file that was there."""
        path = self.logs / key
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if not path.is_file():
            incoming.replace(path)
            return False
        if filecmp.cmp(incoming, path, shallow=False):
            incoming.unlink()
            return False
        incoming.replace(path)
        return True

    def link(self, key: str, target: Path) -> None:
        """Make `key` stand for `target`, at once."""
        path = self.logs / key
        if path.is_symlink() and path.readlink() == target:
            return
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        fresh = self.new_incoming()
        fresh.symlink_to(target)
        fresh.replace(path)

    def unlink(self, key: str) -> None:
        """Let `key` no longer stand for anything else: it is to become a file."""
        path = self.logs / key
        if path.is_symlink():
            path.unlink()

    def remove(self, key: str) -> bool:
        """Remove a file and the folders that it leaves empty. Whether it was there."""
        path = self.logs / key
        if not path.is_symlink() and not path.is_file():
            return False
        path.unlink()
        for folder in path.parents:
            if folder == self.logs or any(folder.iterdir()):
                break
            folder.rmdir()
        return True

    def _lines(self) -> list[bytes]:
        """At least one. The last one is cut short if its writer was killed."""
        try:
            return self._manifest.read_bytes().split(b"\n")
        except FileNotFoundError:
            return [b""]

    def _let_viewers_read(self) -> None:
        """Open what an earlier version kept for itself."""
        if self.logs.stat().st_mode & FOLDER_MODE == FOLDER_MODE:
            return
        for folder, _, names in os.walk(self.logs):
            for path in (Path(folder, name) for name in names):
                if not path.is_symlink():
                    path.chmod(FILE_MODE)
            if folder != str(self.logs):
                Path(folder).chmod(FOLDER_MODE)
        self.logs.chmod(FOLDER_MODE)  # last: it says that all is done

    def _empty(self) -> None:
        for path in self.logs.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _line(key: str, held: Held) -> bytes:
    return msgspec.json.encode(Line(key=key, held=held)) + b"\n"


def _read(lines: Iterable[bytes]) -> Iterator[tuple[str, Held]]:
    for each in lines:
        with suppress(msgspec.DecodeError):
            line = msgspec.json.decode(each, type=Line)
            yield line.key, line.held


def _boot_id() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else ""
