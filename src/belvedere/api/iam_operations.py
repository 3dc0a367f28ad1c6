"""IAM v3 as clients of Huawei Cloud and OpenStack expect it: tokens, projects, discovery, access keys."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from belvedere.api.answers import answer
from belvedere.api.bodies import read_body
from belvedere.api.operation import BODY_ERRORS, Call, Door, Operation
from belvedere.api.parameters import Parameter
from belvedere.contract import errors, iam, iam_rules
from belvedere.service.tokens import TokenService

TOKENS: Final = "/v3/auth/tokens"
KEYS: Final = "/v3.0/OS-CREDENTIAL/credentials"
_SUBJECT: Final = "x-subject-token"
_TAG: Final = "Identity (IAM v3)"
_NOCATALOG = Parameter(name="nocatalog", place="query", text="Leave the catalog out.", schema={"type": "string"})
_SUBJECT_TOKEN = Parameter(
    name="X-Subject-Token", place="header", text="The token that is meant.", schema={"type": "string"}, is_required=True
)
_NAME = Parameter(name="name", place="query", text="The project of this name only.", schema={"type": "string"})


async def _sign_in(call: Call) -> Response:
    request = iam_rules.sign_in_request(await read_body(call.request))
    issued = await call.services.tokens.sign_in(request, with_catalog=_with_catalog(call))
    return answer(issued.answer, status=201, headers={"X-Subject-Token": issued.secret, "Vary": "X-Auth-Token"})


async def _show(call: Call) -> Response:
    subject = call.request.headers.get(_SUBJECT)
    shown = await call.services.tokens.show(call.who, subject, with_catalog=_with_catalog(call))
    return answer(shown, headers={"X-Subject-Token": subject or ""})


async def _revoke(call: Call) -> Response:
    await call.services.tokens.revoke(call.who, call.request.headers.get(_SUBJECT))
    return Response(status_code=204)


async def _projects(call: Call) -> Response:
    name = call.request.query_params.get("name")
    return answer(await call.services.tokens.projects(call.who, call.request.url.path, name))


async def _domains(call: Call) -> Response:
    return answer(call.services.tokens.domains())


async def _version(call: Call) -> Response:
    return answer(iam.VersionAnswer(call.services.tokens.version))


async def _temporary_key(call: Call) -> Response:
    seconds = iam_rules.temporary_key_request(await read_body(call.request))
    return answer(await call.services.keys.temporary_key(call.who, seconds), status=201)


async def _add_key(call: Call) -> Response:
    wanted = iam_rules.key_request(await read_body(call.request))
    return answer(await call.services.keys.add_key(call.who, wanted), status=201)


async def _keys(call: Call) -> Response:
    return answer(await call.services.keys.keys(call.who, call.request.query_params.get("user_id")))


async def _key(call: Call) -> Response:
    return answer(await call.services.keys.key(call.who, call.request.path_params["access_key"]))


async def _remove_key(call: Call) -> Response:
    await call.services.keys.remove_key(call.who, call.request.path_params["access_key"])
    return Response(status_code=204)


def _with_catalog(call: Call) -> bool:
    return "nocatalog" not in call.request.query_params


class VersionsRoute(Route):
    """GET / for who asks for JSON, as clients that look for the identity API do; a browser gets what else is there."""

    def __init__(self, tokens: TokenService) -> None:
        async def versions(request: Request) -> Response:
            del request
            return answer(iam.VersionsAnswer(iam.VersionValues([tokens.version])), status=300)

        super().__init__("/", versions, methods=["GET"])

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        accept = dict(scope.get("headers", ())).get(b"accept", b"")
        if b"application/json" not in accept or b"text/html" in accept:
            return Match.NONE, {}
        return super().matches(scope)


IAM_OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        name="createToken",
        method="POST",
        path=TOKENS,
        summary="Sign in by password, or by a token for another scope; the token is in X-Subject-Token",
        handler=_sign_in,
        body=iam.AuthRequest,
        answer=iam.TokenAnswer,
        parameters=(_NOCATALOG,),
        errors=(*BODY_ERRORS, errors.WrongCredentials),
        door=Door.OPEN,
        success=201,
        tag=_TAG,
    ),
    Operation(
        name="showToken",
        method="GET",
        path=TOKENS,
        summary="What a token says; HEAD tells whether it is good",
        handler=_show,
        answer=iam.TokenAnswer,
        parameters=(_SUBJECT_TOKEN, _NOCATALOG),
        errors=(errors.NotFound,),
        door=Door.ANYBODY_KNOWN,
        tag=_TAG,
    ),
    Operation(
        name="revokeToken",
        method="DELETE",
        path=TOKENS,
        summary="Revoke a token",
        handler=_revoke,
        answer=iam.Nothing,
        parameters=(_SUBJECT_TOKEN,),
        errors=(errors.NotFound,),
        door=Door.ANYBODY_KNOWN,
        success=204,
        tag=_TAG,
    ),
    *(
        Operation(
            name=name,
            method="GET",
            path=path,
            summary="The projects that one may enter",
            handler=_projects,
            answer=iam.IamProjects,
            parameters=(_NAME,),
            door=Door.ANYBODY_KNOWN,
            tag=_TAG,
        )
        for name, path in (("listProjects", "/v3/projects"), ("listAuthProjects", "/v3/auth/projects"))
    ),
    Operation(
        name="listDomains",
        method="GET",
        path="/v3/auth/domains",
        summary="The one domain",
        handler=_domains,
        answer=iam.IamDomains,
        door=Door.ANYBODY_KNOWN,
        tag=_TAG,
    ),
    Operation(
        name="showVersion",
        method="GET",
        path="/v3",
        summary="The version of IAM",
        handler=_version,
        answer=iam.VersionAnswer,
        door=Door.OPEN,
        tag=_TAG,
    ),
    Operation(
        name="createTemporaryKey",
        method="POST",
        path="/v3.0/OS-CREDENTIAL/securitytokens",
        summary="A temporary access key of one's own",
        handler=_temporary_key,
        body=iam.TemporaryKeyRequest,
        answer=iam.TemporaryKeyAnswer,
        errors=BODY_ERRORS,
        door=Door.ANYBODY_KNOWN,
        success=201,
        tag=_TAG,
    ),
    Operation(
        name="createAccessKey",
        method="POST",
        path=KEYS,
        summary="A lasting access key; its secret is told this once",
        handler=_add_key,
        body=iam.KeyRequest,
        answer=iam.KeyAnswer,
        errors=(*BODY_ERRORS, errors.NotFound),
        door=Door.ANYBODY_KNOWN,
        success=201,
        tag=_TAG,
    ),
    Operation(
        name="listAccessKeys",
        method="GET",
        path=KEYS,
        summary="One's lasting access keys; an administrator sees anybody's",
        handler=_keys,
        answer=iam.KeysAnswer,
        parameters=(Parameter(name="user_id", place="query", text="Whose.", schema={"type": "string"}),),
        errors=(errors.NotFound,),
        door=Door.ANYBODY_KNOWN,
        tag=_TAG,
    ),
    Operation(
        name="showAccessKey",
        method="GET",
        path=KEYS + "/{access_key}",
        summary="Show an access key; never its secret",
        handler=_key,
        answer=iam.KeyAnswer,
        errors=(errors.NotFound,),
        door=Door.ANYBODY_KNOWN,
        tag=_TAG,
    ),
    Operation(
        name="deleteAccessKey",
        method="DELETE",
        path=KEYS + "/{access_key}",
        summary="Remove an access key; it opens nothing from now on",
        handler=_remove_key,
        answer=iam.Nothing,
        errors=(errors.NotFound,),
        door=Door.ANYBODY_KNOWN,
        success=204,
        tag=_TAG,
    ),
)
