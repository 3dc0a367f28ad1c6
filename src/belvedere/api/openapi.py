"""The OpenAPI 3.1 document, from the table of operations and the contract's types. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

import msgspec

from belvedere import __version__
from belvedere.api.operation import Door, ErrorTypes, Operation
from belvedere.contract import errors
from belvedere.contract.errors import BelvedereError
from belvedere.contract.identity import USER_PATTERN
from belvedere.contract.jobs import ErrorBody
from belvedere.contract.log_stores import NAME_PATTERN
from belvedere.contract.shares import SHARE_ID_PATTERN

Document = dict[str, object]

_REF = "#/components/schemas/{name}"
_REQUEST_ID = {"X-Request-Id": {"description": "Quote it to the operator.", "schema": {"type": "string"}}}
# What any operation may answer with.
_COMMON: ErrorTypes = (
    errors.RequestError, errors.InvalidProject, errors.AuthenticationError, errors.InvalidToken, errors.UnscopedToken,
    errors.InvalidSignature,
    errors.PermissionDenied, errors.ProjectMismatch, errors.Unavailable, errors.TooManyRequests, errors.InternalError,
)  # fmt: skip
_PATH_PARAMETERS = {
    "project_id": {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,64}$"},
    "store_name": {"type": "string", "pattern": NAME_PATTERN},
    "share_id": {"type": "string", "pattern": SHARE_ID_PATTERN},
    "job_id": {"type": "string", "pattern": "^[0-9]+$"},
    "user_name": {"type": "string", "pattern": USER_PATTERN},
    "access_key": {"type": "string", "pattern": "^[A-Z0-9]{20}$"},
}


def document(operations: Sequence[Operation]) -> Document:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Belvedere",
            "version": __version__,
            "description": "Visualization jobs with ModelArts v1's contract. Parts marked as extensions are ours.",
        },
        "paths": _paths(operations),
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "SDK-HMAC-SHA256, with X-Sdk-Date and Host signed.",
                },
            },
        },
        "security": [{"token": []}, {"signature": []}],
    }


def _paths(operations: Sequence[Operation]) -> Document:
    paths: dict[str, Document] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return dict(paths)


def _operation(operation: Operation) -> Document:
    described: Document = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag or ("Extensions" if operation.is_extension else "Visualization jobs")],
        "parameters": [*_path_parameters(operation.path), *_parameters(operation)],
        "responses": {str(operation.success): _success(operation), **_error_responses(operation)},
    }
    if operation.door is Door.OPEN:
        described["security"] = []
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body)}
    return described


def _path_parameters(path: str) -> list[Document]:
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in _PATH_PARAMETERS.items()
        if f"{{{name}}}" in path
    ]


def _parameters(operation: Operation) -> list[Document]:
    return [
        {
            "name": given.name,
            "in": given.place,
            "required": given.is_required,
            "description": given.text,
            "schema": given.schema,
        }
        for given in operation.parameters
    ]


def _error_responses(operation: Operation) -> Document:
    by_status: dict[str, list[str]] = {}
    for error in dict.fromkeys((*operation.errors, *_COMMON)):
        by_status.setdefault(str(error.http_status), []).append(_line(error))
    return {status: _response("\n".join(lines), ErrorBody) for status, lines in sorted(by_status.items())}


def _success(operation: Operation) -> Document:
    if operation.success == HTTPStatus.NO_CONTENT:
        return {"description": "Success.", "headers": _REQUEST_ID}
    return _response("Success.", operation.answer)


def _line(error: type[BelvedereError]) -> str:
    return f"{error.code}: {(error.__doc__ or '').splitlines()[0]}"


def _response(text: str, body: type[msgspec.Struct]) -> Document:
    return {"description": text, "headers": _REQUEST_ID, "content": _content(body)}


def _content(body: type[msgspec.Struct]) -> Document:
    return {"application/json": {"schema": {"$ref": _REF.format(name=body.__name__)}}}


def _schemas(operations: Iterable[Operation]) -> Mapping[str, object]:
    types: set[type[msgspec.Struct]] = {ErrorBody}
    for operation in operations:
        if operation.success != HTTPStatus.NO_CONTENT:
            types.add(operation.answer)
        if operation.body is not None:
            types.add(operation.body)
    ordered = sorted(types, key=lambda kind: kind.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    return components
