"""A mirror's file that grows by what comes from its source. All calls block."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from belvedere.sources.base import Chunk

# A viewer may be another user than we are. Nobody else gets as far as here: what holds the places is ours alone.
FOLDER_MODE: Final = 0o755
FILE_MODE: Final = 0o644


class Differs(Exception):
    """What came again isn't what the file ends with."""


class NotWritten(Exception):
    """The disk refused. Told apart from a source's own OSErrors."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Growth:
    """Puts bytes at the end of a file of `have` bytes; the last `overlap` of these come again first, and must be equal.

    What is written is a prefix at every moment. `finished` is called in the turn that brings it to `until` bytes.
    """

    def __init__(self, path: Path, *, have: int, overlap: int, until: int, finished: Callable[[], None]) -> None:
        self._path = path
        self._overlap = overlap  # bytes that have to come again yet
        self._until = until
        self._finished = finished
        self._descriptor = -1
        self.size = have

    @property
    def goes_on(self) -> bool:
        """Whether all that had to come again did."""
        return not self._overlap

    @property
    def is_open(self) -> bool:
        """Whether `close` has to be called."""
        return self._descriptor >= 0

    def write(self, chunk: Chunk) -> None:
        """The next bytes. Raises Differs, then nothing was written; and NotWritten, then perhaps a part."""
        try:
            rest = memoryview(chunk)
            if self._overlap:
                rest = self._compared(rest)
            if rest:
                self._open()
            while rest:
                count = os.write(self._descriptor, rest)
                self.size += count
                rest = rest[count:]
            if self.size == self._until and self.goes_on:
                self.close()
                self._finished()
        except OSError as error:
            raise NotWritten(error) from error

    def create(self) -> None:
        """Make a file without bytes. Raises OSError."""
        self._open()
        self.close()
        self._finished()

    def close(self) -> None:
        """May be called again."""
        if self.is_open:
            os.close(self._descriptor)
            self._descriptor = -1

    def _compared(self, came: memoryview) -> memoryview:
        """What is left of it behind the bytes that had to come again."""
        self._open()
        count = min(self._overlap, len(came))
        if os.pread(self._descriptor, count, self.size - self._overlap) != bytes(came[:count]):  # views compare slowly
            raise Differs
        self._overlap -= count
        return came[count:]

    def _open(self) -> None:
        if self.is_open:
            return
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | (0 if self.size else os.O_CREAT)
        try:
            self._descriptor = os.open(self._path, flags, FILE_MODE)
        except FileNotFoundError:
            if self.size:
                raise
            self._path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, flags, FILE_MODE)
        if os.fstat(self._descriptor).st_size != self.size:
            self.close()
            raise OSError(f"{self._path.name} was written to by somebody else")
