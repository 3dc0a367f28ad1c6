"""The use cases of users, projects and roles. Whatever is taken away counts at once."""

import secrets
from datetime import timedelta
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from belvedere.contract import identity as wire
from belvedere.contract.audit import TraceName
from belvedere.contract.errors import Conflict, NotFound, RequestError, TooManyRequests, Unavailable
from belvedere.contract.jobs import Success
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.passwords import Passwords
from belvedere.identity.permissions import Permission, Role
from belvedere.identity.records import (
    Caller,
    IdentityStore,
    Member,
    Project,
    User,
)
from belvedere.identity.tries import Tries
from belvedere.lifecycle.clock import Clock
from belvedere.service.audit import Auditor
from belvedere.service.tokens import TokenService
from belvedere.service.views import epoch_ms

_TRIES: Final = 5  # wrong ones at one's present password, in a minute
_A_MINUTE: Final = timedelta(minutes=1)


class IdentityService:
    """Checked requests in, answers of the contract out. Errors are those of `contract.errors`."""

    def __init__(
        self,
        store: IdentityStore,
        gatekeeper: Gatekeeper,
        passwords: Passwords,
        tokens: TokenService,
        clock: Clock,
        audit: Auditor,
    ) -> None:
        self._store = store
        self._gatekeeper = gatekeeper
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._audit = audit
        self._tries = Tries(_TRIES, _A_MINUTE)

    # Oneself

    async def me(self, who: Caller) -> wire.Me:
        """Who the caller is."""
        roles: dict[str, wire.RoleWord] = {
            member.project_id: member.role.value for member in await self._store.memberships(who.user)
        }
        user = await self._user(who.user)
        return wire.Me(
            user=who.user,
            project_id=who.project_id,
            role=who.role.value if who.role else None,
            administrator=who.is_administrator,
            has_password=bool(user.password_hash),
            outside=who.user in await self._store.users_outside(),
            permissions=sorted(who.permissions),
            projects=[
                wire.MyProject(id=project.id, name=project.name, role=roles.get(project.id))
                for project in await self._tokens.projects_of(who)
            ],
        )

    async def change_password(self, who: Caller, change: wire.ChangePassword) -> Success:
        """Set one's own password; the sessions and tokens that it opened end. Raises RequestError, TooManyRequests."""
        async with self._audit.act(who, TraceName.UPDATE_PASSWORD, who.user):
            who.require(Permission.OWN_PASSWORD)
            user = await self._user(who.user)
            if not await self._is_present(user, change.password):
                raise RequestError("password: this is not the present password.")
            await self._write(await self._with_password(user, change.new_password))
            return Success()

    async def _is_present(self, user: User, password: str) -> bool:
        """Try it; whoever has somebody's session may do so a few times, from however many addresses.

        Raises TooManyRequests, Unavailable.
        """
        now = self._clock()
        if wait := self._tries.wait(user.name, now):
            raise TooManyRequests(
                "There are too many wrong passwords. Wait a minute.", retry_after=wait.total_seconds()
            )
        self._tries.failed(user.name, now)
        try:
            is_right = await self._passwords.is_right(user, password)
        except Unavailable:
            self._tries.taken_back(user.name, now)
            raise
        if is_right:
            self._tries.forget(user.name)
        return is_right

    async def sign_out_everywhere(self, who: Caller) -> None:
        """End all one's sessions and tokens, but for those that never expire. Keys go on."""
        async with self._audit.act(who, TraceName.LOGOUT, who.user, message="everywhere"):
            await self._store.remove_all_secrets_of(who.user, endless_too=False)
            self._gatekeeper.forget()

    # Users

    async def users(self, who: Caller) -> wire.UserList:
        """All users."""
        who.require(Permission.USERS)
        outside = await self._store.users_outside()
        return wire.UserList(users=[_shown(user, outside) for user in await self._store.users()])

    async def user(self, who: Caller, name: str) -> wire.UserShown:
        """One of them. Raises NotFound."""
        who.require(Permission.USERS)
        return _shown(await self._user(name), await self._store.users_outside())

    async def add_user(self, who: Caller, request: wire.AddUser) -> wire.UserShown:
        """A new user. Raises Conflict."""
        async with self._audit.act(who, TraceName.CREATE_USER, request.name, message=_words_of(request)):
            who.require(Permission.USERS)
            user = User(
                id=secrets.token_hex(16),
                name=request.name,
                created_at=self._clock(),
                is_service=request.service,
                is_administrator=request.administrator,
            )
            if request.password:
                user = await self._with_password(user, request.password)
            if not await self._store.add_user(user):
                raise Conflict(f"name: there is a user named {user.name} already. Names are never given to another.")
            return _shown(user, frozenset())

    async def change_user(self, who: Caller, name: str, change: wire.ChangeUser) -> wire.UserShown:
        """Change a user; tokens and sessions end with a new password, and all at once when disabled.

        Raises Conflict, NotFound, RequestError.
        """
        async with self._audit.act(who, TraceName.UPDATE_USER, name, message=_words_of(change)):
            who.require(Permission.USERS)
            user = await self._user(name)
            if change.password is not UNSET:
                if user.is_service:
                    raise RequestError("password: a service account has none. Give it keys.")
                user = await self._with_password(user, change.password)
            changed = replace(
                user,
                is_enabled=user.is_enabled if change.enabled is UNSET else change.enabled,
                is_administrator=user.is_administrator if change.administrator is UNSET else change.administrator,
            )
            ends = change.password is not UNSET or change.outside is False or not changed.is_enabled
            await self._write(changed, ends_sessions=ends, unties=change.outside is False)
            return _shown(changed, await self._store.users_outside())

    # Projects

    async def projects(self, who: Caller) -> wire.ProjectList:
        """All projects."""
        who.require(Permission.PROJECTS)
        return wire.ProjectList(projects=[_project_shown(project) for project in await self._store.projects()])

    async def add_project(self, who: Caller, request: wire.AddProject) -> wire.ProjectShown:
        """A new project, without members. Raises Conflict."""
        async with self._audit.act(who, TraceName.CREATE_PROJECT, resource_name=request.name) as act:
            who.require(Permission.PROJECTS)
            project = Project(
                id=secrets.token_hex(16), name=request.name, description=request.description, created_at=self._clock()
            )
            act.about(resource_id=project.id)  # before it is written: its trace is written with it
            if not await self._store.add_project(project):
                act.about(resource_id="")  # nothing bears it
                raise Conflict(f"name: there is a project named {request.name} already. Choose another name.")
            return _project_shown(project)

    async def change_project(self, who: Caller, project_id: str, request: wire.AddProject) -> wire.ProjectShown:
        """Give a project another name and description. Raises Conflict, NotFound."""
        async with self._audit.act(who, TraceName.UPDATE_PROJECT, project_id, resource_name=request.name):
            who.require(Permission.PROJECTS)
            project = await self._project(project_id)
            if not await self._store.change_project(project_id, name=request.name, description=request.description):
                raise Conflict(f"name: there is a project named {request.name} already. Choose another name.")
            return _project_shown(replace(project, name=request.name, description=request.description))

    # Members

    async def members(self, who: Caller, project_id: str) -> wire.MemberList:
        """A project's members. Raises NotFound."""
        await self._manage(who, project_id, Permission.READ_MEMBERS)
        members = await self._store.members(project_id)
        return wire.MemberList(
            members=[wire.MemberShown(user=member.user, role=member.role.value) for member in members]
        )

    async def give_role(self, who: Caller, project_id: str, name: str, role: wire.RoleWord) -> wire.MemberShown:
        """Make a user a member, or give them another role; it counts at once. Raises NotFound."""
        async with self._audit.act(who, TraceName.GRANT_ROLE, name, project_id=project_id, message=role):
            await self._manage(who, project_id, Permission.CHANGE_MEMBERS)
            await self._user(name)
            await self._store.put_member(Member(project_id=project_id, user=name, role=Role(role)))
            self._gatekeeper.forget()
            return wire.MemberShown(user=name, role=role)

    async def remove_member(self, who: Caller, project_id: str, name: str) -> Success:
        """They are no member from now on; their sessions and tokens for the project end. Raises NotFound."""
        async with self._audit.act(who, TraceName.REVOKE_ROLE, name, project_id=project_id):
            await self._manage(who, project_id, Permission.CHANGE_MEMBERS)
            if not await self._store.remove_member(project_id, name):
                raise NotFound(f"{name} is no member of this project.")
            self._gatekeeper.forget()
            return Success()

    async def _manage(self, who: Caller, project_id: str, permission: Permission) -> None:
        """Raise unless the caller may, in the project that they have signed in to; an administrator in any."""
        if not who.may(Permission.PROJECTS):
            who.require(permission)
            if who.project_id != project_id:
                raise _no_such_project()
        await self._project(project_id)

    async def _project(self, project_id: str) -> Project:
        found = next((project for project in await self._store.projects() if project.id == project_id), None)
        if found is None:
            raise _no_such_project()
        return found

    async def _user(self, name: str) -> User:
        user = await self._store.find_user(name)
        if user is None:
            raise no_such_user(name)
        return user

    async def _with_password(self, user: User, password: str) -> User:
        hashed = await self._passwords.hashed(password)
        return replace(user, password_hash=hashed, password_changed_at=self._clock())

    async def _write(self, user: User, *, ends_sessions: bool = True, unties: bool = False) -> None:
        """All at once: killed in between, a new password would leave what the old one opened."""
        if not await self._store.change_user(user, ends_secrets=ends_sessions, unties=unties):
            raise Conflict(f"{user.name} is the last administrator that can sign in. Make another one first.")
        self._gatekeeper.forget()


def _words_of(request: wire.AddUser | wire.ChangeUser) -> str:
    """What is asked for, for the audit; of a password only that there is one."""
    asked = {name: getattr(request, name) for name in request.__struct_fields__ if name != "name"}
    told = {name: "set" if name == "password" else value for name, value in asked.items() if value not in (None, UNSET)}
    return " ".join(f"{name}={str(value).lower()}" for name, value in told.items())


def _shown(user: User, outside: frozenset[str]) -> wire.UserShown:
    return wire.UserShown(
        id=user.id,
        name=user.name,
        enabled=user.is_enabled,
        administrator=user.is_administrator,
        service=user.is_service,
        has_password=bool(user.password_hash),
        outside=user.name in outside,
        create_time=epoch_ms(user.created_at),
    )


def _project_shown(project: Project) -> wire.ProjectShown:
    return wire.ProjectShown(
        id=project.id, name=project.name, description=project.description, create_time=epoch_ms(project.created_at)
    )


def no_such_user(name: str) -> NotFound:
    """The error for a user that is not there."""
    return NotFound(f"There is no user named {name}.")


def _no_such_project() -> NotFound:
    return NotFound("There is no such project. `GET /v3/projects` lists those that you may enter.")
