"""Logs as a training program writes them, by tensorboardX."""

import struct
import tempfile
from pathlib import Path

from tensorboardX import SummaryWriter

RICH = Path(__file__).parents[1] / "data" / "tensorboard-rich"

_LENGTH = struct.Struct("<Q")  # of a record, before it
_CHECKSUMS = 8  # bytes: of the length and of the record


def write_log(folder: Path, steps: int = 100, *, tag: str = "loss") -> Path:
    """A finished run with one curve, 1/step; its event file."""
    folder.mkdir(parents=True, exist_ok=True)
    with SummaryWriter(str(folder)) as writer:
        for step in range(1, steps + 1):
            writer.add_scalar(tag, 1 / step, step)
    (path,) = folder.glob("events.out.tfevents.*")
    return path


def log_content(steps: int = 100, *, tag: str = "loss") -> bytes:
    """The bytes of such an event file."""
    with tempfile.TemporaryDirectory(prefix="bv-log-") as folder:
        return write_log(Path(folder), steps, tag=tag).read_bytes()


def beginning_of(log: bytes, steps: int) -> bytes:
    """What such a file held after its first steps: whole records, and the version before them."""
    end = 0
    for _ in range(1 + steps):
        (length,) = _LENGTH.unpack_from(log, end)
        end += _LENGTH.size + length + _CHECKSUMS
    return log[:end]
