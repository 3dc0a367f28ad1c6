import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import RecordWriter

from belvedere.viewers.tensorboard import damage
from belvedere.viewers.tensorboard.damage import Damage, Mismatch, first_damage
from belvedere.viewers.tensorboard.dataserver import CYCLE_FINISHED, command_line, data_server_binary

RECORD = len(Event(wall_time=1.0, step=1).SerializeToString()) + 16
AT = 5 * RECORD  # where the sixth record begins


def log(folder: Path, mangle: Callable[[bytearray], object]) -> Path:
    """A log of ten records of one length, spoiled."""
    folder.mkdir()
    path = folder / "events.out.tfevents.1.host"
    writer = RecordWriter(str(path))
    for _ in range(10):
        writer.write(Event(wall_time=1.0, step=1).SerializeToString())
    writer.close()
    content = bytearray(path.read_bytes())
    mangle(content)
    path.write_bytes(content)
    return path


def flip(at: int) -> Callable[[bytearray], None]:
    def mangle(content: bytearray) -> None:
        content[at] ^= 1

    return mangle


def heard(folder: Path) -> list[bytes]:
    """What the real data server says until it has read everything."""
    binary = data_server_binary()
    assert binary is not None
    command = command_line(binary, str(folder), 60)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        lines = []
        for line in server.stderr:
            lines.append(line)
            if CYCLE_FINISHED in line:
                break
        server.kill()
    return lines


def told(folder: Path) -> str:
    found = Damage(str(folder))
    for line in heard(folder):
        found.hear(line)
    return found.words()


@pytest.mark.parametrize(
    ("mangle", "byte"),
    [
        (flip(AT), AT),
        (flip(AT + 8), AT),
        (flip(AT + 12), AT),
        (lambda content: content.extend(bytes(100)), 10 * RECORD),
        (lambda content: content.__setitem__(slice(0, None), b"this is no log " * 9), 0),
    ],
    ids=["a length", "its checksum", "a payload", "zeros at the end", "no log at all"],
)
def test_a_damaged_file_is_told_with_the_place(
    tmp_path: Path, mangle: Callable[[bytearray], object], byte: int
) -> None:
    log(tmp_path / "run", mangle)
    assert told(tmp_path).startswith(f"run/events.out.tfevents.1.host is damaged from byte {byte:,} on: ")


@pytest.mark.parametrize("length", [0, 5, AT - 1, AT])
def test_a_file_that_ends_amid_a_record_is_being_written(tmp_path: Path, length: int) -> None:
    log(tmp_path / "run", lambda content: content.__delitem__(slice(length, None)))
    assert told(tmp_path) == ""


def test_others_are_counted(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        log(tmp_path / name, flip(0))
    words = told(tmp_path)
    assert words.startswith("a/")
    assert words.endswith("So are 2 more.")


def test_what_is_read_anew_is_forgotten(tmp_path: Path) -> None:
    found = Damage(str(tmp_path))
    line = f"WARN Read error in {tmp_path}/run/f: ReadRecordError(BadLengthCrc())".encode()
    assert [found.hear(line), found.hear(line)] == [True, False]
    assert found.words().startswith("run/f is damaged: ")
    assert found.forget()
    assert found.words() == ""


def test_a_path_elsewhere_is_not_told(tmp_path: Path) -> None:
    found = Damage(str(tmp_path))
    assert not found.hear(b"WARN Read error in /etc/passwd: ReadRecordError(BadLengthCrc())")


def test_a_whole_file_has_no_damage(tmp_path: Path) -> None:
    assert first_damage(log(tmp_path / "run", lambda _: None)) is None


def test_a_record_that_is_no_event_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    writer = RecordWriter(str(tmp_path / "run" / "events.out.tfevents.1.host"))
    writer.write(b"\xff" * 4)
    writer.close()
    assert told(tmp_path).startswith("run/events.out.tfevents.1.host is damaged: ")


def test_a_length_that_no_file_has_is_looked_past_by_nobody(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1.host"
    length = struct.pack("<Q", (1 << 64) - 1)
    path.write_bytes(length + struct.pack("<I", masked_crc32c(length)) + bytes(100))
    assert first_damage(path, Mismatch(found=1, written=2)) is None


def test_large_payloads_are_not_summed_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = log(tmp_path / "run", flip(AT + 12))
    content = path.read_bytes()
    written = int.from_bytes(content[AT + RECORD - 4 : AT + RECORD], "little")
    payload = Mismatch(found=masked_crc32c(content[AT + 12 : AT + RECORD - 4]), written=written)
    assert first_damage(path, payload) == AT
    monkeypatch.setattr(damage, "_SUMMED", 5 * (RECORD - 16))  # what the five whole ones before it have
    assert first_damage(path, payload) is None
