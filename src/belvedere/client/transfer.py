"""One request to the service: retried where that is safe, its faults turned into this client's errors."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

import httpx2

from belvedere import __version__
from belvedere.client.errors import (
    ApiError,
    ClientError,
    InvalidConnection,
    ServiceUnavailable,
    UnexpectedAnswer,
    Unreachable,
    Untrusted,
    api_error,
)

RETRY_PAUSES = (0.2, 0.4, 0.8, 1.6)  # seconds: together as long as a restart of the service takes
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
LONGEST_RETRY_AFTER = 10.0  # seconds; who asks for more than that is told at once


class Transfer:
    """Sends requests below `{endpoint}/v1/{project_id}`. Its repr hides the token."""

    def __init__(
        self,
        endpoint: str,
        project_id: str,
        token: str,
        *,
        timeout: float,
        pauses: Sequence[float],
        transport: httpx2.BaseTransport | None,
        sleep: Callable[[float], None],
    ) -> None:
        """`timeout` in seconds, for each step of a request."""
        self._endpoint = endpoint.rstrip("/")
        self._pauses = tuple(pauses)
        self._sleep = sleep
        _check(self._endpoint, token)
        self._http = httpx2.Client(
            base_url=f"{self._endpoint}/v1/{quote(project_id, safe='')}",
            headers={"X-Auth-Token": token, "User-Agent": f"belvedere/{__version__}"},
            timeout=timeout,
            transport=transport,
            # A proxy of the environment must not see what goes to this machine itself; its authorities count here too.
            trust_env=not _is_loopback(self._endpoint),
            verify=httpx2.create_ssl_context() if self._endpoint.startswith("https:") else True,
        )

    def __repr__(self) -> str:
        return f"Transfer({self._endpoint!r})"

    @property
    def token(self) -> str:
        """What requests are sent with."""
        return self._http.headers["X-Auth-Token"]

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> httpx2.Response:
        """The answer, if it is a success. `repeatable`: sending it twice does no more than sending it once.

        A `path` with a slash in front is the service's, any other the project's.

        Raises ClientError.
        """
        content_type = {"Content-Type": "application/json"} if body is not None else {}
        request = self._http.build_request(
            method,
            self._endpoint + path if path.startswith("/") else path,
            content=body,
            params=list(parameters),
            headers={**content_type, **(headers or {})},
        )
        pauses = iter(self._pauses if repeatable else ())
        while True:
            try:
                return self._send_once(request)
            except (Unreachable, ServiceUnavailable) as error:
                pause = next(pauses, None)
                if pause is None:
                    raise
                wanted = _retry_after(error)
                if wanted > LONGEST_RETRY_AFTER:
                    raise
                self._sleep(max(pause, wanted))

    def _send_once(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = self._http.send(request)
        except httpx2.TimeoutException as error:
            raise Unreachable(f"{self._endpoint} did not answer in time.") from error
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise self._broken(error) from error
        if response.status_code >= 400:
            raise _error_of(response)
        if not response.is_success:
            raise UnexpectedAnswer(f"{self._endpoint} redirects elsewhere: name the service's own address.")
        return response

    def _broken(self, error: Exception) -> ClientError:
        said = str(error) or type(error).__name__
        if _UNTRUSTED in said:  # the reason's type is lost on its way through httpx2
            return Untrusted(f"{self._endpoint} can't be trusted: {said.rpartition(_UNTRUSTED)[2].strip('] ')}.")
        return Unreachable(f"{self._endpoint} can't be reached: {said}.")


def _check(endpoint: str, token: str) -> None:
    try:
        url = httpx2.URL(endpoint)
    except httpx2.InvalidURL as error:
        raise InvalidConnection(f"The endpoint {endpoint!r} is no URL: {error}.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidConnection(f"The endpoint {endpoint!r} must begin with http:// or https:// and name a host.")
    # Said here, because the HTTP library would quote the token in its own error.
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise InvalidConnection("The token is empty or holds characters that no token has: copy it anew.")


def _error_of(response: httpx2.Response) -> ApiError:
    headers = response.headers
    return api_error(
        response.status_code,
        response.content,
        request_id=headers.get("X-Request-Id", ""),
        retry_after=_seconds(headers.get("Retry-After", "")),
    )


def _retry_after(error: Exception) -> float:
    return error.retry_after if isinstance(error, ApiError) else 0.0


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _is_loopback(endpoint: str) -> bool:
    try:
        host = httpx2.URL(endpoint).host
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except (httpx2.InvalidURL, ValueError):
        return False
