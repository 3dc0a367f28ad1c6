"""Files that the data server has given up: which, and from which byte on.

It says so once, when it meets a record whose length can't be true or whose payload is no event, and then leaves that
file alone until it is started anew. A file that ends amid a record is no damage: it is being written.
"""

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

_READ_ERROR = re.compile(rb"Read error in (.+): (?:ReadRecordError|InvalidRecord|InvalidProto)\(")
_CHECKSUMS = re.compile(rb"ChecksumError \{ got: MaskedCrc\(0x([0-9a-f]+)\), want: MaskedCrc\(0x([0-9a-f]+)\) \}")
_LOOKED_AT: Final = 20_000  # records; a tenth of a second, as nothing else goes on in the meantime
_SUMMED: Final = 1 << 20  # bytes of payload; as long again, for it is summed in Python
_LENGTH = struct.Struct("<QI")  # a record's length and that number's checksum; its payload and another one follow
_PAYLOAD_CHECKSUM = struct.Struct("<I")


class Mismatch(NamedTuple):
    """The checksums of a payload that is not what was written: its own, and the one that follows it."""

    found: int
    written: int


class Record(NamedTuple):
    """One as its head tells it. `length`: of its payload; None if that is not true."""

    offset: int
    length: int | None


class Damage:
    """Collects damaged files below a folder, by their keys."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._found: dict[str, int | None] = {}

    def hear(self, line: bytes) -> bool:
        """Whether a line of the data server tells of one that was not known."""
        told = _READ_ERROR.search(line)
        path = Path(told[1].decode(errors="replace")) if told else self._folder
        if told is None or not path.is_relative_to(self._folder) or str(path.relative_to(self._folder)) in self._found:
            return False
        self._found[str(path.relative_to(self._folder))] = first_damage(path, _mismatch(line))
        return True

    def forget(self) -> bool:
        """Everything is read anew; whether there was anything to forget."""
        had, self._found = bool(self._found), {}
        return had

    def words(self) -> str:
        """What to tell; "" if nothing is wrong."""
        if not self._found:
            return ""
        key, offset = min(self._found.items())
        where = "" if offset is None else f" from byte {offset:,} on"
        others = len(self._found) - 1
        more = f" So {'is' if others == 1 else 'are'} {others:,} more." if others else ""
        return f"{key} is damaged{where}: only what comes before is shown. Write it anew to see the rest.{more}"


def _mismatch(line: bytes) -> Mismatch | None:
    """What the data server says of a payload, if it is that."""
    told = _CHECKSUMS.search(line)
    return Mismatch(int(told[1], 16), int(told[2], 16)) if told else None


def first_damage(path: Path, payload: Mismatch | None = None) -> int | None:
    """The byte at which the first record begins that has this payload, or a length that is not true.

    None if it isn't found soon.
    """
    try:
        with path.open("rb") as file:
            return _first_damage(file, payload)
    except (OSError, OverflowError, ValueError):  # the latter two of a length that no file has
        return None


def _first_damage(file: BinaryIO, payload: Mismatch | None) -> int | None:
    left = _SUMMED
    for record in _records(file):
        if record.length is None:
            return record.offset
        # Only where the checksum fits is a payload read: it may be that of a whole record that says the same.
        if payload and _payload_checksum(file, record.length) == payload.written:
            left -= record.length
            if left < 0:
                return None
            file.seek(record.offset + _LENGTH.size)
            if masked_crc32c(file.read(record.length)) == payload.found:
                return record.offset
    return None


def _records(file: BinaryIO) -> Iterator[Record]:
    """The first of a log's records, until one is not whole; whoever takes them may read elsewhere meanwhile."""
    offset = 0
    for _ in range(_LOOKED_AT):
        file.seek(offset)
        head = file.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return
        length, checksum = _LENGTH.unpack(head)
        if masked_crc32c(head[:8]) != checksum:
            yield Record(offset, None)
            return
        yield Record(offset, length)
        offset += _LENGTH.size + length + _PAYLOAD_CHECKSUM.size


def _payload_checksum(file: BinaryIO, length: int) -> int | None:
    """The one that follows the payload that begins here; None if it isn't there yet."""
    file.seek(length, os.SEEK_CUR)
    found = file.read(_PAYLOAD_CHECKSUM.size)
    return _PAYLOAD_CHECKSUM.unpack(found)[0] if len(found) == _PAYLOAD_CHECKSUM.size else None
