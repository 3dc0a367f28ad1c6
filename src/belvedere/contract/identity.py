"""Users, projects and roles on the wire: all of it an extension."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

USER_PATTERN = "^[a-z0-9][a-z0-9._@-]{0,63}$"
PROJECT_NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
RoleWord = Literal["owner", "editor", "viewer"]
NewPassword = Annotated[str, Meta(min_length=8, max_length=128)]


class MyProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project that somebody may sign in to. `role`: null for an administrator who is no member."""

    id: str
    name: str
    role: RoleWord | None = None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who the caller is, what they may do in the project that they have signed in to, and which others there are."""

    is_success: bool = True
    user: str
    project_id: str
    role: RoleWord | None = None
    administrator: bool = False
    has_password: bool = False
    outside: bool = False  # signs in at the OpenID provider
    permissions: list[str]
    projects: list[MyProject]


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True):
    """PUT /v1/identity/me/password. Its repr hides both."""

    password: str
    new_password: NewPassword

    def __repr__(self) -> str:
        return "ChangePassword()"


class AddUser(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v1/identity/users. A service account has no password, but keys. Its repr hides the password."""

    name: Annotated[str, Meta(pattern=USER_PATTERN)]
    password: NewPassword | None = None
    service: bool = False
    administrator: bool = False

    def __repr__(self) -> str:
        return f"AddUser(name={self.name!r})"


class ChangeUser(msgspec.Struct, frozen=True, kw_only=True):
    """PUT /v1/identity/users/{user_name}. Absent means unchanged. Its repr hides the password."""

    enabled: bool | UnsetType = UNSET
    administrator: bool | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET
    outside: Literal[False] | UnsetType = UNSET  # who they are at the OpenID provider is forgotten

    def __repr__(self) -> str:
        return "ChangeUser()"


class UserShown(msgspec.Struct, frozen=True, kw_only=True):
    """A user. `create_time` in epoch milliseconds."""

    is_success: bool = True
    id: str
    name: str
    enabled: bool
    administrator: bool
    service: bool
    has_password: bool
    outside: bool  # somebody of the OpenID provider signs in as this user
    create_time: int


class UserList(msgspec.Struct, frozen=True, kw_only=True):
    """All users, by name."""

    is_success: bool = True
    users: list[UserShown]


class AddProject(msgspec.Struct, frozen=True, kw_only=True):
    """POST /v1/identity/projects, and PUT of one."""

    name: Annotated[str, Meta(pattern=PROJECT_NAME_PATTERN)]
    description: Annotated[str, Meta(max_length=256)] = ""


class ProjectShown(msgspec.Struct, frozen=True, kw_only=True):
    """A project. `create_time` in epoch milliseconds."""

    is_success: bool = True
    id: str
    name: str
    description: str
    create_time: int


class ProjectList(msgspec.Struct, frozen=True, kw_only=True):
    """All projects, the oldest first."""

    is_success: bool = True
    projects: list[ProjectShown]


class GiveRole(msgspec.Struct, frozen=True, kw_only=True):
    """PUT …/members/{user_name}."""

    role: RoleWord


class MemberShown(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's role in a project."""

    is_success: bool = True
    user: str
    role: RoleWord


class MemberList(msgspec.Struct, frozen=True, kw_only=True):
    """A project's members, by name."""

    is_success: bool = True
    members: list[MemberShown]


# The most that a quota of a project may be; it stands for no limit. Nobody reaches it, so none has to be kept apart.
QUOTA_MOST: Final = 1_000_000
QUOTA_MOST_BYTES: Final = 2**50
Quota = Annotated[int, Meta(ge=0, le=QUOTA_MOST)]
Bytes = Annotated[int, Meta(ge=0, le=QUOTA_MOST_BYTES)]


class SetQuotas(msgspec.Struct, frozen=True, kw_only=True):
    """PUT …/quotas: all of them. 0: none at all; the most: no limit; absent or null: what the settings say."""

    jobs: Quota | None = None
    running_jobs: Quota | None = None
    awake_viewers: Quota | None = None
    memory_bytes: Bytes | None = None
    mirror_bytes: Bytes | None = None


class ProjectQuotas(msgspec.Struct, frozen=True, kw_only=True):
    """What a project may have; null: no limit. `defaults` names those that the settings say."""

    is_success: bool = True
    project_id: str
    jobs: int
    jobs_used: int
    running_jobs: int | None
    awake_viewers: int | None
    memory_bytes: int | None
    mirror_bytes: int | None
    defaults: list[str]
