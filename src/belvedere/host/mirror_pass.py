"""One pass of a mirror: list the source, plan, carry it out, say what came of it."""

import errno
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime

import msgspec
from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.mirror_copy import Copying
from belvedere.host.mirror_files import MirrorFiles
from belvedere.host.mirror_links import link_files
from belvedere.host.mirror_names import representable, skipped_files, unsafe_files
from belvedere.host.mirror_plan import Action, Append, Held, Remove, plan_pass
from belvedere.host.mirror_quota import Share
from belvedere.host.mirror_tally import Tally
from belvedere.sources.base import Entry, LogSource, SourceError
from belvedere.sources.census import Census, OtherLogs, nothing_to_show
from belvedere.sources.folder import FolderSource
from belvedere.sources.location import Location
from belvedere.sources.pouring import in_thread
from belvedere.sources.selecting import EVERYTHING, Selection, is_wanted, only_latest
from belvedere.viewers.base import ViewerType
from belvedere.viewers.registry import viewer_types, would_show

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a source has for a viewer: `entries` that can be files, `skipped` keys that can't, all others counted.

    `nearby`: places beside it that have logs, if it has none. `remark`: what the source has to tell of it.
    """

    entries: list[Entry]
    skipped: list[str]
    census: Census
    nearby: Sequence[str] = ()
    remark: Reason | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a pass. `note`: something to be told; `fault`: something to be tried again, after `retry_after`."""

    changed: bool
    finished: bool  # it got to the end of its plan, though single files may have failed
    has_logs: bool
    newest: datetime | None
    fault: Reason | None = None
    retry_after: float = 0.0  # seconds; 0: soon
    note: Reason | None = None


async def list_wanted(
    source: LogSource,
    viewer: ViewerType,
    selection: Selection = EVERYTHING,
    first_look: Callable[[], Awaitable[Sequence[Entry]]] | None = None,
) -> Listing:
    """One walk through the source's listing, keeping only what viewer and user want. Raises SourceError.

    `first_look` is taken between the first page and the next: what it finds counts until a later page says otherwise.
    """
    wanted: dict[str, Entry] = {}
    others = [each for each in viewer_types().values() if each.logs != viewer.logs]
    census = Census(lambda key: _logs_of_another(key, viewer, others))
    async with aclosing(source.list()) as pages:
        async for page in pages:
            wanted |= {each.key: each for each in page if viewer.wants(each.key) and is_wanted(selection, each.key)}
            census.add(page)
            if first_look is not None:
                wanted |= {each.key: each for each in await first_look()}
                first_look = None
    entries, skipped = representable(only_latest(selection, list(wanted.values()), viewer.is_log))
    return Listing(entries=entries, skipped=skipped, census=census, remark=source.remark)


def _logs_of_another(key: str, viewer: ViewerType, others: Sequence[ViewerType]) -> OtherLogs | None:
    """Whose logs a file is of, where the viewer itself doesn't want it. Versions of a viewer share its logs."""
    other = next((each for each in others if would_show(each, key)), None)
    return OtherLogs(viewer=other.name, called=other.logs) if other and not viewer.wants(key) else None


class Pass:
    """What stays the same from pass to pass of one mirror."""

    def __init__(self, location: Location, viewer: ViewerType, files: MirrorFiles, share: Share) -> None:
        self._location = location
        self._viewer = viewer
        self._files = files
        self._share = share

    def is_wanted(self, key: str) -> bool:
        """Whether viewer and user want it."""
        return self._viewer.wants(key) and is_wanted(self._location.selection or EVERYTHING, key)

    async def copy_some(self, source: LogSource, entries: Sequence[Entry], held: dict[str, Held], tally: Tally) -> bool:
        """Copy some files before all are known; no other is touched. Whether they are all there then."""
        sizes = await in_thread(self._files.sizes)
        actions = [each for each in plan_pass(entries, held, sizes) if not isinstance(each, Remove)]
        _expect(tally, entries, actions)
        self._share.begin(sum(sizes.values()))
        copying = await self._copy(source, actions, held, tally, self._share)
        return not (copying.stopped or copying.failures)

    async def copy(self, source: LogSource, listing: Listing, held: dict[str, Held], tally: Tally) -> Result:
        """Bring the files up to `listing` by copying. `held` follows, also when the pass is cancelled."""
        sizes = await in_thread(self._files.sizes)
        actions = plan_pass(listing.entries, held, sizes)
        _expect(tally, listing.entries, actions)
        try:
            self._share.begin(tally.bytes_done)
            copying = await self._copy(source, actions, held, tally, self._share)
        finally:
            if actions:
                await self._save(held)
        return self._result(listing, copying, held, changed=bool(actions))

    async def link(self, folder: FolderSource, listing: Listing, held: dict[str, Held], tally: Tally) -> Result:
        """Bring the files up to `listing` by links to the logs, and copies of the rest."""
        before = dict(held)
        paths, may_show = await folder.places_of([entry.key for entry in listing.entries])
        in_place = {key for key in may_show if self._viewer.is_log(key)}
        linked = await link_files(listing.entries, paths, held, self._files, in_place)
        held.clear()
        held.update(linked.held)
        for _ in range(linked.rewrites):
            tally.rewrote()
        copied = [_dated(entry) for entry in listing.entries if entry.key in paths and entry.key not in in_place]
        known = {key: old for key, old in held.items() if key not in in_place}
        actions = plan_pass(copied, known, linked.sizes)
        copying = await self._copy(folder, actions, held, tally)
        _linked(tally, held, has_logs=any(self._viewer.is_log(key) for key in held))
        if before != held:
            await self._save(held)
        return self._result(listing, copying, held, changed=before != held)

    async def _copy(
        self,
        source: LogSource,
        actions: Sequence[Action],
        held: dict[str, Held],
        tally: Tally,
        share: Share | None = None,
    ) -> Copying:
        copying = Copying(source, self._files, held, tally, self._viewer.is_log, share)
        await copying.run(actions)
        return copying

    async def _save(self, held: dict[str, Held]) -> None:
        try:
            await in_thread(lambda: self._files.save(dict(held)))
        except OSError as error:
            if error.errno not in _FULL:
                raise  # a full disk is told by the copying itself, and the manifest only saves time

    def _result(self, listing: Listing, copying: Copying, held: Mapping[str, Held], *, changed: bool) -> Result:
        whole = [key for key, file in held.items() if not file.refused]
        has_logs = any(self._viewer.is_log(key) for key in whole)
        return Result(
            changed=changed,
            finished=not copying.stopped,
            has_logs=has_logs,
            newest=max((entry.modified for entry in listing.entries), default=None),
            fault=_fault(copying),
            retry_after=max((error.retry_after for error in copying.failures), default=0.0),
            note=self._note(listing, held, has_logs=has_logs),
        )

    def _note(self, listing: Listing, held: Mapping[str, Held], *, has_logs: bool) -> Reason | None:
        refused = sorted(key for key, file in held.items() if file.refused)
        if refused:
            return unsafe_files(refused)
        if listing.skipped:
            return skipped_files(listing.skipped)
        if listing.remark or has_logs or any(self._viewer.is_log(entry.key) for entry in listing.entries):
            return listing.remark
        wanted = self._viewer.logs
        if self._location.selection and (self._location.selection.include or self._location.selection.exclude):
            wanted += " that its patterns let pass"
        return nothing_to_show(self._location, listing.census, wanted, listing.nearby)


def disk_fault(error: OSError) -> Reason:
    """What to tell when the mirror's own disk refuses."""
    if error.errno in _FULL:
        text = "The disk for mirrored logs is full. Free some space; copying goes on by itself."
        return Reason(code=ReasonCode.DISK_FULL, text=text)
    text = f"Mirrored logs can't be written: {error.strerror or error}. It is tried again; see the host's log."
    return Reason(code=ReasonCode.SOURCE_ERROR, text=text)


def _fault(copying: Copying) -> Reason | None:
    if copying.disk_error is not None:
        return disk_fault(copying.disk_error)
    if copying.over_quota is not None:
        return copying.over_quota
    return _source_fault(copying.failures) if copying.failures else None


def _source_fault(failures: list[SourceError]) -> Reason:
    first = failures[0].reason
    if len(failures) == 1:
        return first
    return Reason(code=first.code, text=f"{first.text} ({len(failures)} files could not be read yet.)")


def _expect(tally: Tally, entries: Sequence[Entry], actions: Sequence[Action]) -> None:
    """Set what is to be done and what is done already: files without an action, and beginnings to append to."""
    busy = {action.entry.key: action for action in actions if not isinstance(action, Remove)}
    done = [entry for entry in entries if entry.key not in busy]
    tally.files_done = len(done)
    appended = sum(action.have for action in busy.values() if isinstance(action, Append))
    tally.bytes_done = sum(entry.size for entry in done) + appended
    tally.expect(len(entries), sum(entry.size for entry in entries))


def _dated(entry: Entry) -> Entry:
    """A file that is copied is another when it was written to; one that is shown in place only when it was replaced."""
    return replace(entry, tag=f"{entry.tag}-{entry.modified.timestamp()}")


def _linked(tally: Tally, held: Mapping[str, Held], *, has_logs: bool) -> None:
    size = sum(file.size for file in held.values())
    tally.files_done, tally.bytes_done, tally.has_logs = len(held), size, has_logs
    tally.expect(len(held), size)
