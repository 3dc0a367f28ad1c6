"""The look that goes wide before it goes deep, over trees of any shape."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import Entry, SourceUnavailable
from belvedere.sources.listings import Page
from belvedere.sources.shallow import LEVELS, REQUESTS, shallow

NAMES = st.sampled_from(["a", "b", "run", "x.tfevents", "y.ckpt", ""])
KEYS = st.lists(NAMES, min_size=1, max_size=7).map("/".join).filter(bool)


class Store:
    """Answers as a store does, in pages of at most `most`; `deaf`: to the delimiter."""

    def __init__(self, keys: Sequence[str], most: int = 1000, *, deaf: bool = False, fails_at: int = 0) -> None:
        self.keys = sorted(set(keys))
        self.asked: list[str] = []
        self._most = most
        self._deaf = deaf
        self._fails_at = fails_at

    async def page(self, query: Mapping[str, str]) -> Page:
        self.asked.append(query["prefix"])
        if len(self.asked) == self._fails_at:
            raise SourceUnavailable(ReasonCode.SOURCE_ERROR, "slow down")
        below = [key for key in self.keys if key.startswith(query["prefix"])]
        names = dict.fromkeys(key if self._deaf else _folded(key, query["prefix"]) for key in below)
        shown = list(names)[: self._most]
        return Page(
            entries=[_entry(name) for name in shown if name in self.keys and (self._deaf or name[-1] != "/")],
            folders=[name for name in shown if name.endswith("/") and not self._deaf],
            next_token="more" if len(names) > self._most else "",
        )


def _folded(key: str, prefix: str) -> str:
    name, slash, _ = key.removeprefix(prefix).partition("/")
    return prefix + name + slash


def _entry(key: str) -> Entry:
    return Entry(key=key, size=1, modified=datetime(2030, 1, 1, tzinfo=UTC))


def is_log(key: str) -> bool:
    return "tfevents" in key.rpartition("/")[2]


def found(store: Store, prefix: str = "p/") -> list[str]:
    async def look() -> list[str]:
        return [entry.key async for page in shallow(store.page, prefix, is_log) for entry in page]

    return asyncio.run(look())


@settings(max_examples=200, deadline=None)
@given(st.lists(KEYS, max_size=40), st.integers(1, 5), st.booleans())
def test_it_names_nothing_that_the_whole_listing_does_not_name(keys: list[str], most: int, deaf: bool) -> None:
    store = Store([f"p/{key}" for key in keys], most, deaf=deaf)
    assert set(found(store)) <= set(store.keys)
    assert len(store.asked) <= REQUESTS
    assert len(store.asked) == len(set(store.asked))
    assert all(folder.startswith("p/") and folder.count("/") <= LEVELS for folder in store.asked)


def test_logs_near_the_top_are_found_beside_any_number_of_other_objects() -> None:
    logs = [f"p/run-{run:02}/x.tfevents" for run in range(20)]
    others = [f"p/run-{run:02}/steps/{step:03}/part.ckpt" for run in range(20) for step in range(300)]
    store = Store(logs + others)
    assert found(store) == logs
    assert len(store.asked) == 21


def test_of_too_many_folders_the_last_by_name_are_looked_into() -> None:
    store = Store([f"p/run-{run:04}/x.tfevents" for run in range(900)])
    assert found(store) == [f"p/run-{run:04}/x.tfevents" for run in range(900 - REQUESTS + 1, 900)]


def test_it_looks_no_further_in_a_store_that_is_in_trouble() -> None:
    store = Store([f"p/{run}/deep/x.tfevents" for run in range(9)], fails_at=3)
    found(store)
    assert len(store.asked) == 10


def test_a_store_that_folds_no_folders_is_asked_once() -> None:
    store = Store(["p/a/b/x.tfevents", "p/a/y.ckpt"], deaf=True)
    assert found(store) == ["p/a/b/x.tfevents", "p/a/y.ckpt"]
    assert store.asked == ["p/"]
