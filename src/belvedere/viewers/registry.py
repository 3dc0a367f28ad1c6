"""All kinds of viewers: ours, those that plug-ins bring by the entry-point group `belvedere.viewers`, and versions.

A version of a viewer is what somebody has installed beside it under a name of its own.
"""

import functools
import logging
import re
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from belvedere.viewers.base import Appetite, Environment, HasVersions, ViewerType
from belvedere.viewers.environments import Environments, Stamp
from belvedere.viewers.mindinsight.viewer import MindInsight
from belvedere.viewers.tensorboard.viewer import TensorBoard

log = logging.getLogger(__name__)

_MEMBERS: Final = [name for name in vars(ViewerType) if not name.startswith("_")]
_TEXTS: Final = ("name", "title", "description", "logs", "program", "liveness_path")
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(_TEXTS, (str,)),
    **dict.fromkeys(("can_fork", "pages_poll"), (bool,)),
    "environment": (Environment, type(None)),
    "post_reads": (frozenset,),
    "appetite": (Appetite,),
}
LOADING: Final = 10.0  # seconds that a plug-in has to be imported and to describe itself
GROUP: Final = "belvedere.viewers"  # each entry is a callable without arguments that gives a ViewerType
NAME: Final = re.compile(r"[a-z][a-z0-9.-]{0,31}")  # of a viewer, as it stands in `job_type` and in URLs


# By folder: what was found there, of which kinds, as of which stamp. A create asks, and so does each viewer's start.
_LATEST: Final[dict[Path, tuple[Mapping[str, ViewerType], Stamp, Mapping[str, ViewerType]]]] = {}


def viewer_types(environments: Environments | None = None) -> Mapping[str, ViewerType]:
    """Viewer types by name, installed or not. A plug-in may replace one of ours by bearing its name.

    With `environments`, also the versions that are installed there; the same mapping until that changes.
    """
    kinds = _kinds()
    if environments is None:
        return kinds
    stamp, known = environments.stamp(), _LATEST.get(environments.folder)
    if known is None or known[0] is not kinds or known[1] != stamp:
        known = _LATEST[environments.folder] = kinds, stamp, {**kinds, **_versions(kinds, environments)}
    return known[2]


def would_show(viewer: ViewerType, key: str) -> bool:
    """Whether a viewer that nobody has chosen takes the file for one of its logs. One that fails at it takes none."""
    try:
        return viewer.is_log(key)
    except Exception:  # noqa: BLE001 - a plug-in's; whoever chooses that viewer is told
        return False


@functools.cache
def _kinds() -> Mapping[str, ViewerType]:
    ours: list[ViewerType] = [TensorBoard(), MindInsight()]
    return {viewer.name: viewer for viewer in (*ours, *_of_plugins())}


def _of_plugins() -> list[ViewerType]:
    """What plug-ins bring, the first of each name. One that is no good is told in the log, and harms no other."""
    found: dict[str, ViewerType] = {}
    for entry in entry_points(group=GROUP):
        if not _in_time(functools.partial(_load, entry, found)):
            log.error("the viewer plug-in %s is left out: it can't be loaded within %.0f s", entry.name, LOADING)
    return list(found.values())


def _in_time(act: Callable[[], None]) -> bool:
    """Whether it came to its end. If not, it goes on in its thread, which nobody waits for."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(LOADING)
    return not thread.is_alive()


def _load(entry: EntryPoint, found: dict[str, ViewerType]) -> None:
    try:
        viewer = entry.load()()
        fault = _fault_of(viewer, found)
    except (Exception, SystemExit):
        log.exception("the viewer plug-in %s can't be loaded", entry.name)
        return
    if fault:
        log.error("the viewer plug-in %s is left out: %s", entry.name, fault)
    else:
        found[viewer.name] = viewer


def _fault_of(viewer: object, others: Mapping[str, ViewerType]) -> str:
    """What is wrong with a plug-in's viewer; "" if nothing is."""
    if not isinstance(viewer, ViewerType):
        lacking = sorted(name for name in _MEMBERS if not hasattr(viewer, name))
        return f"{viewer!r} is no ViewerType, it lacks {', '.join(lacking)}"
    return _wrong_kind(viewer) or _wrong_name(viewer, others)


def _wrong_kind(viewer: ViewerType) -> str:
    for name, kinds in _KINDS.items():
        value = getattr(viewer, name, None)
        if hasattr(viewer, name) and not isinstance(value, kinds):
            wanted = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
            return f"its {name} is {value!r}, and not of type {wanted}"
    for name in ("wants", "is_log"):
        if not callable(getattr(viewer, name)):
            return f"its {name} can't be called"
    if not viewer.liveness_path.startswith("/"):
        return f"its liveness_path is {viewer.liveness_path!r}, and begins with no slash"
    return ""


def _wrong_name(viewer: ViewerType, others: Mapping[str, ViewerType]) -> str:
    if not NAME.fullmatch(viewer.name):
        return (
            f"{viewer.name!r} is no name: a letter, then letters, digits, periods and hyphens, 32 at most, lower case"
        )
    if viewer.name in others:
        return f"another plug-in brings {viewer.name} already"
    if viewer.environment is not None and viewer.environment.name != viewer.name:
        return f"its environment is called {viewer.environment.name!r}, and not {viewer.name} as it is"
    return ""


def _versions(kinds: Mapping[str, ViewerType], environments: Environments) -> dict[str, ViewerType]:
    versions: dict[str, ViewerType] = {}
    for name in environments.names():
        made = environments.installed(name)
        kind: object = kinds.get(made.kind) if made else None
        if made and isinstance(kind, HasVersions) and name not in kinds:
            versions[name] = kind.version(name, made.requirements)
    return versions
