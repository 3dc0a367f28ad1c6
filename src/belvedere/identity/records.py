"""Identity's values, and the seam to where they are kept."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and for which project."""

    user: str
    project_id: str


class SecretKind(StrEnum):
    """What a secret opens."""

    TOKEN = "token"  # noqa: S105 - X-Auth-Token; the word, no secret
    SESSION = "session"  # a browser's cookie on the console's origin
    VIEWER_SESSION = "viewer-session"  # a browser's cookie on the viewers' origin; opens no console
    TICKET = "ticket"  # opens a session on the console's origin, once
    VIEWER_TICKET = "viewer-ticket"  # opens one on the viewers' origin, once


class SecretRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as kept: its SHA-256 only (secrets are 256 random bits, so a plain digest is enough)."""

    digest: str
    kind: SecretKind
    principal: Principal
    created_at: datetime
    expires_at: datetime | None = None


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project: 32 hexadecimal digits, and a name for people."""

    id: str
    name: str
    created_at: datetime


class IdentityStore(Protocol):
    """Where identities are kept."""

    async def add_project(self, project: Project) -> None: ...

    async def projects(self) -> list[Project]: ...

    async def add_secret(self, record: SecretRecord) -> None: ...

    async def find_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None: ...

    async def take_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        """Find and remove, in one transaction: two takers never both get it."""
        ...

    async def remove_secrets_of(self, principal: Principal) -> int:
        """Remove all of one user's secrets in one project, of every kind; how many there were."""
        ...

    async def remove_expired_secrets(self, now: datetime) -> int: ...
