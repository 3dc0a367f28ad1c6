"""What TensorBoard imports and a viewer has no use for: imported before TensorBoard, this keeps it away.

Clients of object stores: a viewer has no network, and its logs are files. They stay where somebody has installed a
plug-in for TensorBoard, which may look at files by them, as the profiler does. And gRPC's own package, of which
TensorBoard needs two names, for `channel` stands in for the rest: it takes 11 MiB. Whoever asks for more of it gets it.
"""

import enum
import functools
import importlib
import importlib.util
import sys
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Final

STORES: Final = ("boto3", "botocore", "fsspec")
PLUG_INS: Final = "tensorboard_plugins"  # the group of their entry points; TensorBoard's own projector is one
_GRPC: Final = "grpc"


class RpcError(Exception):
    """A call has failed."""


class StatusCode(enum.Enum):
    """Why a call has failed: a number, and gRPC's word for it."""

    OK = (0, "ok")
    CANCELLED = (1, "cancelled")
    UNKNOWN = (2, "unknown")
    INVALID_ARGUMENT = (3, "invalid argument")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    NOT_FOUND = (5, "not found")
    ALREADY_EXISTS = (6, "already exists")
    PERMISSION_DENIED = (7, "permission denied")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    FAILED_PRECONDITION = (9, "failed precondition")
    ABORTED = (10, "aborted")
    OUT_OF_RANGE = (11, "out of range")
    UNIMPLEMENTED = (12, "unimplemented")
    INTERNAL = (13, "internal")
    UNAVAILABLE = (14, "unavailable")
    DATA_LOSS = (15, "data loss")
    UNAUTHENTICATED = (16, "unauthenticated")


class _StandIn(ModuleType):
    """gRPC's package, until somebody wants more of it than these two names."""

    RpcError = RpcError
    StatusCode = StatusCode

    def __init__(self, folders: list[str]) -> None:
        super().__init__(_GRPC)
        self.__path__ = folders

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(), name)


class _Finder:
    """Finds nothing; but who looks for a part of the package needs all of it first."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """As the import system asks."""
        if name.startswith(f"{_GRPC}."):
            _real()


def _real() -> ModuleType:
    if isinstance(sys.modules.get(_GRPC), _StandIn):
        del sys.modules[_GRPC]
    return importlib.import_module(_GRPC)


@functools.cache
def has_plug_ins() -> bool:
    """Whether somebody has installed one that does not come with TensorBoard."""
    return any(not entry.value.startswith("tensorboard.") for entry in entry_points(group=PLUG_INS))


def go_without() -> None:
    """In the whole process, from now on; what has been imported already stays. Repeatable."""
    for name in () if has_plug_ins() else STORES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # an import of it fails, as if it weren't there
    if _GRPC not in sys.modules and (spec := importlib.util.find_spec(_GRPC)):
        sys.modules[_GRPC] = _StandIn(list(spec.submodule_search_locations or ()))
        sys.meta_path.insert(0, _Finder)


go_without()
