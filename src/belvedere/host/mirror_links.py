"""Showing a local folder's logs in place: symlinks to the real files, each checked to lie inside the allowed root.

Only logs are linked, and only those inside the job's own folder that its viewer can read. What a link leads to can be
exchanged after it was checked, by whoever may write there; but a viewer behind its walls sees nothing else than that
folder. Whatever a viewer would hand out as it is, such as the projector's tables, and logs that lie elsewhere in the
root are copied through a descriptor that was checked when it was open.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from belvedere.host.mirror_files import MirrorFiles
from belvedere.host.mirror_plan import Held, version_of
from belvedere.sources.base import Entry
from belvedere.sources.pouring import in_thread


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """What linking made of a listing: what is held now, and how many files were replaced, cut or removed.

    `sizes`: of the files that are no links, by key.
    """

    held: dict[str, Held]
    rewrites: int
    sizes: dict[str, int]


async def link_files(
    listing: Sequence[Entry],
    paths: Mapping[str, Path],
    held: Mapping[str, Held],
    files: MirrorFiles,
    in_place: Collection[str],
) -> Linked:
    """Make ``logs`` stand for `listing`. `paths`: where the files really are; those without one are taken out.

    Files that are not to be shown `in_place` are the caller's to copy; here they are only removed. Raises OSError when
    our disk is full.
    """
    return await in_thread(partial(_link_files, listing, paths, held, files, in_place))


def _link_files(
    listing: Sequence[Entry],
    paths: Mapping[str, Path],
    held: Mapping[str, Held],
    files: MirrorFiles,
    in_place: Collection[str],
) -> Linked:
    shown = {entry.key: entry for entry in listing if entry.key in paths}
    rewrites = sum(files.remove(key) for key in sorted(held.keys() - shown.keys()))
    now = {key: old for key, old in held.items() if key in shown and key not in in_place}
    for key, entry in shown.items():
        if key not in in_place:
            files.unlink(key)
        else:
            files.link(key, paths[key])
            now[key] = Held(size=entry.size, version=version_of(entry))
            rewrites += _is_rewritten(held.get(key), now[key])
    return Linked(held=now, rewrites=rewrites, sizes=files.sizes())


def _is_rewritten(before: Held | None, now: Held) -> bool:
    """Whether a reader with the file open has to open it anew: it is another file, or has been cut."""
    return before is not None and (before.version != now.version or now.size < before.size)
