"""What the mirror tests share: a viewer type of their own, and waiting without a clock's verdict."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from belvedere.host.mirroring import Mirror, MirrorState
from tests.support.files import contents_below

PATIENCE = 60.0  # seconds; generous, as nothing here is about speed


class EventsViewer:
    """Wants event files and projector settings, as TensorBoard does."""

    name = "tensorboard"
    title = "TensorBoard"
    description = "Scalars"
    logs = "TensorBoard event files"
    program = "none"
    environment = None
    liveness_path = "/"
    can_fork = False
    pages_poll = True

    def wants(self, key: str) -> bool:
        return self.is_log(key) or key.endswith(("projector_config.pbtxt", ".tsv"))

    def is_log(self, key: str) -> bool:
        return "tfevents" in key.rpartition("/")[2]


async def until(mirror: Mirror, holds: Callable[[MirrorState], bool]) -> MirrorState:
    """The first state for which `holds`."""

    async def wait() -> MirrorState:
        state = mirror.state
        while not holds(state):
            state = await mirror.differs_from(state)
        return state

    return await asyncio.wait_for(wait(), PATIENCE)


async def until_content(mirror: Mirror, expected: dict[str, bytes]) -> None:
    """Wait until the folder holds just these files."""
    async with asyncio.timeout(PATIENCE):
        while content(mirror.folder) != expected:
            mirror.refresh()
            await asyncio.sleep(0.01)


def content(folder: Path) -> dict[str, bytes]:
    """Every file below, as a reader sees it."""
    return {path.relative_to(folder).as_posix(): data for path, data in contents_below(folder).items()}


def is_complete(state: MirrorState) -> bool:
    return state.complete


def has_failed(state: MirrorState) -> bool:
    return state.failure is not None


def has_note(state: MirrorState) -> bool:
    return state.note is not None
