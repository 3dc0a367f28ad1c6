"""Which runs of a source are shown: patterns, and those that changed last. Pure.

A pattern is matched part by part against a key and against each folder above it: ``run-*`` takes all that is in such a
folder, ``*/train`` every folder train one level down, ``**`` any number of folders. ``*`` stands within one part.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from fnmatch import translate
from functools import lru_cache

import msgspec

from belvedere.sources.base import Entry

_ANY_DEPTH = "**"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_Part = re.Pattern[str] | None  # None: any number of parts


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is taken of a place.

    `folders`: a path that begins with a pattern, such as ``exp-*/logs/``: only what is in such folders. `include`: only
    what one of them matches; `exclude`: nothing that one of them matches. `latest`: only so many of the topmost
    folders, 0 for all.
    """

    folders: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    latest: int = 0

    @property
    def pattern(self) -> str:
        """Of the names of folders; "" for no such rule."""
        return self.folders.partition("/")[0]

    @property
    def below(self) -> str:
        """The path below each such folder, "" or with a slash at its end."""
        return self.folders.partition("/")[2]


EVERYTHING = Selection()


def is_wanted(selection: Selection, key: str) -> bool:
    """Whether the patterns let a key pass."""
    parts = key.split("/")
    if selection.include and not any(_matches(_compiled(pattern), parts) for pattern in selection.include):
        return False
    return not any(_matches(_compiled(pattern), parts) for pattern in selection.exclude)


def only_latest(selection: Selection, entries: Sequence[Entry], is_log: Callable[[str], bool]) -> list[Entry]:
    """The entries in those topmost folders whose logs changed last. Files beside the folders count as one folder."""
    if not selection.latest:
        return list(entries)
    changed: dict[str, datetime] = {}
    for entry in entries:
        if is_log(entry.key):
            changed[run_of(entry.key)] = max(entry.modified, changed.get(run_of(entry.key), _LONG_AGO))
    order = sorted(changed, key=lambda run: (changed[run], run), reverse=True)
    kept = frozenset(order[: selection.latest])
    return [entry for entry in entries if run_of(entry.key) in kept]


def run_of(key: str) -> str:
    """The topmost folder of a key, "" for a file beside the folders."""
    return key.partition("/")[0] if "/" in key else ""


def names_match(pattern: str, name: str) -> bool:
    """Whether a folder's name is of a pattern in which ``*`` alone has a meaning."""
    return _star(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _star(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(re.sub(r"([?[])", r"[\1]", pattern)))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[_Part, ...]:
    """`translate` makes expressions that never try the same place twice, whoever wrote the pattern."""
    return tuple(None if part == _ANY_DEPTH else re.compile(translate(part)) for part in pattern.split("/"))


def _matches(pattern: Sequence[_Part], parts: Sequence[str]) -> bool:
    """Whether the pattern takes the path or a folder above it: all places that it can have got to, part by part."""
    reached = _skipped(pattern, {0})
    for part in parts:
        if len(pattern) in reached:
            return True
        steps = {at if pattern[at] is None else at + 1 for at in reached if _takes(pattern[at], part)}
        reached = _skipped(pattern, steps)
    return len(pattern) in reached


def _takes(expected: _Part, part: str) -> bool:
    return expected is None or expected.match(part) is not None


def _skipped(pattern: Sequence[_Part], reached: set[int]) -> set[int]:
    """``**`` may stand for no part at all."""
    found = set(reached)
    for at, expected in enumerate(pattern):
        if at in found and expected is None:
            found.add(at + 1)
    return found
