"""Users, projects, roles and passwords: extensions, mostly for administrators."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from belvedere.api.answers import answer
from belvedere.api.bodies import read_body
from belvedere.api.operation import BODY_ERRORS, Call, Door, Operation
from belvedere.contract import errors, identity, jobs, validation
from belvedere.contract import identity_rules as rules

ME: Final = "/v1/identity/me"
USERS: Final = "/v1/identity/users"
USER: Final = USERS + "/{user_name}"
PROJECTS: Final = "/v1/identity/projects"
PROJECT: Final = PROJECTS + "/{project_id}"
QUOTAS: Final = PROJECT + "/quotas"
MEMBERS: Final = PROJECT + "/members"
MEMBER: Final = MEMBERS + "/{user_name}"


async def _me(call: Call) -> Response:
    return answer(await call.services.identities.me(call.who))


async def _change_password(call: Call) -> Response:
    change = rules.change_password_request(await read_body(call.request))
    return answer(await call.services.identities.change_password(call.who, change))


async def _users(call: Call) -> Response:
    return answer(await call.services.identities.users(call.who))


async def _add_user(call: Call) -> Response:
    return answer(
        await call.services.identities.add_user(call.who, rules.add_user_request(await read_body(call.request)))
    )


async def _user(call: Call) -> Response:
    return answer(await call.services.identities.user(call.who, _user_name(call)))


async def _change_user(call: Call) -> Response:
    change = rules.change_user_request(await read_body(call.request))
    return answer(await call.services.identities.change_user(call.who, _user_name(call), change))


async def _projects(call: Call) -> Response:
    return answer(await call.services.identities.projects(call.who))


async def _add_project(call: Call) -> Response:
    request = rules.project_request(await read_body(call.request))
    return answer(await call.services.identities.add_project(call.who, request))


async def _change_project(call: Call) -> Response:
    request = rules.project_request(await read_body(call.request))
    return answer(await call.services.identities.change_project(call.who, _project_id(call), request))


async def _members(call: Call) -> Response:
    return answer(await call.services.identities.members(call.who, _project_id(call)))


async def _give_role(call: Call) -> Response:
    role = rules.role_request(await read_body(call.request))
    return answer(await call.services.identities.give_role(call.who, _project_id(call), _user_name(call), role))


async def _remove_member(call: Call) -> Response:
    return answer(await call.services.identities.remove_member(call.who, _project_id(call), _user_name(call)))


async def _quotas(call: Call) -> Response:
    return answer(await call.services.quotas.show(call.who, _project_id(call)))


async def _set_quotas(call: Call) -> Response:
    wanted = rules.quotas_request(await read_body(call.request))
    return answer(await call.services.quotas.set(call.who, _project_id(call), wanted))


def _user_name(call: Call) -> str:
    return rules.user_name(call.request.path_params["user_name"])


def _project_id(call: Call) -> str:
    return validation.project_id(call.request.path_params["project_id"])


# What all of them have in common.
_OURS: Final[Mapping[str, Any]] = {"is_extension": True, "door": Door.ANYBODY_KNOWN, "tag": "Users and projects"}
_CHANGES: Final = (*BODY_ERRORS, errors.NotFound, errors.Conflict)

IDENTITY_OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        name="showMe",
        method="GET",
        path=ME,
        summary="Who the caller is, and what they may do",
        handler=_me,
        answer=identity.Me,
        **_OURS,
    ),
    Operation(
        name="changeMyPassword",
        method="PUT",
        path=ME + "/password",
        summary="Change one's own password; what it opened ends",
        handler=_change_password,
        body=identity.ChangePassword,
        answer=jobs.Success,
        errors=BODY_ERRORS,
        **_OURS,
    ),
    Operation(
        name="listUsers",
        method="GET",
        path=USERS,
        summary="All users",
        handler=_users,
        answer=identity.UserList,
        **_OURS,
    ),
    Operation(
        name="addUser",
        method="POST",
        path=USERS,
        summary="Add a user, or a service account",
        handler=_add_user,
        body=identity.AddUser,
        answer=identity.UserShown,
        errors=(*BODY_ERRORS, errors.Conflict),
        **_OURS,
    ),
    Operation(
        name="showUser",
        method="GET",
        path=USER,
        summary="Show a user",
        handler=_user,
        answer=identity.UserShown,
        errors=(errors.NotFound,),
        **_OURS,
    ),
    Operation(
        name="changeUser",
        method="PUT",
        path=USER,
        summary="Enable, disable, promote a user, or set their password; disabling ends all that is theirs at once",
        handler=_change_user,
        body=identity.ChangeUser,
        answer=identity.UserShown,
        errors=_CHANGES,
        **_OURS,
    ),
    Operation(
        name="listAllProjects",
        method="GET",
        path=PROJECTS,
        summary="All projects",
        handler=_projects,
        answer=identity.ProjectList,
        **_OURS,
    ),
    Operation(
        name="addProject",
        method="POST",
        path=PROJECTS,
        summary="Add a project",
        handler=_add_project,
        body=identity.AddProject,
        answer=identity.ProjectShown,
        errors=(*BODY_ERRORS, errors.Conflict),
        **_OURS,
    ),
    Operation(
        name="changeProject",
        method="PUT",
        path=PROJECT,
        summary="Give a project another name and description",
        handler=_change_project,
        body=identity.AddProject,
        answer=identity.ProjectShown,
        errors=_CHANGES,
        **_OURS,
    ),
    Operation(
        name="showQuotas",
        method="GET",
        path=QUOTAS,
        summary="What a project may have",
        handler=_quotas,
        answer=identity.ProjectQuotas,
        errors=(errors.NotFound,),
        **_OURS,
    ),
    Operation(
        name="setQuotas",
        method="PUT",
        path=QUOTAS,
        summary="Say what a project may have; what is left out is as the settings say",
        handler=_set_quotas,
        body=identity.SetQuotas,
        answer=identity.ProjectQuotas,
        errors=(*BODY_ERRORS, errors.NotFound),
        **_OURS,
    ),
    Operation(
        name="listMembers",
        method="GET",
        path=MEMBERS,
        summary="A project's members and their roles",
        handler=_members,
        answer=identity.MemberList,
        errors=(errors.NotFound,),
        **_OURS,
    ),
    Operation(
        name="giveRole",
        method="PUT",
        path=MEMBER,
        summary="Make a user a member of a project, or give them another role; it counts at once",
        handler=_give_role,
        body=identity.GiveRole,
        answer=identity.MemberShown,
        errors=(*BODY_ERRORS, errors.NotFound),
        **_OURS,
    ),
    Operation(
        name="removeMember",
        method="DELETE",
        path=MEMBER,
        summary="Take a user's role in a project away; their sessions and tokens for it end",
        handler=_remove_member,
        answer=jobs.Success,
        errors=(errors.NotFound,),
        **_OURS,
    ),
)
