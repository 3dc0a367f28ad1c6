"""The rules of requests about users and projects. Pure. No error repeats a password."""

import re
from typing import Final, Literal

from msgspec import UNSET, UnsetType

from belvedere.contract.decoding import JsonObject, json_object, missing, refuse, shown, text_of
from belvedere.contract.errors import RequestError
from belvedere.contract.iam_rules import PASSWORD_LENGTH
from belvedere.contract.identity import (
    PROJECT_NAME_PATTERN,
    QUOTA_MOST,
    QUOTA_MOST_BYTES,
    USER_PATTERN,
    AddProject,
    AddUser,
    ChangePassword,
    ChangeUser,
    RoleWord,
    SetQuotas,
)

PASSWORD_LEAST: Final = 8
_USER = re.compile(USER_PATTERN.removeprefix("^").removesuffix("$"))
_USER_RULE = "1 to 64 lower-case letters, digits and . _ @ -, beginning with a letter or digit"
_PROJECT = re.compile(PROJECT_NAME_PATTERN.removeprefix("^").removesuffix("$"))
_PROJECT_RULE = "1 to 64 letters, digits, periods, hyphens and underscores, beginning with a letter or digit"
_DESCRIPTION: Final = 256
_ROLES: Final[tuple[RoleWord, ...]] = ("owner", "editor", "viewer")


def user_name(text: str, field: str = "user_name") -> str:
    """A user's name. Raises RequestError."""
    if not _USER.fullmatch(text):
        raise refuse(field, _USER_RULE, text)
    return text


def add_user_request(body: bytes) -> AddUser:
    """The user in a body. Raises RequestError and its kin."""
    raw = json_object(body)
    service, administrator = _flag(raw, "service"), _flag(raw, "administrator")
    password = _new_password(raw, "password")
    if service and password:
        raise RequestError("password: a service account has none. Leave it out, and give it keys.")
    return AddUser(
        name=user_name(_required(raw, "name", _USER_RULE), "name"),
        password=password or None,
        service=service or False,
        administrator=administrator or False,
    )


def change_user_request(body: bytes) -> ChangeUser:
    """The changes in a body: at least one. Raises RequestError and its kin."""
    raw = json_object(body)
    enabled, administrator = _flag(raw, "enabled"), _flag(raw, "administrator")
    change = ChangeUser(
        enabled=UNSET if enabled is None else enabled,
        administrator=UNSET if administrator is None else administrator,
        password=_new_password(raw, "password") or UNSET,
        outside=_forgotten(raw, "outside"),
    )
    if change == ChangeUser():
        raise missing("enabled", "true or false (or one of administrator, password, outside)")
    return change


def _forgotten(raw: JsonObject, field: str) -> Literal[False] | UnsetType:
    value = raw.get(field)
    if value is None:
        return UNSET
    if value is not False:
        raise refuse(
            field, "false, or nothing: a user is tied to a person of the provider by that one's sign-in", value
        )
    return False


def change_password_request(body: bytes) -> ChangePassword:
    """Both passwords. Raises RequestError and its kin."""
    raw = json_object(body)
    present, new = raw.get("password"), _new_password(raw, "new_password")
    if not isinstance(present, str) or len(present) > PASSWORD_LENGTH:
        raise RequestError("password: expected the present password, a string.")
    if not new:
        raise missing("new_password", "the new password")
    return ChangePassword(password=present, new_password=new)


def project_request(body: bytes) -> AddProject:
    """The project in a body. Raises RequestError and its kin."""
    raw = json_object(body)
    name, description = _required(raw, "name", _PROJECT_RULE), text_of(raw, "description") or ""
    if not _PROJECT.fullmatch(name):
        raise refuse("name", _PROJECT_RULE, name)
    if len(description) > _DESCRIPTION:
        raise RequestError(f"description: expected at most {_DESCRIPTION} characters, got {len(description)}.")
    return AddProject(name=name, description=description)


def role_request(body: bytes) -> RoleWord:
    """The role in a body. Raises RequestError and its kin."""
    role = text_of(json_object(body), "role")
    for word in _ROLES:
        if role == word:
            return word
    raise refuse("role", f"one of {', '.join(_ROLES)}", role)


def _required(raw: JsonObject, field: str, expected: str) -> str:
    value = text_of(raw, field, expected=expected)
    if not value:
        raise missing(field, expected)
    return value


def _new_password(raw: JsonObject, field: str) -> str | None:
    """A password that may be set. UTF-8 can hold it, so that it can be typed again."""
    value = raw.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or not PASSWORD_LEAST <= len(value) <= PASSWORD_LENGTH or not value.isprintable():
        raise RequestError(f"{field}: expected {PASSWORD_LEAST} to {PASSWORD_LENGTH} printable characters.")
    return value


def _flag(raw: JsonObject, field: str) -> bool | None:
    value = raw.get(field)
    if value is not None and not isinstance(value, bool):
        raise refuse(field, "true or false", value)
    return value


def quotas_request(body: bytes) -> SetQuotas:
    """The quotas in a body. Raises RequestError and its kin."""
    raw = json_object(body)
    for name in raw:
        if name not in SetQuotas.__struct_fields__:
            raise RequestError(
                f"{shown(name)}: there is no such quota. There are {', '.join(SetQuotas.__struct_fields__)}."
            )
    return SetQuotas(
        jobs=_quota(raw, "jobs"),
        running_jobs=_quota(raw, "running_jobs"),
        awake_viewers=_quota(raw, "awake_viewers"),
        memory_bytes=_quota(raw, "memory_bytes", most=QUOTA_MOST_BYTES),
        mirror_bytes=_quota(raw, "mirror_bytes", most=QUOTA_MOST_BYTES),
    )


def _quota(raw: JsonObject, field: str, most: int = QUOTA_MOST) -> int | None:
    value = raw.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        expected = f"an integer from 0 (none at all) to {most} (no limit), or null for what the settings say"
        raise refuse(field, expected, value)
    return value
