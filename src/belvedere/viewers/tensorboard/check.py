"""Shows a real event file through this environment's TensorBoard: ``… SCRATCH``. Ends with a sentence if it can't."""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from tensorboard.backend.event_processing import data_ingester
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from werkzeug.test import Client

from belvedere.viewers.tensorboard import webapp
from belvedere.viewers.tensorboard.dataserver import data_server_binary

_PATIENCE: Final = 30.0  # seconds


def main() -> None:
    """Run as a process of its own."""
    folder = Path(sys.argv[1]) / "logs"
    write_events(folder)
    webapp.prepare()  # as a warm parent does
    flags = webapp.flags_for(str(folder), "", 1.0)
    ingester = data_ingester.LocalDataIngester(flags)
    client = Client(webapp.build_app(flags, ingester.data_provider, ingester.deprecated_multiplexer))
    ingester.start()
    deadline = time.monotonic() + _PATIENCE
    while not _values(client):
        if time.monotonic() > deadline:
            sys.exit("the run's scalars are left out")
        time.sleep(0.05)
    if data_server_binary() is None:
        sys.exit("its fast loader is missing: tensorboard-data-server brings none for this machine")


def write_events(folder: Path) -> None:
    """A run with two scalars."""
    writer = EventFileWriter(str(folder / "run"))
    for step in (1, 2):
        value = Summary.Value(tag="loss", simple_value=1 / step)
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))
    writer.close()


def _values(client: Client) -> Any:
    answer = client.get("/data/plugin/scalars/scalars?run=run&tag=loss")
    return json.loads(answer.data) if answer.status_code == 200 else None


if __name__ == "__main__":
    main()
