"""Answers: JSON from the contract's types, errors in the one shape that every real client understands."""

import math
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from belvedere.contract.errors import AuthenticationError, BelvedereError, Unavailable
from belvedere.contract.iam import IamFault
from belvedere.contract.jobs import ErrorBody

_encode = msgspec.json.Encoder().encode
_RETRY_AFTER = 1  # seconds, where nobody knows better


def answer(value: msgspec.Struct, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The value as JSON. ModelArts' success codes are undocumented; clients take any below 400."""
    return Response(_encode(value), status_code=status, headers=headers, media_type="application/json")


def error_answer(
    error: BelvedereError, request_id: str, headers: Mapping[str, str] | None = None, *, is_iam: bool = False
) -> Response:
    """The error as JSON, with what HTTP wants beside its status; for clients of IAM in their shape too."""
    fault = IamFault(code=error.http_status, message=error.message, title=HTTPStatus(error.http_status).phrase)
    body = ErrorBody(
        error=fault if is_iam else UNSET,
        error_code=error.error_code,
        error_message=error.message,
        error_msg=error.message,
        message=error.message,
        request_id=request_id,
    )
    all_headers = {**(headers or {}), **_headers_of(error)}
    return Response(_encode(body), status_code=error.http_status, headers=all_headers, media_type="application/json")


def _headers_of(error: BelvedereError) -> dict[str, str]:
    headers = {}
    if error.retry_after is not None or isinstance(error, Unavailable):
        headers["Retry-After"] = str(max(math.ceil(error.retry_after or 0), _RETRY_AFTER))
    if isinstance(error, AuthenticationError):
        headers["WWW-Authenticate"] = 'X-Auth-Token realm="belvedere"'
    return headers
