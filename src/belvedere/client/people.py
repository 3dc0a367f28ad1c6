"""Users, projects, roles and keys: the part of the client that administrators use."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import quote

import httpx2
import msgspec

from belvedere.client.errors import UnexpectedAnswer
from belvedere.client.transfer import Transfer
from belvedere.contract import iam, identity
from belvedere.contract.jobs import Success

_IDENTITY = "/v1/identity"
_TOKENS = "/v3/auth/tokens"
_KEYS = "/v3.0/OS-CREDENTIAL/credentials"
_Answer = TypeVar("_Answer")


class People:
    """Asks the same service as the client that it comes from. Every call raises ClientError."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer

    def me(self) -> identity.Me:
        """Who the token belongs to, and what they may do."""
        return self._get(f"{_IDENTITY}/me", identity.Me)

    def change_password(self, change: identity.ChangePassword) -> None:
        """Change one's own password."""
        self._send("PUT", f"{_IDENTITY}/me/password", Success, change)

    def enter(self, project_id: str) -> str:
        """A token of one's own for another project; it is good no longer than the present one."""
        identity_shown = iam.Identity(methods=["token"], token=iam.TokenMethod(id=self._transfer.token))
        scope = iam.Scope(project=iam.ProjectRef(id=project_id))
        body = msgspec.json.encode(iam.AuthRequest(iam.Auth(identity=identity_shown, scope=scope)))
        response = self._transfer.send("POST", f"{_TOKENS}?nocatalog", body=body)
        return response.headers["X-Subject-Token"]

    def leave(self) -> None:
        """Revoke the token that one asks with."""
        self._transfer.send("DELETE", _TOKENS, headers={"X-Subject-Token": self._transfer.token})

    def users(self) -> identity.UserList:
        """All users."""
        return self._get(f"{_IDENTITY}/users", identity.UserList)

    def add_user(self, user: identity.AddUser) -> identity.UserShown:
        """Add a user, or a service account."""
        return self._send("POST", f"{_IDENTITY}/users", identity.UserShown, user)

    def change_user(self, name: str, change: identity.ChangeUser) -> identity.UserShown:
        """Enable, disable or promote a user, or set their password."""
        return self._send("PUT", f"{_IDENTITY}/users/{quote(name, safe='')}", identity.UserShown, change)

    def projects(self) -> Sequence[iam.IamProject]:
        """The projects that one may enter."""
        return self._get("/v3/projects", iam.IamProjects).projects

    def add_project(self, project: identity.AddProject) -> identity.ProjectShown:
        """Add a project."""
        return self._send("POST", f"{_IDENTITY}/projects", identity.ProjectShown, project)

    def change_project(self, project_id: str, project: identity.AddProject) -> identity.ProjectShown:
        """Give it another name and description."""
        return self._send("PUT", f"{_IDENTITY}/projects/{quote(project_id, safe='')}", identity.ProjectShown, project)

    def quotas(self, project_id: str) -> identity.ProjectQuotas:
        """What a project may have."""
        return self._get(f"{_IDENTITY}/projects/{quote(project_id, safe='')}/quotas", identity.ProjectQuotas)

    def set_quotas(self, project_id: str, quotas: identity.SetQuotas) -> identity.ProjectQuotas:
        """Say what it may have: all of it; what is None is as the settings say."""
        path = f"{_IDENTITY}/projects/{quote(project_id, safe='')}/quotas"
        return self._send("PUT", path, identity.ProjectQuotas, quotas)

    def members(self, project_id: str) -> identity.MemberList:
        """A project's members."""
        return self._get(_members(project_id), identity.MemberList)

    def give_role(self, project_id: str, user: str, role: identity.RoleWord) -> identity.MemberShown:
        """Make a user a member, or give them another role."""
        path = f"{_members(project_id)}/{quote(user, safe='')}"
        return self._send("PUT", path, identity.MemberShown, identity.GiveRole(role=role))

    def remove_member(self, project_id: str, user: str) -> None:
        """Take the role away."""
        self._send("DELETE", f"{_members(project_id)}/{quote(user, safe='')}", Success)

    def keys(self, user: str | None = None) -> Sequence[iam.Key]:
        """One's own lasting keys, or a user's."""
        response = self._transfer.send("GET", _KEYS, parameters=[("user_id", user)] if user else [], repeatable=True)
        return _decode(response, iam.KeysAnswer).credentials

    def add_key(self, *, user: str | None = None, description: str = "") -> iam.Key:
        """A new key, with its secret: it is told this once."""
        wanted = iam.KeyRequest(iam.KeyWanted(user_id=user, description=description))
        return self._send("POST", _KEYS, iam.KeyAnswer, wanted).credential

    def remove_key(self, access_key: str) -> None:
        """It opens nothing from now on."""
        self._transfer.send("DELETE", f"{_KEYS}/{quote(access_key, safe='')}")

    def _get(self, path: str, answer: type[_Answer]) -> _Answer:
        return _decode(self._transfer.send("GET", path, repeatable=True), answer)

    def _send(self, method: str, path: str, answer: type[_Answer], body: msgspec.Struct | None = None) -> _Answer:
        content = None if body is None else msgspec.json.encode(body)
        return _decode(self._transfer.send(method, path, body=content), answer)


def _members(project_id: str) -> str:
    return f"{_IDENTITY}/projects/{quote(project_id, safe='')}/members"


def _decode(response: httpx2.Response, answer: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"{response.url.host} answers, but not as Belvedere's API does: {error}.") from error
