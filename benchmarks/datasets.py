"""Logs to measure with: written once, the same bytes each time, into a cache folder outside of the project."""

import os
import shutil
from pathlib import Path

import msgspec
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

_EPOCH = 1_750_000_000.0  # the first event's wall time; a second lies between steps
_VERSION = "1"  # of what is written here: another one makes new folders


class LogSet(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of logs holds: runs, each with one file, of so many tags and steps."""

    name: str
    runs: int
    tags: int
    steps: int

    @property
    def events(self) -> int:
        """How many scalars there are."""
        return self.runs * self.tags * self.steps


SMALL = LogSet(name="small", runs=1, tags=5, steps=1000)
MEDIUM = LogSet(name="medium", runs=20, tags=50, steps=2000)
TENTH = LogSet(name="tenth", runs=2, tags=50, steps=2000)


def run_name(number: int) -> str:
    """A run's folder."""
    return f"run-{number:02d}"


def tag_name(number: int) -> str:
    """A scalar's name."""
    return f"metric/scalar-{number:02d}"


def cache_folder() -> Path:
    """Where everything that is made once is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "belvedere-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def log_folder(logs: LogSet) -> Path:
    """The folder of these logs, written now if it isn't there."""
    folder = cache_folder() / "logs" / f"{logs.name}-{_VERSION}"
    if not folder.exists():
        draft = folder.with_name(f"{folder.name}.{os.getpid()}")
        for run in range(logs.runs):
            _write_run(draft / run_name(run), logs, run)
        try:
            draft.rename(folder)
        except OSError:  # someone else was quicker
            shutil.rmtree(draft)
    return folder


def log_folders(logs: LogSet, count: int) -> list[Path]:
    """So many folders with these logs: the same files under other names, which no two jobs share a viewer for."""
    first = log_folder(logs)
    return [_linked(first, first.parent / "folders" / f"{first.name}-{number:03d}") for number in range(count)]


def log_files(logs: LogSet) -> dict[str, Path]:
    """The files by their keys below a prefix."""
    folder = log_folder(logs)
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*tfevents*"))}


def _linked(source: Path, folder: Path) -> Path:
    if not folder.exists():
        shutil.copytree(source, folder, copy_function=os.link)
    return folder


def _write_run(folder: Path, logs: LogSet, run: int) -> None:
    folder.mkdir(parents=True)
    writer = RecordWriter(str(folder / f"events.out.tfevents.{int(_EPOCH)}.host.{run}"))
    writer.write(Event(wall_time=_EPOCH, file_version="brain.Event:2").SerializeToString())
    tags = [tag_name(tag) for tag in range(logs.tags)]
    for step in range(logs.steps):
        for number, tag in enumerate(tags):
            value = Summary.Value(tag=tag, simple_value=1.0 / (1 + step + number + run))
            event = Event(wall_time=_EPOCH + step, step=step, summary=Summary(value=[value]))
            writer.write(event.SerializeToString())
    writer.close()
