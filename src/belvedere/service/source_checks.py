"""Asking all sources of a job at once, before anything is recorded."""

import asyncio
from collections.abc import Sequence

from belvedere.contract.errors import BelvedereError
from belvedere.contract.source_rules import ValidSource
from belvedere.lifecycle.jobs import Source
from belvedere.service.rules import CheckedSource, LogPlaces

_AT_ONCE = 8


async def check_sources(
    places: LogPlaces, project_id: str, wanted: Sequence[ValidSource], known: Sequence[Source] = ()
) -> Sequence[CheckedSource]:
    """What each source is found to be. Those that are `known`, by place and store, are not asked again.

    A source that can't be read any more is thus no obstacle to detaching another. Raises the first refusal, which names
    the source by its place in the list.
    """
    turns = asyncio.Semaphore(_AT_ONCE)
    stores = {(source.url, source.store): source.store for source in known}
    any_store = {source.url: source.store for source in reversed(known)}

    async def one(index: int, source: ValidSource) -> CheckedSource:
        store = any_store.get(source.url) if source.store is None else stores.get((source.url, source.store))
        if store is not None:
            return CheckedSource(store=store)
        async with turns:
            try:
                return await places.check(project_id, source.url, source.store, is_pattern=True)
            except BelvedereError as error:
                raise _named(error, f"sources[{index}]") from error

    answers = await asyncio.gather(*(one(index, each) for index, each in enumerate(wanted)), return_exceptions=True)
    return [_answered(each) for each in answers]


def _answered(answer: CheckedSource | BaseException) -> CheckedSource:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _named(error: BelvedereError, where: str) -> BelvedereError:
    return type(error)(f"{where}: {error.message}", code=error.error_code, retry_after=error.retry_after)
