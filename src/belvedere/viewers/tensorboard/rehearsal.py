"""What a warm parent does once, so that its forks need not: answer requests from a real data server on a small log.

That imports what TensorBoard imports late and fills its caches, in pages that all forks share.
"""

import tempfile
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from werkzeug.test import Client

from belvedere.viewers.tensorboard import webapp
from belvedere.viewers.tensorboard.dataserver import DataServer, command_line
from belvedere.viewers.tensorboard.loop import Loop

PATIENCE = 10.0  # seconds; without its data server a parent is less warm, and no worse
# Not the list of plug-ins: the projector would start a thread to look for embeddings.
REQUESTS = (
    "/",
    webapp.FIRST,
    "/data/runs",
    "/data/plugin/scalars/tags",
    "/data/plugin/scalars/scalars?run=.&tag=warm",
    "/data/plugin/timeseries/tags",
)


def rehearse(binary: str) -> None:
    """Answer some requests. Starts no thread, and leaves no process."""
    with tempfile.TemporaryDirectory() as folder:
        _write_log(Path(folder))
        it = _Rehearsal(command_line(binary, folder, 1.0))
        if it.is_loaded:
            client = Client(webapp.fast_app(""))
            for path in REQUESTS:
                client.get(path, headers={"Accept-Encoding": "gzip"})
        it.end()


class _Rehearsal:
    """Implements `dataserver.Owner`."""

    def __init__(self, command: list[str]) -> None:
        self.is_loaded = False
        self._over = False
        self._loop = Loop()
        self._server = DataServer(command, self._loop, self)
        self._server.load()
        deadline = time.monotonic() + PATIENCE
        while not (self.is_loaded or self._over) and time.monotonic() < deadline:
            self._loop.step(PATIENCE)

    def end(self) -> None:
        self._server.close()
        webapp.CHANNEL.hang_up()
        webapp.PORT.put(None)
        while self._server.is_ending:
            self._loop.step(PATIENCE)
        self._loop.close()

    def point_to(self, port: int | None) -> None:
        webapp.PORT.put(port)

    def loaded(self) -> None:
        self.is_loaded = True

    def out_of_files(self) -> None:
        """Not with one file."""

    def said(self, line: bytes) -> None:
        pass  # its log is our own

    def given_up(self, text: str) -> None:
        self._over = True


def _write_log(folder: Path) -> None:
    value = Summary.Value(tag="warm", simple_value=1.0)
    events = [Event(file_version="brain.Event:2"), Event(step=1, summary=Summary(value=[value]))]
    with (folder / "events.out.tfevents.0.warm").open("wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
