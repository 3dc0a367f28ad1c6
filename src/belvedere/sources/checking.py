"""What can be said about a log location at the moment a job is created."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial

from belvedere.contract.errors import BelvedereError, LogSourceForbidden, LogSourceRefused, Unavailable
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.sources.base import LogSource, SourceDenied, SourceError, SourceMissing, SourceUnavailable
from belvedere.sources.census import Census, nothing_to_show
from belvedere.sources.hanging import beside
from belvedere.sources.location import (
    FolderLocation,
    FolderRequest,
    Location,
    absent_words,
    describe,
    folder_hint,
    parse_train_url,
    resolve_folder,
)
from belvedere.sources.opening import open_source
from belvedere.sources.stores import ObjectStore

NO_SUCH_BUCKET = "ModelArts.4311"
_RESOLVE_SECONDS = 2.0
_AT_ONCE_SECONDS = 0.5
_CODE_OF = {ReasonCode.NO_SUCH_BUCKET: NO_SUCH_BUCKET, ReasonCode.NO_SUCH_PATH: "ModelArts.4312"}


async def locate(train_url: str, *, log_roots: Sequence[str], stores: Sequence[str]) -> Location:
    """The location that a user's text names, folders resolved. Raises InvalidLogUrl.

    Raises Unavailable for a folder that does not answer.
    """
    found = parse_train_url(train_url, log_roots=log_roots, stores=stores)
    if not isinstance(found, FolderRequest):
        return found
    try:
        return await beside(train_url, partial(resolve_folder, found), _RESOLVE_SECONDS)
    except OSError as error:
        text = f"The folder {found.text} does not answer: its file system hangs, or is very slow. Try again later."
        raise Unavailable(text) from error


async def locate_unseen(train_url: str, *, log_roots: Sequence[str], stores: Sequence[str]) -> Location:
    """As `locate`; a folder that does not answer at once is taken as it is written.

    Whoever reads it finds out where its links lead, and refuses what lies outside of its root.
    """
    found = parse_train_url(train_url, log_roots=log_roots, stores=stores)
    if not isinstance(found, FolderRequest):
        return found
    try:
        return await beside(train_url, partial(resolve_folder, found), _AT_ONCE_SECONDS)
    except OSError:
        root, path = found.candidates[0]
        return FolderLocation(path=path, root=root)


async def check(location: Location, stores: Mapping[str, ObjectStore], timeout: float = 2.0) -> Reason | None:
    """Ask the source, for at most `timeout` seconds and with one request or two.

    None: it is there and holds something. A Reason: it can't be asked now, or is empty yet; a job may be created all
    the same. Raises LogSourceRefused or LogSourceForbidden when the source itself says no.
    """
    try:
        source = open_source(location, stores, for_a_glance=True)
        try:
            async with asyncio.timeout(timeout):
                return await _look(source, location)
        finally:
            await source.close()
    except (SourceMissing, SourceDenied) as error:
        raise refusal(error) from error
    except SourceUnavailable as error:
        return error.reason
    except TimeoutError:
        text = f"{describe(location)} did not answer within {timeout:g} s. It is tried again once the job starts."
        return Reason(code=ReasonCode.SOURCE_UNREACHABLE, text=text)


def explained(refused: LogSourceRefused, location: Location, text: str, log_roots: Sequence[str]) -> LogSourceRefused:
    """The refusal of what a user's text was taken for, with what else it may have been meant as."""
    message = refused.message
    if refused.error_code == NO_SUCH_BUCKET:
        message += folder_hint(text, log_roots)
    elif isinstance(location, FolderLocation) and refused.error_code == _CODE_OF[ReasonCode.NO_SUCH_PATH]:
        message = absent_words(text, log_roots) or message
    return LogSourceRefused(message, code=refused.error_code)


def refusal(error: SourceError) -> BelvedereError:
    """What a caller is told when a source can't do what was asked."""
    match error:
        case SourceMissing():
            return LogSourceRefused(error.reason.text, code=_CODE_OF.get(error.reason.code))
        case SourceDenied():
            return LogSourceForbidden(error.reason.text)
        case _:
            return Unavailable(error.reason.text)


async def _look(source: LogSource, location: Location) -> Reason | None:
    census = Census()
    async with aclosing(source.list()) as pages:
        async for page in pages:
            census.add(page)
            if census.total:
                return None
    return nothing_to_show(location, census, "logs")
