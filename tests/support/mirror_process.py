"""Mirrors one prefix until it is ended: a process for tests to kill. ``python mirror_process.py <folder> <task>``."""

import asyncio
import sys
from pathlib import Path

import msgspec

from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.location import ObjectLocation
from belvedere.sources.opening import open_source
from belvedere.sources.stores import ObjectStore
from belvedere.viewers.registry import viewer_types


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to mirror, as JSON in argv."""

    store: ObjectStore
    location: ObjectLocation


async def mirror(folder: Path, task: Task) -> None:
    """Until killed."""
    stores = {task.location.store: task.store}
    mirrors = FolderMirrors(folder, lambda location: open_source(location, stores), poll_seconds=0.1)
    mirrors.open("project", task.location, viewer_types()["tensorboard"])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(mirror(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Task)))
