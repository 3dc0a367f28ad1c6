"""What one pass of a mirror has to do. Pure: from a listing and what stands on disk to a list of actions."""

from collections.abc import Mapping, Sequence

import msgspec

from belvedere.host.mirror_safety import is_guarded
from belvedere.sources.base import Entry


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a mirror last made of one file.

    `version` is the source's at that time, "" where unknown. `refused`: it was read, found unsafe and is not there.
    """

    size: int
    version: str
    refused: bool = False


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """A file that isn't there yet."""

    entry: Entry


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """A file of which the first `have` bytes are there, if it hasn't been rewritten: that has to be checked."""

    entry: Entry
    have: int


class Replace(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose content is another one now."""

    entry: Entry


class Remove(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is no longer in the source."""

    key: str


Action = Fetch | Append | Replace | Remove


def plan_pass(listing: Sequence[Entry], held: Mapping[str, Held], sizes: Mapping[str, int]) -> list[Action]:
    """Actions that make the folder equal to `listing`: removals first, as they make room; then the newest files.

    `sizes`: bytes on disk, which are the truth after a pass that was killed; `held` only saves looking again.
    """
    listed = {entry.key for entry in listing}
    gone = sorted((sizes.keys() | held.keys()) - listed)
    newest = sorted(listing, key=lambda entry: (entry.modified, entry.key), reverse=True)
    actions = (_action(entry, held.get(entry.key), sizes.get(entry.key)) for entry in newest)
    return [*(Remove(key=key) for key in gone), *(action for action in actions if action is not None)]


def version_of(entry: Entry) -> str:
    """A word that changes with the content. A small guarded file is looked at again whenever it may have changed."""
    if entry.tag and not is_guarded(entry.key):
        return entry.tag
    return f"{entry.tag}@{entry.modified.isoformat()}"


def _action(entry: Entry, held: Held | None, on_disk: int | None) -> Action | None:
    known = held is not None and held.version == version_of(entry)
    if known and held is not None and held.refused and held.size == entry.size:
        return None
    if on_disk is None:
        return Fetch(entry=entry)
    if known and on_disk == entry.size:
        return None
    grown = on_disk < entry.size or (on_disk == entry.size and held is None)
    return Append(entry=entry, have=on_disk) if grown and not is_guarded(entry.key) else Replace(entry=entry)
