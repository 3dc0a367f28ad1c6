"""Who may do what: the one table. Pure.

Names that begin with ``modelarts:`` are the documented actions (ModelArts API reference, "Permissions Policies and
Supported Actions"); the others are ours. A test goes through every role and route, so that a change here shows.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What can be allowed."""

    CREATE = "modelarts:tensorboard:create"
    LIST = "modelarts:tensorboard:list"
    GET = "modelarts:tensorboard:get"  # details, events and log lines of a job, and its viewer
    UPDATE = "modelarts:tensorboard:update"
    DELETE = "modelarts:tensorboard:delete"
    STOP = "modelarts:tensorboard:stop"
    RESTART = "modelarts:tensorboard:restart"
    SHARE = "belvedere:tensorboard:share"  # let people without an account see a job

    BROWSE = "belvedere:source:browse"  # look into log stores and folders
    READ_STORES = "belvedere:store:list"
    TEST_STORES = "belvedere:store:test"
    CHANGE_STORES = "belvedere:store:change"  # those of the project
    SHARE_STORES = "belvedere:store:share"  # those of all projects
    ANY_ADDRESS = "belvedere:store:any-address"  # name this machine and its neighbours as a store's endpoint

    READ_MEMBERS = "belvedere:member:list"
    CHANGE_MEMBERS = "belvedere:member:change"
    READ_AUDIT = "belvedere:audit:list"
    READ_METRICS = "belvedere:metrics:get"

    OWN_PASSWORD = "belvedere:password:change"  # noqa: S105 - a name
    OWN_KEYS = "belvedere:key:manage"
    USERS = "belvedere:user:manage"  # and their keys
    PROJECTS = "belvedere:project:manage"


class Role(StrEnum):
    """What a user is in a project."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


Permissions = frozenset[Permission]

EVERYBODY: Final[Permissions] = frozenset({Permission.OWN_PASSWORD, Permission.OWN_KEYS})
ADMINISTRATOR: Final[Permissions] = frozenset(Permission)
_VIEWER: Final[Permissions] = frozenset({Permission.LIST, Permission.GET})
_EDITOR: Final[Permissions] = _VIEWER | {
    Permission.CREATE,
    Permission.UPDATE,
    Permission.DELETE,
    Permission.STOP,
    Permission.RESTART,
    Permission.SHARE,
    Permission.BROWSE,
    Permission.READ_STORES,
    Permission.TEST_STORES,
}
_OWNER: Final[Permissions] = _EDITOR | {
    Permission.CHANGE_STORES,
    Permission.READ_MEMBERS,
    Permission.CHANGE_MEMBERS,
    Permission.READ_AUDIT,
    Permission.READ_METRICS,
}
ROLES: Final[Mapping[Role, Permissions]] = {Role.OWNER: _OWNER, Role.EDITOR: _EDITOR, Role.VIEWER: _VIEWER}
ADMINISTRATORS_ALONE: Final[Permissions] = ADMINISTRATOR.difference(EVERYBODY, *ROLES.values())


def permissions_of(role: Role | None, *, is_administrator: bool) -> Permissions:
    """What somebody may do who has this role in the project that they ask for; None: they ask for no project."""
    if is_administrator:
        return ADMINISTRATOR
    return EVERYBODY | (ROLES[role] if role else frozenset())
