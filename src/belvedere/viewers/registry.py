"""All kinds of viewers: ours, and those that plug-ins bring by the entry-point group `belvedere.viewers`."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from belvedere.viewers.base import ViewerType
from belvedere.viewers.tensorboard import TensorBoard

GROUP = "belvedere.viewers"  # each entry is a callable without arguments that gives a ViewerType


def viewer_types() -> Mapping[str, ViewerType]:
    """Viewer types by name. A plug-in may replace one of ours by bearing its name."""
    ours: list[ViewerType] = [TensorBoard()]
    theirs: list[ViewerType] = [entry.load()() for entry in entry_points(group=GROUP)]
    return {viewer.name: viewer for viewer in ours + theirs}
