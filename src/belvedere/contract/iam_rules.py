"""The rules of IAM v3 requests: from what came to what is meant. Pure. No error repeats a password or a token."""

from typing import Final

import msgspec

from belvedere.contract.decoding import JsonObject, json_object, missing, object_of, refuse, text_of
from belvedere.contract.errors import RequestError
from belvedere.contract.iam import DOMAIN_ID

PASSWORD_LENGTH: Final = 128  # characters; longer ones would make us work for strangers
TOKEN_LENGTH: Final = 512
DURATION: Final = (900, 86400)  # seconds, of temporary keys
DESCRIPTION_LENGTH: Final = 256


class ValidScope(msgspec.Struct, frozen=True, kw_only=True):
    """What a token is wanted for: a project by id or name, else the domain, else nothing."""

    project_id: str | None = None
    project_name: str | None = None
    domain: bool = False

    @property
    def is_project(self) -> bool:
        """Whether it is a project."""
        return self.project_id is not None or self.project_name is not None


class ValidSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants a token, by password or by `token`. `domain` is as it was named; "" where it wasn't. Hides secrets."""

    user: str = ""
    user_id: str = ""
    password: str = ""
    token: str = ""
    domain: str = ""
    scope: ValidScope = ValidScope()

    def __repr__(self) -> str:
        return f"ValidSignIn(user={self.user!r}, scope={self.scope!r})"


class ValidKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is wanted. `user` by id or name; None: the caller's."""

    user: str | None = None
    description: str = ""


def sign_in_request(body: bytes) -> ValidSignIn:
    """The sign-in that a body asks for. Raises RequestError and its kin."""
    auth = _object(json_object(body), "auth")
    identity = _object(auth, "identity", "auth.identity")
    scope = _scope(object_of(auth, "scope", expected="an object"))
    if _method(identity) == "token":
        token = _secret(_object(identity, "token", "auth.identity.token"), "id", TOKEN_LENGTH)
        return ValidSignIn(token=token, scope=scope)
    password = _object(identity, "password", "auth.identity.password")
    user = _object(password, "user", "auth.identity.password.user")
    name, user_id = text_of(user, "name"), text_of(user, "id")
    if not name and not user_id:
        raise missing("auth.identity.password.user.name", "a user's name")
    return ValidSignIn(
        user=name or "",
        user_id=user_id or "",
        password=_secret(user, "password", PASSWORD_LENGTH),
        domain=_domain(object_of(user, "domain", expected="an object")),
        scope=scope,
    )


def temporary_key_request(body: bytes) -> int:
    """For how many seconds a temporary key is wanted. Raises RequestError and its kin."""
    identity = _object(_object(json_object(body), "auth"), "identity", "auth.identity")
    if _method(identity) != "token":
        raise RequestError('auth.identity.methods: temporary keys are made by ["token"] only.')
    given = object_of(identity, "token", expected="an object") or {}
    seconds = given.get("duration_seconds", DURATION[0])
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not DURATION[0] <= seconds <= DURATION[1]:
        raise refuse("duration_seconds", f"{DURATION[0]} to {DURATION[1]}", seconds)
    return seconds


def key_request(body: bytes) -> ValidKey:
    """The key that a body asks for. Raises RequestError and its kin."""
    wanted = _object(json_object(body), "credential")
    description = text_of(wanted, "description") or ""
    if len(description) > DESCRIPTION_LENGTH:
        raise RequestError(f"description: expected at most {DESCRIPTION_LENGTH} characters, got {len(description)}.")
    return ValidKey(user=text_of(wanted, "user_id") or None, description=description)


def _object(raw: JsonObject, field: str, where: str = "") -> JsonObject:
    found = object_of(raw, field, expected="an object")
    if found is None:
        raise missing(where or field, "an object")
    return found


def _method(identity: JsonObject) -> str:
    methods = identity.get("methods")
    if methods not in (["password"], ["token"]):
        raise RequestError('auth.identity.methods: expected ["password"] or ["token"].')
    return "token" if methods == ["token"] else "password"


def _secret(raw: JsonObject, field: str, most: int) -> str:
    value = raw.get(field)
    if not isinstance(value, str) or not value:
        raise RequestError(f"{field} is missing: expected a string.")
    if len(value) > most:
        raise RequestError(f"{field}: expected at most {most} characters, got {len(value)}.")
    return value


def _domain(domain: JsonObject | None) -> str:
    return (text_of(domain, "name") or text_of(domain, "id") or "") if domain else ""


def _scope(scope: JsonObject | None) -> ValidScope:
    if not scope or scope.get("unscoped") is not None:
        return ValidScope()
    project = object_of(scope, "project", expected="an object")
    if project is None:
        return ValidScope(domain=object_of(scope, "domain", expected="an object") is not None)
    found = ValidScope(project_id=text_of(project, "id"), project_name=text_of(project, "name"))
    if not found.is_project:
        raise missing("auth.scope.project.id", "a project's id, or its name as name")
    return found


def is_domain(named: str, domain: str) -> bool:
    """Whether somebody names our domain; by its name in any case, by its id, or not at all."""
    return not named or named == DOMAIN_ID or named.casefold() == domain.casefold()
