"""A mirror's place on disk: the folder that is shown, files on their way into it, and a manifest. All calls block.

    <place>/logs/          what a viewer sees
    <place>/incoming/      rewritten files until they are whole
    <place>/manifest       which version of each file was seen last: a line for the machine's run, then one per file

Nothing is synced to the disk: a mirror can be fetched again. So after a crash of the machine, when a file may have a
length without the bytes, the mirror starts afresh; a killed process loses nothing.
"""

import asyncio
import filecmp
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec

from belvedere.host.mirror_plan import Held
from belvedere.sources.base import Chunk

# A viewer may be another user than we are. Nobody else gets as far as here: what holds the places is ours alone.
FOLDER_MODE = 0o755
FILE_MODE = 0o644
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_Result = TypeVar("_Result")


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
        with self._manifest.open("ab") as file:
            file.write(_line(key, held))

    def touch(self) -> None:
        """Leave a mark of when the mirror was used last."""
        os.utime(self._place)

    def sizes(self) -> dict[str, int]:
        """Bytes of each regular file in ``logs``, by key."""
        found = {}
        for folder, _, names in os.walk(self.logs):
            for name in names:
                path = Path(folder, name)
                if not path.is_symlink():
                    found[path.relative_to(self.logs).as_posix()] = path.lstat().st_size
        return found

    def append(self, key: str, chunk: Chunk, offset: int, whole: Held | None = None) -> None:
        """Add bytes at the end of a file, which must be at `offset`. Raises OSError; what was written is a prefix.

        `whole`: to be noted, as these bytes are the last.
        """
        path = self.logs / key
        if not offset:
            path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        _write(path, chunk, offset)
        if whole is not None:
            self.note(key, whole)

    def extend(self, key: str, fresh: Chunk, size: int, overlap: int, whole: Held | None = None) -> bool:
        """Append what follows the first `overlap` bytes of `fresh`, if the file, of `size` bytes, ends with those.

        Whether it did. `whole` as in `append`; likewise what is raised.
        """
        if overlap and self.piece(key, size - overlap, size) != fresh[:overlap]:
            return False
        self.append(key, fresh[overlap:] if overlap else fresh, size, whole)
        return True

    def piece(self, key: str, start: int, end: int) -> bytes:
        """Bytes of a file."""
        with (self.logs / key).open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    def new_incoming(self) -> Path:
        """A name that nobody else uses."""
        return self._incoming / f"{next(self._numbers)}"

    def write_incoming(self, path: Path, chunk: Chunk, offset: int) -> None:
        """Add bytes at the end of an incoming file."""
        _write(path, chunk, offset)

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


async def on_disk(call: Callable[[], _Result]) -> _Result:
    """Run a blocking call in a thread. A cancelled caller waits for its end: there is only ever one writer."""
    work = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # looked at, so that nobody complains; the next pass starts from what is on disk
        raise


def _write(path: Path, chunk: Chunk, offset: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, FILE_MODE)
    try:
        if os.fstat(descriptor).st_size != offset:
            raise OSError(f"{path.name} was written to by somebody else")
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _line(key: str, held: Held) -> bytes:
    return msgspec.json.encode(Line(key=key, held=held)) + b"\n"


def _read(lines: Iterable[bytes]) -> Iterator[tuple[str, Held]]:
    for each in lines:
        with suppress(msgspec.DecodeError):
            line = msgspec.json.decode(each, type=Line)
            yield line.key, line.held


def _boot_id() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else ""
