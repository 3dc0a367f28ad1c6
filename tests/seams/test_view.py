"""What a viewer is pointed at: the mirrors of all its sources in one folder, exchanged whole."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.mirroring import Mirror, MirrorState
from belvedere.host.mirrors import FolderMirrors
from belvedere.host.protocol import SourceSpec
from belvedere.host.view import View
from belvedere.sources.location import FolderLocation, Location, selected
from belvedere.sources.opening import open_source
from belvedere.sources.selecting import Selection
from tests.seams.mirroring import PATIENCE, EventsViewer

EVENTS = "events.out.tfevents.1"
GONE = Reason(code=ReasonCode.STORE_NOT_CONFIGURED, text="The store is gone.")


class Desk:
    """A view over mirrors of local folders, and the tasks that it began."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve() / "root"
        self.shown = folder / "shown"
        self.shown.mkdir()
        self.mirrors = FolderMirrors(folder / "mirrors", lambda location: open_source(location, {}), poll_seconds=0.02)
        self.tasks: list[asyncio.Task[None]] = []
        self.view = View(self.shown / "1", self._open, self._begin)

    def _open(self, location: Location) -> Mirror:
        return self.mirrors.open("p", location, EventsViewer())

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    def write(self, key: str, content: bytes = b"1") -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def place(self, name: str, selection: Selection = Selection()) -> Location:  # noqa: B008 - it is frozen
        return selected(FolderLocation(path=str(self.root / name), root=str(self.root)), selection)

    def named(self, *names: str) -> list[SourceSpec]:
        return [SourceSpec(name=name, location=self.place(name)) for name in names]

    async def until_files(self, *expected: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while walked(self.view.folder) != sorted(expected):  # noqa: ASYNC110 - files come, and nobody tells
                await asyncio.sleep(0.01)

    async def until(self, word: str) -> MirrorState:
        async with asyncio.timeout(PATIENCE):
            while not getattr(self.view.state, word):
                await self.view.differs_from(self.view.state)
        return self.view.state


def walked(folder: Path) -> list[str]:
    """All files, links followed, as a viewer's loader walks."""
    found: list[str] = []
    for path in folder.iterdir():
        found += [f"{path.name}/{below}" for below in walked(path)] if path.is_dir() else [path.name]
    return sorted(found)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    for name in ("a", "b", "c"):
        made.write(f"{name}/run/{EVENTS}")
    yield made
    for task in made.tasks:
        task.cancel()
    await made.view.close()
    await made.mirrors.close()


async def test_a_view_tells_every_folder_that_one_gets_to_through_it(desk: Desk) -> None:
    desk.write(f"a/{EVENTS}")
    desk.write(f"b/{EVENTS}")
    desk.view.show(desk.named("a", "b"))
    own, *mirrors = await desk.view.reach()
    assert own == desk.view.folder.resolve()
    assert {(own / name).resolve() for name in "ab"} <= set(mirrors)
    assert {desk.root / name for name in "ab"} <= set(mirrors)


async def test_a_sole_source_without_a_name_is_shown_as_it_is(desk: Desk) -> None:
    desk.view.show([SourceSpec(location=desk.place("a"))])
    await desk.until_files(f"run/{EVENTS}")


async def test_each_source_is_shown_below_its_name(desk: Desk) -> None:
    desk.view.show(desk.named("a", "b"))
    await desk.until_files(f"a/run/{EVENTS}", f"b/run/{EVENTS}")
    state = await desk.until("complete")
    assert [(each.name, each.progress.files_done) for each in state.sources] == [("a", 1), ("b", 1)]


async def test_sources_come_and_go_under_one_folder(desk: Desk) -> None:
    folder = desk.view.folder
    desk.view.show([SourceSpec(location=desk.place("a"))])
    desk.view.show(desk.named("a", "b"))
    await desk.until_files(f"a/run/{EVENTS}", f"b/run/{EVENTS}")
    desk.view.show(desk.named("b", "c"))
    await desk.until_files(f"b/run/{EVENTS}", f"c/run/{EVENTS}")
    assert desk.view.folder == folder
    desk.view.show(desk.named("c"))
    assert len(list(desk.shown.iterdir())) == 3  # the link, what it leads to, and what it led to before


async def test_what_is_added_needs_no_fresh_start_and_what_goes_does(desk: Desk) -> None:
    desk.view.show(desk.named("a"))
    await desk.until("complete")
    desk.view.show(desk.named("a", "b"))
    assert desk.view.state.rewrites == 0
    desk.view.show(desk.named("a"))
    assert desk.view.state.rewrites == 1
    desk.view.show([SourceSpec(name="a", location=desk.place("b"))])
    assert desk.view.state.rewrites == 2


async def test_a_rewrite_stays_counted_when_its_source_goes(desk: Desk) -> None:
    desk.view.show(desk.named("a", "b"))
    await desk.until("complete")
    desk.write(f"b/run/{EVENTS}", b"")
    await desk.until("rewrites")
    desk.view.show(desk.named("a"))
    assert desk.view.state.rewrites == 2


async def test_a_source_that_is_refused_takes_nothing_from_the_others(desk: Desk) -> None:
    desk.view.show([*desk.named("a"), SourceSpec(name="b", reason=GONE)])
    await desk.until_files(f"a/run/{EVENTS}")
    state = await desk.until("complete")
    assert (state.failure, state.note) == (None, Reason(code=GONE.code, text="b: The store is gone."))


async def test_a_place_that_is_not_there_fails_alone(desk: Desk) -> None:
    desk.view.show(desk.named("a", "none"))
    state = await desk.until("note")
    assert state.note is not None
    assert state.note.code is ReasonCode.NO_SUCH_PATH
    assert state.note.text.startswith("none: ")


async def test_a_view_fails_when_nothing_of_it_can_be_read(desk: Desk) -> None:
    desk.view.show(desk.named("none", "neither"))
    assert (await desk.until("failure")).has_logs is False


async def test_only_the_latest_runs_are_shown_as_they_change(desk: Desk) -> None:
    desk.write(f"c/new/{EVENTS}")
    source = SourceSpec(name="c", location=desk.place("c", Selection(latest=1)))
    desk.view.show([source])
    await desk.until_files(f"c/new/{EVENTS}")
    desk.write(f"c/run/{EVENTS}", b"12")
    await desk.until_files(f"c/run/{EVENTS}")


async def test_patterns_keep_files_out(desk: Desk) -> None:
    desk.write(f"c/run/tmp/{EVENTS}")
    desk.view.show([SourceSpec(name="c", location=desk.place("c", Selection(exclude=("**/tmp",))))])
    await desk.until("complete")
    assert walked(desk.view.folder) == [f"c/run/{EVENTS}"]


async def test_patterns_that_let_nothing_pass_are_told(desk: Desk) -> None:
    desk.view.show([SourceSpec(name="c", location=desk.place("c", Selection(include=("nothing",))))])
    state = await desk.until("note")
    assert state.note is not None
    assert "that its patterns let pass" in state.note.text


async def test_nothing_is_left_of_a_view_that_was_closed(desk: Desk) -> None:
    desk.view.show(desk.named("a", "b"))
    await desk.until("complete")
    for task in desk.tasks:
        task.cancel()
    await desk.view.close()
    assert list(desk.shown.iterdir()) == []
    assert (desk.root / "a" / "run" / EVENTS).is_file()
