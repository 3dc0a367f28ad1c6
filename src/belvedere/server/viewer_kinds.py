"""The viewer types of this machine as the API tells of them."""

from belvedere.contract.jobs import ViewerKind
from belvedere.contract.validation import DEFAULT_JOB_TYPE
from belvedere.viewers.base import ViewerType
from belvedere.viewers.environments import Environments, install_command
from belvedere.viewers.registry import viewer_types


def viewer_kinds(environments: Environments) -> list[ViewerKind]:
    """All of them as of now, the default one first: installing one needs no restart."""
    kinds = [_kind(viewer, environments) for viewer in viewer_types(environments).values()]
    return sorted(kinds, key=lambda kind: not kind.is_default)


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
