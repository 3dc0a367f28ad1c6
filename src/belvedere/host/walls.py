"""How a host has its viewers confined: who they become, what is never theirs to see, and what to do without a wall."""

import os
from pathlib import Path
from typing import Final

import msgspec

from belvedere.viewers import sandbox
from belvedere.viewers.sandbox.facets import fault_of_becoming

USERS: Final = (1_900_000_000, 1_900_009_999)  # set aside by nobody, and beyond what containers are given
USERS_INSIDE: Final = (60_600, 61_099)  # where only the first 65,536 exist, as in a container: the same, nearly
_MAP: Final = Path("/proc/self/uid_map")


class Confining(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator wants: the first and the last uid for viewers (None: some that nobody else has); all walls."""

    users: tuple[int, int] | None = None
    required: bool = False


def parse_users(text: str) -> tuple[int, int] | None:
    """``FIRST-LAST`` as two uids; None for an empty text. Raises ValueError."""
    if not text:
        return None
    first, separator, last = (part.strip() for part in text.partition("-"))
    if not (separator and first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 2**32 - 1):
        raise ValueError(f"{text!r} is not like 60600-61099: two user ids, the first and the last, and not root's")
    return int(first), int(last)


def what_is_lacking(users: tuple[int, int] | None) -> str:
    """The walls that viewers lack here, each with its reason; empty if none. Asked by a process of one thread."""
    return str(lacks_here(users_here(users)))


class Walls(msgspec.Struct, frozen=True, kw_only=True):
    """`users`: the first and the last uid that viewers may become; None: they stay who the host is.

    `hidden`: folders that no viewer sees. `strict`: a viewer that lacks a wall does not run.
    """

    hidden: tuple[str, ...] = ()
    users: tuple[int, int] | None = None
    strict: bool = False

    def user_of(self, number: int) -> int | None:
        """Who the viewer of this number becomes. Numbers come again only after all others."""
        if self.users is None:
            return None
        first, last = self.users
        return first + number % (last - first + 1)


def users_here(wanted: tuple[int, int] | None) -> tuple[int, int] | None:
    """The uids for viewers: those that are wanted, or such as exist here; None where we are not root."""
    if os.geteuid() != 0:
        return None
    return wanted or (USERS if _exists(USERS[1], _MAP.read_text()) else USERS_INSIDE)


def _exists(uid: int, uid_map: str) -> bool:
    """Whether a uid exists in a user namespace with this map: lines of first, first outside, count."""
    rows = [[int(word) for word in line.split()] for line in uid_map.splitlines()]
    return any(first <= uid < first + count for first, _, count in rows)


def lacks_here(users: tuple[int, int] | None) -> sandbox.Lacks:
    """What viewers lack here. To be asked before there is a second thread."""
    found = sandbox.lacks(users[0] if users else None)
    if users is None or not found.has(sandbox.Facet.USER):
        return found
    why = fault_of_becoming(users[0])
    reasons = {**found.reasons, sandbox.Facet.USER: why} if why else found.reasons
    return sandbox.Lacks(reasons=reasons, by_user_namespace=found.by_user_namespace)
