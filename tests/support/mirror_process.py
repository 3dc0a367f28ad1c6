"""Mirrors one prefix until it is ended: a process for tests to kill. ``python mirror_process.py <folder> <task>``."""

import asyncio
import sys
from pathlib import Path

import msgspec

from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.location import Location, ObjectLocation
from belvedere.sources.objects import PAGE, ObjectSource
from belvedere.sources.stores import ObjectStore
from belvedere.viewers.registry import viewer_types


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to mirror, as JSON in argv. `first_page`: keys that a listing begins with."""

    store: ObjectStore
    location: ObjectLocation
    first_page: int = PAGE


async def mirror(folder: Path, task: Task) -> None:
    """Until killed."""

    def source(location: Location) -> ObjectSource:
        assert isinstance(location, ObjectLocation)
        return ObjectSource(location, task.store, first_page=task.first_page)

    mirrors = FolderMirrors(folder, source, poll_seconds=0.1)
    mirrors.open("project", task.location, viewer_types()["tensorboard"])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(mirror(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Task)))
