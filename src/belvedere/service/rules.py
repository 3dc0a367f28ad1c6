"""What an operator decides about the service, and what it is given to work with."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from belvedere.contract.jobs import Flavor, ViewerKind
from belvedere.contract.log_sources import LogFolderList, ValidBrowse
from belvedere.contract.origins import ViewerOrigins
from belvedere.contract.reasons import Reason
from belvedere.contract.validation import Offer

# The viewer types that there are now, the default one first.
ViewerKinds = Callable[[], Sequence[ViewerKind]]


class ServiceRules(msgspec.Struct, frozen=True, kw_only=True):
    """`quota`: jobs a project may have. `origins`: where viewers are found."""

    quota: int
    origins: ViewerOrigins
    public_origin: str  # of the API and console
    flavors: tuple[Flavor, ...]  # the first is the default
    viewers: ViewerKinds

    @property
    def offer(self) -> Offer:
        """What a create request may choose from."""
        kinds = self.viewers()
        return Offer(
            flavors=tuple(flavor.code for flavor in self.flavors),
            job_types=tuple(kind.job_type for kind in kinds if kind.is_installed),
            installable={kind.job_type: kind.to_install for kind in kinds if not kind.is_installed},
        )


class CheckedSource(msgspec.Struct, frozen=True, kw_only=True):
    """A place that was looked at. `reason`: why it isn't known, or what is there instead of logs."""

    store: str  # the log store that it lies in, by name; "": it is a folder
    reason: Reason | None = None


class LogPlaces(Protocol):
    """Where logs may come from. Calls raise RequestError, InvalidLogUrl, LogSourceRefused and LogSourceForbidden."""

    async def check(self, project_id: str, url: str, store: str | None, *, is_pattern: bool) -> CheckedSource:
        """Whether a URL leads to logs for a project, in the store that is named (None: the default one).

        `is_pattern`: ``*`` in it stands for any text. Raises only where it certainly doesn't.
        """
        ...

    async def browse(self, project_id: str, request: ValidBrowse) -> LogFolderList:
        """The folders directly below a place of a project. Raises Unavailable too."""
        ...


# Tells the reconciler that something about this job is due.
Hint = Callable[[int], None]

# A viewer's last lines, by job id and number: `Runtime.logs`.
ReadLogs = Callable[[int, int], Awaitable[Sequence[str]]]
