"""IAM v3 on the wire: tokens, projects, keys, as clients of Huawei Cloud and OpenStack expect them.

Sources: Huawei Cloud IAM API reference, "Token Management", "Project Management", "Access Key Management"; OpenStack
Identity API v3.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

DOMAIN_ID = "default"
FOREVER = "9999-12-31T23:59:59.999999Z"  # what clients, which need a time, are told of a token that doesn't expire


class DomainRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A domain (an account) by id or name. There is one."""

    id: str | None = None
    name: str | None = None


class PasswordUser(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who signs in by password. Its repr hides that."""

    name: str | None = None
    id: str | None = None
    password: Annotated[str, Meta(max_length=128)]
    domain: DomainRef | None = None

    def __repr__(self) -> str:
        return f"PasswordUser(name={self.name!r})"


class PasswordMethod(msgspec.Struct, frozen=True):
    """Sign in by password."""

    user: PasswordUser


class TokenMethod(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sign in by a token that one has. `duration_seconds` counts for temporary keys alone."""

    id: str | None = None
    duration_seconds: Annotated[int, Meta(ge=900, le=86400)] | None = None

    def __repr__(self) -> str:
        return "TokenMethod()"


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How somebody signs in: one of the two methods."""

    methods: list[Annotated[str, Meta(examples=["password"])]]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None


class ProjectRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A project by id, or by name."""

    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the token shall be good for; a project for all that has to do with jobs."""

    project: ProjectRef | None = None
    domain: DomainRef | None = None
    unscoped: dict[str, Any] | None = None


class Auth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who, and for what."""

    identity: Identity
    scope: Scope | None = None


class AuthRequest(msgspec.Struct, frozen=True):
    """POST /v3/auth/tokens."""

    auth: Auth


class NamedRef(msgspec.Struct, frozen=True, kw_only=True):
    """Anything by id and name."""

    id: str
    name: str


class TokenUser(msgspec.Struct, frozen=True, kw_only=True):
    """Whose token it is."""

    id: str
    name: str
    domain: NamedRef
    password_expires_at: str | None = None


class TokenProject(msgspec.Struct, frozen=True, kw_only=True):
    """The project that it is for."""

    id: str
    name: str
    domain: NamedRef


class CatalogEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a service is."""

    id: str
    interface: str = "public"
    region: str
    region_id: str
    url: str


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A service; this one is of type ``modelartsv1``."""

    id: str
    type: str
    name: str
    endpoints: list[CatalogEndpoint]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says. Times like 2015-11-09T01:42:57.527363Z."""

    methods: list[str]
    expires_at: str
    issued_at: str
    user: TokenUser
    project: TokenProject | UnsetType = UNSET
    domain: NamedRef | UnsetType = UNSET
    roles: list[NamedRef] | UnsetType = UNSET
    catalog: list[CatalogEntry] | UnsetType = UNSET


class TokenAnswer(msgspec.Struct, frozen=True):
    """Answer of POST and GET /v3/auth/tokens; the token itself is in X-Subject-Token."""

    token: Token


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Where a list, or one of its rows, is to be found."""

    self: str
    next: str | None = None
    previous: str | None = None


class IamProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project, as IAM lists it."""

    id: str
    name: str
    description: str = ""
    domain_id: str = DOMAIN_ID
    parent_id: str = DOMAIN_ID
    is_domain: bool = False
    enabled: bool = True
    links: Links


class IamProjects(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of /v3/projects and /v3/auth/projects."""

    projects: list[IamProject]
    links: Links


class IamDomain(msgspec.Struct, frozen=True, kw_only=True):
    """The domain."""

    id: str = DOMAIN_ID
    name: str
    description: str = ""
    enabled: bool = True
    links: Links


class IamDomains(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of /v3/auth/domains: the one domain."""

    domains: list[IamDomain]
    links: Links


class MediaType(msgspec.Struct, frozen=True, kw_only=True):
    """What a version of the API speaks."""

    base: str = "application/json"
    type: str = "application/vnd.openstack.identity-v3+json"


class VersionLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is."""

    rel: str = "self"
    href: str


class Version(msgspec.Struct, frozen=True, kw_only=True, rename={"media_types": "media-types"}):
    """A version of the identity API."""

    id: str = "v3.14"
    status: str = "stable"
    updated: str = "2020-04-07T00:00:00Z"
    links: list[VersionLink]
    media_types: tuple[MediaType, ...] = (MediaType(),)


class VersionAnswer(msgspec.Struct, frozen=True):
    """Answer of GET /v3."""

    version: Version


class VersionValues(msgspec.Struct, frozen=True):
    """The versions there are."""

    values: list[Version]


class VersionsAnswer(msgspec.Struct, frozen=True):
    """Answer of GET / for who asks for JSON."""

    versions: VersionValues


class TemporaryKeyRequest(msgspec.Struct, frozen=True):
    """POST /v3.0/OS-CREDENTIAL/securitytokens: method token, for `duration_seconds` (default 900)."""

    auth: Auth


class TemporaryKey(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of keys, and the security token that goes with it. Its repr hides them."""

    access: str
    secret: str
    securitytoken: str
    expires_at: str

    def __repr__(self) -> str:
        return f"TemporaryKey(access={self.access!r})"


class TemporaryKeyAnswer(msgspec.Struct, frozen=True):
    """The only time that its secrets are told."""

    credential: TemporaryKey


class KeyWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key; absent: the caller's own. A name does as well as an id (extension)."""

    user_id: str | None = None
    description: Annotated[str, Meta(max_length=256)] | None = None


class KeyRequest(msgspec.Struct, frozen=True):
    """POST /v3.0/OS-CREDENTIAL/credentials."""

    credential: KeyWanted


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An access key. `secret` is told once, when it is made. Its repr hides it."""

    access: str
    user_id: str
    user_name: str  # extension
    description: str = ""
    create_time: str
    status: str = "active"
    secret: str | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"Key(access={self.access!r})"


class KeyAnswer(msgspec.Struct, frozen=True):
    """One key."""

    credential: Key


class KeysAnswer(msgspec.Struct, frozen=True):
    """A user's keys, the oldest first."""

    credentials: list[Key]


class IamFault(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of errors that clients of OpenStack Identity read."""

    code: int
    message: str
    title: str


class Nothing(msgspec.Struct, frozen=True):
    """No body."""
