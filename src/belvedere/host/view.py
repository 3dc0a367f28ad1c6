"""What a viewer is pointed at: one folder that stands for the mirrors of all its sources, whichever they are now."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from belvedere.contract.jobs import SourceProgress
from belvedere.host.mirroring import Identity, Mirror, MirrorState, identity_of
from belvedere.host.protocol import SourceSpec
from belvedere.host.view_state import merged
from belvedere.sources.location import Location

SOURCE_EVERY = 30.0  # seconds between two tries to read a source that has turned unreadable

OpenMirror = Callable[[Location], Mirror]
Begin = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]


class View:
    """A link that leads to the only mirror's folder, or to one with a link for each source under the source's name.

    It is exchanged whole, so that whoever walks through it finds either what was or what is. `begin` starts a task and
    looks after it: it ends the tasks when the view is closed.
    """

    def __init__(self, place: Path, open_mirror: OpenMirror, begin: Begin) -> None:
        """Nothing is shown before `show`."""
        self.folder = place
        self._open_mirror = open_mirror
        self._begin = begin
        self._parts: dict[str, _Part] = {}
        self._numbers = count()
        self._composed: Path | None = None
        self._left: Path | None = None  # the one before: somebody may just be walking through it
        self._changes = 0  # after which a viewer has to open its files anew
        self._closing: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self.sources: tuple[SourceSpec, ...] = ()
        self.state = MirrorState(progress=SourceProgress(state="listing"))

    def show(self, sources: Sequence[SourceSpec]) -> None:
        """Show these from now on. Mirrors that stay go on undisturbed. Raises OSError."""
        before = self._parts
        self._parts = {each.name: _kept(before, each) or self._opened(each) for each in sources}
        self.sources = tuple(sources)
        gone = [part for name, part in before.items() if self._parts.get(name) is not part]
        self._changes += sum(part.rewrites for part in gone) + bool(gone)
        self._link()
        for part in gone:
            self._close(part)
        self._tell()

    @property
    def holds_files(self) -> bool:
        """Whether anything has been fetched, now or at another time."""
        return any(any(part.mirror.folder.iterdir()) for part in self._parts.values() if part.mirror)

    async def reach(self) -> Mapping[Path, Identity]:
        """The real folders that one gets to through `folder`, its own first, and which they are."""
        mirrors = [part.mirror for part in self._parts.values() if part.mirror]
        elsewhere = await asyncio.gather(*(mirror.elsewhere() for mirror in mirrors))
        found: dict[Path, Identity] = {}
        for path in (self.folder.resolve(), *(mirror.folder for mirror in mirrors)):
            with suppress(OSError):
                found[path] = identity_of(path)
        for folders in elsewhere:
            found.update(folders)
        return found

    async def differs_from(self, state: MirrorState) -> MirrorState:
        """The state, as soon as it is another than this one."""
        while self.state == state:
            await self._changed.wait()
        return self.state

    def watch(self) -> None:
        """Somebody looks now."""
        for part in self._parts.values():
            if part.mirror is not None:
                part.mirror.watch()

    async def close(self) -> None:
        """Let go of all mirrors."""
        for part in self._parts.values():
            self._close(part)
        self._parts = {}
        if self._closing:
            await asyncio.wait(self._closing)
        self.folder.unlink(missing_ok=True)
        self._discard(self._composed)
        self._discard(self._left)

    def _opened(self, source: SourceSpec) -> "_Part":
        if source.location is None:
            return _Part(source, None)
        part = _Part(source, self._open_mirror(source.location))
        part.task = self._begin(self._follow(part, source.location))
        return part

    def _close(self, part: "_Part") -> None:
        if part.task is not None:
            part.task.cancel()
        if part.mirror is not None:
            closing = asyncio.create_task(part.mirror.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _follow(self, part: "_Part", location: Location) -> None:
        mirror = part.mirror
        while mirror is not None:
            part.state = mirror.state
            self._tell()
            if part.state.failure is None:
                await mirror.differs_from(part.state)
            else:  # it makes no more passes; opening it once more begins anew
                await asyncio.sleep(SOURCE_EVERY)
                await self._open_mirror(location).close()

    def _tell(self) -> None:
        states = {name: part.state for name, part in self._parts.items()}
        state = merged(states, self._changes + sum(part.rewrites for part in self._parts.values()))
        if state != self.state:
            self.state = state
            self._changed.set()
            self._changed = asyncio.Event()

    def _link(self) -> None:
        before, sole = self._composed, self._parts.get("")
        self._composed = None
        target = sole.mirror.folder if sole and sole.mirror else self._compose()
        fresh = self.folder.with_name(f"{self.folder.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(self.folder)
        if before is not None:
            self._discard(self._left)
            self._left = before

    def _compose(self) -> Path:
        folders = {name: part.mirror.folder for name, part in self._parts.items() if part.mirror}
        self._composed = self.folder.with_name(f"{self.folder.name}-{next(self._numbers)}")
        self._composed.mkdir(mode=0o755)  # a viewer may be another user than we are
        for name, folder in folders.items():
            (self._composed / name).symlink_to(folder)
        return self._composed

    def _discard(self, composed: Path | None) -> None:
        """Links go, and never what they lead to."""
        if composed is not None:
            with suppress(OSError):
                shutil.rmtree(composed)


class _Part:
    """One source of the view."""

    def __init__(self, source: SourceSpec, mirror: Mirror | None) -> None:
        self.source = source
        self.mirror = mirror
        self.task: asyncio.Task[None] | None = None
        self.state = mirror.state if mirror else _refused(source)
        self._rewrites_before = self.state.rewrites  # of a mirror that others opened earlier

    @property
    def rewrites(self) -> int:
        """Since it is shown here."""
        return self.state.rewrites - self._rewrites_before


def _kept(parts: Mapping[str, _Part], source: SourceSpec) -> _Part | None:
    part = parts.get(source.name)
    return part if part is not None and part.source == source else None


def _refused(source: SourceSpec) -> MirrorState:
    return MirrorState(progress=SourceProgress(state="failed", reason=source.reason), failure=source.reason)
