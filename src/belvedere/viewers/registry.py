"""All kinds of viewers: ours, those that plug-ins bring by the entry-point group `belvedere.viewers`, and versions.

A version of a viewer is what somebody has installed beside it under a name of its own.
"""

import functools
import logging
import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Final

from belvedere.viewers.base import HasVersions, ViewerType
from belvedere.viewers.environments import Environments
from belvedere.viewers.mindinsight.viewer import MindInsight
from belvedere.viewers.tensorboard.viewer import TensorBoard

log = logging.getLogger(__name__)

GROUP: Final = "belvedere.viewers"  # each entry is a callable without arguments that gives a ViewerType
NAME: Final = re.compile(r"[a-z][a-z0-9.-]{0,31}")  # of a viewer, as it stands in `job_type` and in URLs


def viewer_types(environments: Environments | None = None) -> Mapping[str, ViewerType]:
    """Viewer types by name, installed or not. A plug-in may replace one of ours by bearing its name.

    With `environments`, also the versions that are installed there.
    """
    kinds = _kinds()
    return {**kinds, **_versions(kinds, environments)} if environments else kinds


@functools.cache
def _kinds() -> Mapping[str, ViewerType]:
    ours: list[ViewerType] = [TensorBoard(), MindInsight()]
    return {viewer.name: viewer for viewer in (*ours, *_of_plugins())}


def _of_plugins() -> list[ViewerType]:
    """What plug-ins bring. One that can't be loaded is told in the log, and does no harm to the others."""
    found = []
    for entry in entry_points(group=GROUP):
        try:
            viewer = entry.load()()
        except Exception:
            log.exception("the viewer plug-in %s can't be loaded", entry.name)
            continue
        if not (isinstance(viewer, ViewerType) and NAME.fullmatch(viewer.name)):
            log.error("the viewer plug-in %s is left out: %r is no ViewerType", entry.name, viewer)
            continue
        found.append(viewer)
    return found


def _versions(kinds: Mapping[str, ViewerType], environments: Environments) -> dict[str, ViewerType]:
    versions: dict[str, ViewerType] = {}
    for name in environments.names():
        made = environments.installed(name)
        kind: object = kinds.get(made.kind) if made else None
        if made and isinstance(kind, HasVersions):
            versions[name] = kind.version(name, made.requirements)
    return versions
