"""Files that the data server has given up: which, and from which byte on.

It says so once, when it meets a record whose length can't be true, and then leaves that file alone until it is started
anew. A file that ends amid a record is no damage: it is being written.
"""

import re
import struct
from pathlib import Path
from typing import Final

from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

_READ_ERROR = re.compile(rb"Read error in (.+): ReadRecordError\(")
_LOOKED_AT: Final = 20_000  # records; a tenth of a second, as nothing else goes on in the meantime
_LENGTH = struct.Struct("<QI")  # a record's length and that number's checksum; its payload and another one follow
_PAYLOAD_CHECKSUM = 4


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
        self._found[str(path.relative_to(self._folder))] = first_damage(path)
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


def first_damage(path: Path) -> int | None:
    """The byte at which the first record begins whose length is not true; None if it isn't found soon."""
    try:
        with path.open("rb") as file:
            for _ in range(_LOOKED_AT):
                offset = file.tell()
                head = file.read(_LENGTH.size)
                if len(head) < _LENGTH.size:
                    return None
                length, checksum = _LENGTH.unpack(head)
                if masked_crc32c(head[:8]) != checksum:
                    return offset
                file.seek(length + _PAYLOAD_CHECKSUM, 1)
    except OSError:
        return None
    return None
