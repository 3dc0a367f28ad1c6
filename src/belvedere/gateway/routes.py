"""Public paths: which job a path belongs to. Pure, and strict: what is ambiguous matches nothing."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from belvedere.contract.limits import JOB_ID

ROOT: Final = "/modelarts2/"

_ROUTE = re.compile(
    r"/modelarts2/(?P<job_type>[a-z][a-z0-9.-]{0,31})/(?P<project_id>[0-9a-f]{32})/(?P<job_id>[1-9][0-9]{0,18})"
    r"(?P<rest>/[\x21-\x7e]*)?"
)
_SEPARATORS = re.compile(rb"[/\\]")
_SUSPICIOUS = re.compile(r"[%\\#]|/[./]")  # without any of these, and matching `_ROUTE`, a path is plain at a glance
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class RouteMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A job's public path. `rest` is what follows the job id, as sent: empty, or with its leading slash."""

    job_type: str
    project_id: str
    job_id: int
    rest: str

    @property
    def prefix(self) -> str:
        """The job's own part of the path, without a slash at the end."""
        return job_prefix(self.job_type, self.project_id, self.job_id)


def job_prefix(job_type: str, project_id: str, job_id: int) -> str:
    """The path under which a job's viewer stands, without a slash at the end."""
    return f"{ROOT}{job_type}/{project_id}/{job_id}"


@lru_cache(maxsize=256)  # pages ask for the same few over and over; 256 of the longest take two megabytes
def match_route(path: str) -> RouteMatch | None:
    """The job that a raw path (still percent-encoded, without its query) belongs to, if it does so beyond doubt.

    Dot segments, plain or encoded, empty segments, backslashes, control characters and broken escapes match nothing:
    whatever a viewer's own parser makes of them, it must not be another job's path.
    """
    match = _ROUTE.fullmatch(path)
    if match is None:
        return None
    job_id = int(match["job_id"])
    rest = match["rest"] or ""
    if job_id > JOB_ID or not _is_plain(rest):
        return None
    return RouteMatch(job_type=match["job_type"], project_id=match["project_id"], job_id=job_id, rest=rest)


def _is_plain(rest: str) -> bool:
    if not _SUSPICIOUS.search(rest):
        return True
    if "//" in rest or "\\" in rest or "#" in rest or _BAD_ESCAPE.search(rest):
        return False
    decoded = unquote_to_bytes(rest)
    if any(byte < 0x20 or byte == 0x7F for byte in decoded):
        return False
    return not any(segment in {b".", b".."} for segment in _SEPARATORS.split(decoded))


def without_parameter(query: str, name: str) -> tuple[str, str | None]:
    """The raw query with every `name` taken out, all else byte for byte, and the last value that it had."""
    if name not in query:
        return query, None
    kept = [part for part in query.split("&") if part.partition("=")[0] != name]
    taken = [part.partition("=")[2] for part in query.split("&") if part.partition("=")[0] == name]
    return "&".join(kept), taken[-1] if taken else None
