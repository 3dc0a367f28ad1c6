"""Exit codes, and errors as one or two lines on standard error. Pure, and cheap to import.

The table in `docs/reference/cli.md` lists the same codes; a test holds the two together.
"""

import json
from enum import IntEnum
from itertools import pairwise


class Exit(IntEnum):
    """What a script can tell from the exit code."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NO_SUCH_JOB = 3
    NOT_AUTHORISED = 4
    REFUSED = 5
    UNAVAILABLE = 6
    JOB_FAILED = 7
    TIMED_OUT = 8
    INTERRUPTED = 130


class Failure(Exception):
    """A command's bad end: what was wrong, what to do, and the code to exit with. Safe to show."""

    def __init__(
        self, exit_code: Exit, message: str, *, remedy: str = "", error_code: str = "", request_id: str = ""
    ) -> None:
        """`error_code` and `request_id` are the service's, if it answered."""
        super().__init__(message)
        self.exit_code = exit_code
        self.message = message
        self.remedy = remedy
        self.error_code = error_code
        self.request_id = request_id


def as_text(failure: Failure) -> str:
    """One line for what and why, a second one for what to do and the request id."""
    code = f" ({failure.error_code})" if failure.error_code else ""
    request = f"Request id: {failure.request_id}" if failure.request_id else ""
    second = "  ".join(part for part in (failure.remedy, request) if part)
    first = f"belvedere: {failure.message}{code}"
    return f"{first}\n  {second}" if second else first


def as_json(failure: Failure) -> str:
    """The same as one JSON object, with the keys of the API's own errors where they are the same thing."""
    return json.dumps(
        {
            "is_success": False,
            "exit_code": int(failure.exit_code),
            "error_code": failure.error_code,
            "message": failure.message,
            "remedy": failure.remedy,
            "request_id": failure.request_id,
        }
    )


def wants_json(arguments: list[str]) -> bool:
    """Whether the command line asks for JSON. Read from the words, since a usage error comes before parsing ends."""
    pairs = pairwise(arguments)
    joined = {"--output=json", "-ojson", "-o=json"}
    return any(word in joined for word in arguments) or any(
        option in {"--output", "-o"} and value == "json" for option, value in pairs
    )
