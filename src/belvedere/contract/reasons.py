"""Reasons beside a status: a stable code for programs and a sentence for people."""

from enum import StrEnum

import msgspec


class ReasonCode(StrEnum):
    """Why a job waits, shows nothing, failed or ended. Documented in `docs/reference/reasons.md`."""

    # How a job ended
    STOPPED_BY_USER = "STOPPED_BY_USER"
    AUTO_STOPPED = "AUTO_STOPPED"
    # The log source
    NO_SUCH_BUCKET = "NO_SUCH_BUCKET"
    NO_SUCH_PATH = "NO_SUCH_PATH"
    SOURCE_FORBIDDEN = "SOURCE_FORBIDDEN"
    BAD_CREDENTIALS = "BAD_CREDENTIALS"
    SOURCE_UNREACHABLE = "SOURCE_UNREACHABLE"
    SOURCE_ERROR = "SOURCE_ERROR"
    WRONG_ENDPOINT = "WRONG_ENDPOINT"
    BAD_CERTIFICATE = "BAD_CERTIFICATE"
    STORE_NOT_CONFIGURED = "STORE_NOT_CONFIGURED"
    NOTHING_TO_SHOW = "NOTHING_TO_SHOW"
    TOO_MANY_FOLDERS = "TOO_MANY_FOLDERS"
    UNSAFE_FILE = "UNSAFE_FILE"
    DISK_FULL = "DISK_FULL"
    MIRROR_QUOTA = "MIRROR_QUOTA"
    # The viewer
    LOADING = "LOADING"
    VIEWER_MISSING = "VIEWER_MISSING"
    VIEWER_CRASHED = "VIEWER_CRASHED"
    MEMORY_LIMIT = "MEMORY_LIMIT"
    SLOW_LOADER = "SLOW_LOADER"
    VIEWER_NOTE = "VIEWER_NOTE"
    # The engine
    NO_CAPACITY = "NO_CAPACITY"
    QUOTA = "QUOTA"
    RUNTIME_UNREACHABLE = "RUNTIME_UNREACHABLE"
    RUNTIME_LOST = "RUNTIME_LOST"
    DELETE_PENDING = "DELETE_PENDING"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is one or two sentences: what is, and what to do. Safe to show: no secrets."""

    code: ReasonCode
    text: str
