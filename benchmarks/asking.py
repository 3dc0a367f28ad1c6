"""A small HTTP client whose own cost is low and known, and waiting by asking again."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

PAUSE = 0.002  # seconds between two questions to something that is not there yet
LIMIT = 900.0  # seconds after which waiting is given up

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer."""

    status: int
    body: bytes

    def json(self) -> object:
        """Its body, decoded."""
        return msgspec.json.decode(self.body)


class Asker:
    """One kept connection to an origin. For one thread. Raises OSError or http.client.HTTPException as they come."""

    def __init__(self, origin: str, headers: Mapping[str, str] | None = None, timeout: float = 120) -> None:
        address = urlsplit(origin)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
        self._headers = dict(headers or {})

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Answer:
        """Send a request and read its whole answer."""
        headers = {**self._headers, "Content-Type": kind} if body is not None else self._headers
        try:
            self._connection.request(method, path, body=body, headers=headers)
            with self._connection.getresponse() as response:
                return Answer(status=response.status, body=response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()  # else it stays in the middle of this request
            raise

    def get(self, path: str) -> Answer:
        """GET."""
        return self.ask("GET", path)

    def post(self, path: str, value: object) -> Answer:
        """POST a value as JSON."""
        return self.ask("POST", path, json.dumps(value).encode())

    def close(self) -> None:
        """Give the connection up; the next request makes another."""
        self._connection.close()


def until(question: Callable[[], T | None], pause: float = PAUSE, limit: float = LIMIT) -> T:
    """Ask until there is an answer that is not None. What isn't reached yet counts as no answer."""
    deadline = time.monotonic() + limit
    while True:
        try:
            answer = question()
        except (OSError, http.client.HTTPException):
            answer = None
        if answer is not None:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"No answer within {limit:.0f} s.")
        time.sleep(pause)
