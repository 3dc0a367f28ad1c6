"""Showing a local folder in place: symlinks to the real files, each checked to lie inside the allowed root."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from belvedere.host.mirror_files import MirrorFiles, on_disk
from belvedere.host.mirror_plan import Held, version_of
from belvedere.host.mirror_safety import is_guarded
from belvedere.sources.base import Entry


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """What linking made of a listing: what is held now, and how many files were replaced, cut or removed."""

    held: dict[str, Held]
    rewrites: int


async def link_files(
    listing: Sequence[Entry], paths: Mapping[str, Path], held: Mapping[str, Held], files: MirrorFiles
) -> Linked:
    """Make ``logs`` stand for `listing`. `paths`: where the files really are; those without one are taken out.

    Guarded files are the caller's: they are copied, and here only removed. Raises OSError when our disk is full.
    """
    return await on_disk(partial(_link_files, listing, paths, held, files))


def _link_files(
    listing: Sequence[Entry], paths: Mapping[str, Path], held: Mapping[str, Held], files: MirrorFiles
) -> Linked:
    shown = {entry.key: entry for entry in listing if entry.key in paths}
    rewrites = sum(files.remove(key) for key in sorted(held.keys() - shown.keys()))
    now = {key: old for key, old in held.items() if key in shown and is_guarded(key)}
    for key, entry in shown.items():
        if not is_guarded(key):
            files.link(key, paths[key])
            now[key] = Held(size=entry.size, version=version_of(entry))
            rewrites += _is_rewritten(held.get(key), now[key])
    return Linked(held=now, rewrites=rewrites)


def _is_rewritten(before: Held | None, now: Held) -> bool:
    """Whether a reader with the file open has to open it anew: it is another file, or has been cut."""
    return before is not None and (before.version != now.version or now.size < before.size)
