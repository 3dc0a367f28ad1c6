"""Identity's values, and the seam to where they are kept."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from belvedere.contract.errors import PermissionDenied
from belvedere.identity.permissions import ADMINISTRATORS_ALONE, Permission, Permissions, Role

NO_PROJECT = ""  # of whoever has signed in without naming a project


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and for which project."""

    user: str
    project_id: str


class SignedBy(StrEnum):
    """What somebody showed to be let in."""

    TOKEN = "token"  # noqa: S105 - the word
    KEY = "key"
    TEMPORARY_KEY = "temporary-key"
    SESSION = "session"
    VIEWER_SESSION = "viewer-session"
    SHARE = "share"
    NOTHING = "nothing"


class Caller(Principal, frozen=True, kw_only=True):
    """Whoever has been let in: who, for which project, how, and what they may do there."""

    signed_by: SignedBy
    user_id: str = ""
    role: Role | None = None  # in the project; None for an administrator who is no member, and without a project
    is_administrator: bool = False
    permissions: Permissions = frozenset()
    access_key: str = ""  # that signed the request

    def may(self, permission: Permission) -> bool:
        """Whether they may."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise PermissionDenied, in the documented words, unless they may."""
        if permission not in self.permissions:
            whom = "an administrator" if permission in ADMINISTRATORS_ALONE else "an owner of the project"
            raise PermissionDenied(f"You are not authorized to perform the ({permission}) operation. Ask {whom}.")


class SecretKind(StrEnum):
    """What a secret opens."""

    TOKEN = "token"  # noqa: S105 - X-Auth-Token; the word, no secret
    SESSION = "session"  # a browser's cookie on the console's origin
    TICKET = "ticket"  # opens a session on the console's origin, once
    KEY = "key"  # an access key; kept as what it is, not as a secret


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """The secret on whose strength something was given: what was given ends with it."""

    kind: SecretKind
    digest: str


class SecretRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as kept: its SHA-256 only (secrets are 256 random bits, so a plain digest is enough)."""

    digest: str
    kind: SecretKind
    principal: Principal
    created_at: datetime
    expires_at: datetime | None = None
    methods: str = ""  # of a token: how it was come by, such as "password token"
    is_domain_scoped: bool = False  # of a token without a project


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project: 32 hexadecimal digits, and a name for people."""

    id: str
    name: str
    created_at: datetime
    description: str = ""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, or something, that can sign in. Never deleted: the name stays theirs in jobs and in the audit.

    A service account has keys and no password. The repr hides the hash.
    """

    id: str
    name: str
    created_at: datetime
    is_service: bool = False
    is_administrator: bool = False
    is_enabled: bool = True
    password_hash: str = ""  # "": no password opens it
    password_changed_at: datetime | None = None

    def __repr__(self) -> str:
        return f"User(name={self.name!r})"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A user's role in a project."""

    project_id: str
    user: str
    role: Role


class Outsider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as an OpenID provider knows them: the provider never gives a subject to another."""

    issuer: str
    subject: str


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of keys that requests are signed with. The secret half is sealed; the repr shows none of it.

    `expires_at` and `token_digest` are those of a temporary key: it counts only beside its security token.
    """

    access_key: str
    user: str
    sealed_secret: str
    created_at: datetime
    description: str = ""
    is_bootstrap: bool = False
    expires_at: datetime | None = None
    token_digest: str = ""

    def __repr__(self) -> str:
        return f"AccessKey(access_key={self.access_key!r}, user={self.user!r})"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a user is, and their role in one project, both as of one moment."""

    user: User
    role: Role | None


class IdentityStore(Protocol):
    """Where identities are kept."""

    # Projects

    async def add_project(self, project: Project) -> bool:
        """False, and nothing changes, if its id or name is taken."""
        ...

    async def projects(self) -> list[Project]:
        """All of them, the oldest first."""
        ...

    async def change_project(self, project_id: str, *, name: str, description: str) -> bool:
        """False, and nothing changes, if the name is taken or there is no such project."""
        ...

    # Users

    async def add_user(self, user: User) -> bool:
        """False, and nothing changes, if the name is taken."""
        ...

    async def find_user(self, name: str) -> User | None: ...

    async def users(self) -> list[User]:
        """All of them, by name."""
        ...

    async def change_user(self, user: User, *, ends_secrets: bool = False, unties: bool = False) -> bool:
        """Write a user anew; False, and nothing changes, if no enabled administrator would be left.

        At the same moment, if wanted, their secrets go, of one who stays enabled but those that never expire; and
        nobody of a provider is that user any more.
        """
        ...

    # Outsiders

    async def find_outsider(self, outsider: Outsider) -> str | None:
        """Which user this is here."""
        ...

    async def add_outsider(self, outsider: Outsider, user: str) -> bool:
        """From now on this is that user; False, and nothing changes, if either of them is taken."""
        ...

    async def add_newcomer(self, user: User, outsider: Outsider, member: Member | None) -> bool:
        """A new user, who the outsider is, and their first role, all at once; False, and nothing, if one is taken."""
        ...

    async def users_outside(self) -> frozenset[str]:
        """The users that somebody of a provider is."""
        ...

    # Members

    async def put_member(self, member: Member) -> None:
        """Give a role, in place of the one that the user had there."""
        ...

    async def remove_member(self, project_id: str, user: str) -> bool:
        """Whether there was one. Their secrets for this project go too."""
        ...

    async def members(self, project_id: str) -> list[Member]:
        """By user."""
        ...

    async def memberships(self, user: str) -> list[Member]:
        """By project."""
        ...

    async def standing(self, principal: Principal) -> Standing | None:
        """None if there is no such user."""
        ...

    # Keys

    async def add_key(self, key: AccessKey) -> None: ...

    async def find_key(self, access_key: str) -> AccessKey | None: ...

    async def keys(self, user: str | None = None) -> Sequence[AccessKey]:
        """One user's, or all; the oldest first."""
        ...

    async def remove_key(self, access_key: str) -> bool: ...

    async def reseal_key(self, access_key: str, sealed_secret: str) -> None: ...

    async def remove_expired_keys(self, now: datetime) -> int: ...

    # Secrets

    async def add_secret(self, record: SecretRecord) -> None: ...

    async def find_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None: ...

    async def take_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        """Find and remove, in one transaction: two takers never both get it."""
        ...

    async def remove_secrets_of(self, principal: Principal) -> int:
        """Remove all of one user's secrets in one project, of every kind; how many there were."""
        ...

    async def remove_all_secrets_of(self, user: str, *, endless_too: bool) -> int:
        """Remove all of one user's secrets, those that never expire only if wanted; how many there were."""
        ...

    async def remove_expired_secrets(self, now: datetime) -> int: ...
