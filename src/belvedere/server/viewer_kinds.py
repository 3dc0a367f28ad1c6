"""The viewer types of this machine as the API tells of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from belvedere.contract.jobs import ViewerKind
from belvedere.contract.validation import DEFAULT_JOB_TYPE
from belvedere.viewers.base import ViewerType
from belvedere.viewers.environments import Environments, install_command
from belvedere.viewers.registry import viewer_types

# By folder: the types that were there last, and what is told of them.
_LATEST: Final[dict[Path, tuple[Mapping[str, ViewerType], tuple[ViewerKind, ...]]]] = {}


def viewer_kinds(environments: Environments) -> list[ViewerKind]:
    """All of them as of now, the default one first: installing one needs no restart."""
    types = viewer_types(environments)
    before, told = _LATEST.get(environments.folder, (None, ()))
    if before is not types:
        kinds = [_kind(viewer, environments) for viewer in types.values()]
        told = tuple(sorted(kinds, key=lambda kind: not kind.is_default))
        _LATEST[environments.folder] = types, told
    return list(told)


def _kind(viewer: ViewerType, environments: Environments) -> ViewerKind:
    version = environments.version_of(viewer)
    return ViewerKind(
        job_type=viewer.name,
        title=viewer.title,
        description=viewer.description,
        logs=viewer.logs,
        is_installed=version is not None,
        version=version or "",
        to_install="" if version is not None else install_command(viewer.name),
        is_default=viewer.name == DEFAULT_JOB_TYPE,
    )
