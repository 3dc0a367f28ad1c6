"""What a call may raise, split by what the caller can do about it.

    ClientError
    ├── ApiError                the service answered with an error
    │   ├── BadRequest          mend the request                           400, 405, 413, …
    │   ├── NotAuthorized       another token or project                   401, 403
    │   ├── NotFound            no such job                                404
    │   ├── Refused             the job's state forbids it, or it changed  ModelArts.0105, 409, 412
    │   └── ServiceUnavailable  wait and try again                         429, 502, 503, 504
    ├── InvalidConnection       the endpoint or the token is none
    ├── UnexpectedAnswer        whoever answers at the endpoint isn't the service
    ├── Untrusted               the endpoint's certificate is nobody's that we trust
    └── Unreachable             nobody answers, or the connection broke

No message holds the token.
"""

import msgspec

from belvedere.contract.errors import IllegalState


class ClientError(Exception):
    """Root of all errors of this client."""


class InvalidConnection(ClientError):
    """The endpoint is no URL, or the token holds characters that no token has."""


class Unreachable(ClientError):
    """The service could not be reached, or the connection broke before it answered."""


class Untrusted(ClientError):
    """The endpoint's certificate can't be verified. `SSL_CERT_FILE` names further authorities."""


class UnexpectedAnswer(ClientError):
    """The endpoint answers, but not as the service would."""


class ApiError(ClientError):
    """The service's own error. `status` is HTTP's, `code` ModelArts'; `request_id` finds it in the service's log."""

    def __init__(self, status: int, code: str, message: str, request_id: str, *, retry_after: float = 0.0) -> None:
        """`retry_after`: seconds that the service asks to wait; 0 if it doesn't say."""
        super().__init__(f"{message} ({code}, HTTP {status}, request {request_id or 'unknown'})")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.retry_after = retry_after


class BadRequest(ApiError):
    """The request is wrong; the same request will fail again."""


class NotAuthorized(ApiError):
    """No valid token, or not for this project or log source."""


class NotFound(ApiError):
    """No such job in this project."""


class Refused(ApiError):
    """The job's state doesn't allow it, or the job is no longer the one that was read."""


class ServiceUnavailable(ApiError):
    """Not now; the same request may succeed later."""


class _Body(msgspec.Struct):
    """What is read of an error body; gateways in between write fewer keys than the service."""

    error_code: str = ""
    error_message: str = ""
    error_msg: str = ""
    message: str = ""
    request_id: str = ""


def api_error(status: int, content: bytes, *, request_id: str = "", retry_after: float = 0.0) -> ApiError:
    """The error for an answer of 400 or above. `request_id` is the header's, used when the body has none."""
    try:
        body = msgspec.json.decode(content, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = _Body()
    message = body.error_message or body.error_msg or body.message or f"HTTP {status} without an explanation"
    kind = _kind(status, body.error_code)
    return kind(status, body.error_code, message, body.request_id or request_id, retry_after=retry_after)


_KINDS: dict[int, type[ApiError]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    409: Refused,
    412: Refused,
    429: ServiceUnavailable,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServiceUnavailable,
}


def _kind(status: int, code: str) -> type[ApiError]:
    if code == IllegalState.code:
        return Refused
    return _KINDS.get(status, BadRequest if status < 500 else ApiError)
