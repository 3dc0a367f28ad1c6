"""From what a job says of its logs to a location that can be read: which store, which folder, and whether it is there.

The settings say which folders, the catalog which stores.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path

from belvedere.contract.decoding import shown
from belvedere.contract.errors import BelvedereError, LogSourceRefused, RequestError, Unavailable
from belvedere.contract.log_sources import LogFolder, LogFolderList, ValidBrowse, no_marker, url_below
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.protocol import SourceSpec
from belvedere.lifecycle.jobs import Job, Source, sources_of
from belvedere.server.settings import Settings
from belvedere.service.log_stores import StoreCatalog
from belvedere.service.rules import CheckedSource
from belvedere.sources.base import SourceError, SourceUnavailable
from belvedere.sources.browsing import Look, NoMarker, browse
from belvedere.sources.checking import check, explained, locate, locate_unseen, refusal
from belvedere.sources.location import (
    DEFAULT_STORE,
    FolderLocation,
    Location,
    ObjectLocation,
    describe,
    names_folder,
    selected,
    split_pattern,
)
from belvedere.sources.opening import open_source
from belvedere.sources.selecting import Selection
from belvedere.sources.stores import ObjectStore
from belvedere.viewers.registry import viewer_types, would_show

Locate = Callable[..., Coroutine[None, None, Location]]

_STAR = "In train_url * stands for itself; in the url of one of several sources it stands for any text."
_UNDECIDED = "?"  # no store's name: stands for "one of several" until it is known that one is needed at all
_BROWSE_SECONDS = 15.0
_STANDS = 1.0  # seconds that a folder is taken to be where it was found
_MOST_FOUND = 1000
_NO_BUCKET = "belvedere-asks-whether-you-know-it"  # a store that knows the keys says that it has no such bucket


class Locator:
    """Finds logs for one service. Implements `service.rules.LogPlaces`."""

    def __init__(self, settings: Settings, catalog: StoreCatalog) -> None:
        self._settings = settings
        self._catalog = catalog
        self._found: dict[str, tuple[FolderLocation, float]] = {}  # by what a job says: where that was, and when
        self._roots = [str(Path(root).expanduser().absolute()) for root in settings.log_root]

    async def check(self, project_id: str, url: str, store: str | None, *, is_pattern: bool) -> CheckedSource:
        """See `service.rules.LogPlaces`."""
        above, folders = split_pattern(url) if is_pattern else (url, "")
        needs_no_store = store is None and names_folder(above, self._roots)
        visible = {} if needs_no_store else await self._catalog.visible(project_id)
        location, name = await self.locate(visible, above, store)
        if isinstance(location, FolderLocation):
            self._note(above, location)
        location = selected(location, Selection(folders=folders))
        try:
            reason = await check(location, _by_key(visible), self._settings.source_check_seconds)
        except LogSourceRefused as refused:
            raise explained(refused, location, url, self._roots) from refused
        if reason is not None and reason.code is ReasonCode.NO_SUCH_PATH and "*" in url and not is_pattern:
            reason = Reason(code=reason.code, text=f"{reason.text} {_STAR}")
        return CheckedSource(store=name, reason=reason)

    async def browse(self, project_id: str, request: ValidBrowse) -> LogFolderList:
        """See `service.rules.LogPlaces`."""
        visible = await self._catalog.visible(project_id)
        location, store = await self.locate(visible, request.url, request.store)
        try:
            async with asyncio.timeout(_BROWSE_SECONDS):
                shelf = await browse(
                    location,
                    _by_key(visible),
                    _is_log,
                    Look(begins=request.begins, page_size=request.page_size, marker=request.marker),
                )
        except SourceError as error:
            raise refusal(error) from error
        except NoMarker as error:
            raise no_marker(str(error)) from error
        except TimeoutError as error:
            raise Unavailable(
                f"{describe(location)} did not answer within {_BROWSE_SECONDS:g} s. Try again."
            ) from error
        folders = [
            LogFolder(name=each.name, url=url_below(request.url, each.name), has_logs=each.has_logs)
            for each in shelf.folders
        ]
        return LogFolderList(
            url=request.url, store=store, has_logs=shelf.has_logs, folders=folders, next_marker=shelf.next_marker
        )

    async def of_job(self, job: Job) -> tuple[SourceSpec, ...]:
        """Where a job's logs lie. Raises SourceError if the settings no longer allow any of it.

        Raises SourceUnavailable if its only source is a folder that does not answer. One of several is read as it is
        written: the others need not wait for it.
        """
        sources = sources_of(job)
        visible = await self._catalog.visible(job.project_id) if any(source.store for source in sources) else {}
        find = locate if len(sources) == 1 else locate_unseen
        found = await asyncio.gather(*(self._spec(source, visible, find) for source in sources))
        if len(sources) > 1 and all(spec.location is None for spec in found):
            reason = next(spec.reason for spec in found if spec.reason)
            raise SourceError(reason.code, reason.text)
        return tuple(found)

    async def _spec(self, source: Source, visible: Mapping[str, ObjectStore], find: Locate) -> SourceSpec:
        try:
            return SourceSpec(name=source.name, location=await self._of_source(source, visible, find))
        except SourceError as error:
            if find is locate:
                raise
            return SourceSpec(name=source.name, reason=error.reason)

    async def _of_source(self, source: Source, visible: Mapping[str, ObjectStore], find: Locate) -> Location:
        if source.store and source.store not in visible:
            text = f"The log store {source.store!r} is gone, or its keys can't be decrypted. Add it again, or its keys."
            raise SourceError(ReasonCode.STORE_NOT_CONFIGURED, text)
        # What was a folder stays one, also when a store has been added since under which /a/b/ would be a bucket.
        names = (visible[source.store].key,) if source.store else ()
        try:
            above, folders = (source.url, "") if source.literal else split_pattern(source.url)
            location = self._found_lately(above, names) or await find(above, log_roots=self._roots, stores=names)
        except Unavailable as error:
            raise SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, error.message) from error
        except BelvedereError as error:
            raise SourceError(ReasonCode.SOURCE_FORBIDDEN, error.message) from error
        selection = Selection(
            folders=folders, include=source.include, exclude=source.exclude, latest=source.latest or 0
        )
        return selected(location, selection)

    def _note(self, url: str, location: FolderLocation) -> None:
        if len(self._found) >= _MOST_FOUND:
            self._found.clear()
        self._found[url] = location, time.monotonic()

    def _found_lately(self, url: str, stores: Sequence[str]) -> FolderLocation | None:
        """Where a folder was a moment ago, once: a job begins right after its check. Whoever reads there looks anew."""
        location, at = self._found.pop(url, (None, 0.0))
        return location if not stores and time.monotonic() - at < _STANDS else None

    async def locate(
        self, visible: Mapping[str, ObjectStore], train_url: str, store: str | None
    ) -> tuple[Location, str]:
        """The location, and the name of the store that it lies in. Raises RequestError and its kin."""
        name = _choice(visible, store)
        names = () if name is None else (visible[name].key if name != _UNDECIDED else _UNDECIDED,)
        location = await locate(train_url, log_roots=self._roots, stores=names)
        if isinstance(location, FolderLocation):
            if store is not None:
                raise RequestError("store: the URL names a folder, which lies in no store. Leave store out.")
            return location, ""
        if location.store == _UNDECIDED:
            raise RequestError(f"store is missing: there are several. Choose one of {', '.join(sorted(visible))}.")
        return location, name or ""


def _is_log(key: str) -> bool:
    """Whether any viewer that is installed shows it."""
    return any(would_show(viewer, key) for viewer in viewer_types().values())


def _choice(visible: Mapping[str, ObjectStore], store: str | None) -> str | None:
    """The store that is named; else the one called default; else the only one."""
    if store is not None:
        if store not in visible:
            known = f"Choose one of {', '.join(sorted(visible))}." if visible else "None has been added yet."
            raise RequestError(f"store: this project sees no usable log store named {shown(store)}. {known}")
        return store
    if not visible:
        return None
    if DEFAULT_STORE in visible:
        return DEFAULT_STORE
    return next(iter(visible)) if len(visible) == 1 else _UNDECIDED


def _by_key(visible: Mapping[str, ObjectStore]) -> dict[str, ObjectStore]:
    return {store.key: store for store in visible.values()}


async def try_store(store: ObjectStore, bucket: str | None, timeout: float) -> Reason | None:
    """See `service.log_stores.TryStore`. One request; at most `timeout` seconds."""
    location = ObjectLocation(store=store.key, bucket=bucket or _NO_BUCKET, prefix="")
    try:
        source = open_source(location, {store.key: store})
        try:
            async with asyncio.timeout(timeout):
                await source.probe()
        finally:
            await source.close()
    except SourceError as error:
        is_known = bucket is None and error.reason.code is ReasonCode.NO_SUCH_BUCKET
        return None if is_known else error.reason
    except TimeoutError:
        text = f"The object store {store.name!r} did not answer within {timeout:g} s."
        return Reason(code=ReasonCode.SOURCE_UNREACHABLE, text=text)
    return None


async def resolve(host: str) -> Sequence[str]:
    """See `service.log_stores.Resolve`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter: it can be no host's name
        return []
    return [str(address[0]) for *_, address in found]
