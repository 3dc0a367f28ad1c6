"""Every error that a caller may see, split by what the caller can do about it.

    BelvedereError
    ├── RequestError            mend the request                     400
    │   ├── NotFound            it isn't there (or isn't yours)      404
    │   ├── Conflict            it has changed, or is doing so       409
    │   └── ...                 see the classes below
    ├── AuthenticationError     sign in                              401
    ├── PermissionDenied        ask for the right                    403
    ├── Unavailable             wait and try again                   429, 503
    └── InternalError           ask the operator; quote request_id   500

A class owns its ModelArts code and HTTP status; a message names what was wrong, where, and the remedy, and is safe to
show: no secret, no path of the machine. Codes: ModelArts API reference, "Error Codes"; where no version of that table
defines a code that the samples use (0105), the sample's text is kept to the letter.
"""

from typing import ClassVar


class BelvedereError(Exception):
    """Root of all errors that are shown to callers."""

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "ModelArts.0010"

    def __init__(self, message: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        """`code` replaces the class's own; `retry_after` is in seconds."""
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.retry_after = retry_after


class RequestError(BelvedereError):
    """The request is wrong; the same request will fail again."""

    http_status = 400
    code = "ModelArts.0104"


class MalformedBody(RequestError):
    """The body is not JSON, or not a JSON object."""

    code = "ModelArts.2787"


class BodyTooLarge(RequestError):
    """The body exceeds 12 MB."""

    http_status = 413
    code = "APIG.0201"


class UnsupportedSort(RequestError):
    """The list can't be sorted by that."""

    code = "ModelArts.2790"


class UnknownWorkspace(RequestError):
    """Only workspace 0 exists."""

    code = "ModelArts.0102"


class InvalidProject(RequestError):
    """The project id in the path is no project id, such as a literal ``{project_id}``."""

    code = "ModelArts.0210"


class UnknownFlavor(RequestError):
    """The flavor code is not among the configured ones."""

    code = "ModelArts.2763"


class ViewerNotInstalled(RequestError):
    """The job type is known, but its viewer is not installed."""

    code = "ModelArts.0104"


class InvalidLogUrl(RequestError):
    """``train_url`` can't be understood or isn't allowed."""

    code = "ModelArts.2791"


class LogSourceRefused(RequestError):
    """The log source was asked and said no: no such bucket (4311) or path (4312)."""

    code = "ModelArts.4314"


class QuotaExceeded(RequestError):
    """The project has no room for another job."""

    code = "ModelArts.0118"


class IllegalState(RequestError):
    """The job's status doesn't allow the verb."""

    code = "ModelArts.0105"


class NotFound(RequestError):
    """No such job, share link or log store in this project."""

    http_status = 404
    code = "ModelArts.0015"


class NoSuchPath(RequestError):
    """The API has no such path."""

    http_status = 404
    code = "ModelArts.2836"


class MethodNotAllowed(RequestError):
    """The path exists, the method doesn't."""

    http_status = 405
    code = "ModelArts.2803"


class Conflict(RequestError):
    """The job changed or has too many share links, the idempotency key or a name is taken, or a log store is in use."""

    http_status = 409
    code = "ModelArts.2878"


class PreconditionFailed(RequestError):
    """If-Match names another revision than the job's."""

    http_status = 412
    code = "ModelArts.2878"


class AuthenticationError(BelvedereError):
    """No token, or none that we know."""

    http_status = 401
    code = "ModelArts.0201"


class InvalidToken(AuthenticationError):
    """A token was sent, but it isn't valid."""

    code = "ModelArts.0203"


class UnscopedToken(AuthenticationError):
    """The token is for no project, and the path is within one."""

    code = "ModelArts.0212"


class WrongCredentials(AuthenticationError):
    """User name and password, or whatever was sent in their place, open nothing."""


class InvalidSignature(AuthenticationError):
    """The request's signature by access key and secret key does not hold."""

    code = "APIG.0301"


class PermissionDenied(BelvedereError):
    """The caller is known, but may not."""

    http_status = 403
    code = "ModelArts.0108"


class ProjectMismatch(PermissionDenied):
    """The project id in the path is not the token's."""

    code = "ModelArts.0210"


class LogSourceForbidden(PermissionDenied):
    """The object store refuses our credentials for this path."""

    code = "ModelArts.4310"


class Unavailable(BelvedereError):
    """Not now; the same request may succeed later."""

    http_status = 503
    code = "ModelArts.6101"


class TooManyRequests(Unavailable):
    """The caller, or whoever shares their address, asks faster than the service lets them."""

    http_status = 429
    code = "APIG.0308"


class InternalError(BelvedereError):
    """Our fault. The log has the details under the request id."""


EVERY_ERROR: tuple[type[BelvedereError], ...] = (
    RequestError, MalformedBody, BodyTooLarge, UnsupportedSort, UnknownWorkspace, InvalidProject, UnknownFlavor,
    ViewerNotInstalled, InvalidLogUrl, LogSourceRefused, QuotaExceeded, IllegalState, NotFound, NoSuchPath,
    MethodNotAllowed, Conflict, PreconditionFailed, AuthenticationError, InvalidToken, UnscopedToken,
    WrongCredentials, InvalidSignature, PermissionDenied, ProjectMismatch, LogSourceForbidden, Unavailable,
    TooManyRequests, InternalError,
)  # fmt: skip
