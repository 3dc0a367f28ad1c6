"""What every answer has: a request id, safe headers, a log line where something changed or broke, a latency.

The id is bound for logging, so that whatever is logged on the way bears it.
"""

import re
import secrets
import time
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from belvedere.api.answers import error_answer
from belvedere.api.throttle import Throttle
from belvedere.contract.errors import InternalError, PermissionDenied, TooManyRequests
from belvedere.identity.acts import WHENCE, Whence

# route template ("" if none matched), method, status, seconds
Observer = Callable[[str, str, int, float], None]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_GONE = 499  # as nginx counts a client that left; nothing is sent
_READS = frozenset({"GET", "HEAD", "OPTIONS"})  # counted, not logged: there are too many
_METHODS = _READS | {"POST", "PUT", "DELETE", "PATCH", "CONNECT", "TRACE"}
_log = structlog.get_logger("belvedere.api")


class Envelope:
    """ASGI middleware. Every request leaves through it, also the ones that fail."""

    def __init__(self, app: ASGIApp, observe: Observer, throttle: Throttle) -> None:
        self._app = app
        self._throttle = throttle
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        _prepare(scope)
        sender = _Sender(scope, send)
        try:
            self._throttle.admit(scope)
            await self._app(scope, receive, sender)
            self._throttle.answered(scope, sender.status)
        except (TooManyRequests, PermissionDenied) as refusal:  # what is refused within is answered there
            is_iam = scope["path"].startswith("/v3")
            await error_answer(refusal, scope["request_id"], is_iam=is_iam)(scope, receive, sender)
        except ClientDisconnect:
            sender.status = _GONE
        except Exception:
            _log.exception("request-failed", method=scope["method"], route=_route(scope))
            if sender.status:
                raise  # half an answer is out: the server must cut the connection
            error = InternalError("Internal error. Ask the operator, and quote the request id.")
            await error_answer(error, scope["request_id"])(scope, receive, sender)
        finally:
            self._record(scope, sender.status or _GONE, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], _route(scope)
        self._observe(route, method if method in _METHODS else "other", status, seconds)
        if method not in _READS:
            _log.info("request", method=method, route=route, status=status, seconds=round(seconds, 6))


class _Sender:
    """Passes an answer on, with the headers of all answers; `status` is 0 until it has begun."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.status = 0
        self._request_id: str = scope["request_id"]
        self._without_body = scope["method"] == "HEAD"
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
        elif self._without_body and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def _prepare(scope: Scope) -> None:
    sent = Headers(scope=scope).get("x-request-id", "")
    request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)
    scope["request_id"] = request_id
    if scope["path"].startswith(("/v1/", "/v3")):
        scope["path"] = scope["path"].rstrip("/")
    client = scope.get("client")
    WHENCE.set(Whence(address=client[0] if client else "", request_id=request_id))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "")
