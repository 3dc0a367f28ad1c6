"""Log stores on the wire: the object stores that a project's jobs may read, all of it an extension.

An answer never holds a secret key.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from belvedere.contract.reasons import Reason

NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
Addressing = Literal["path", "virtual-host"]


class AddLogStore(msgspec.Struct, frozen=True, kw_only=True):
    """POST …/log-stores. Without keys its requests are anonymous. Its repr hides the keys."""

    name: Annotated[str, Meta(pattern=NAME_PATTERN)]
    endpoint: Annotated[str, Meta(examples=["https://obs.eu-de.otc.t-systems.com"])]
    access_key: str = ""
    secret_key: str = ""
    region: str = "us-east-1"
    addressing: Addressing = "path"
    allow_http: bool = False
    shared: bool = False  # for all projects

    def __repr__(self) -> str:
        return f"AddLogStore(name={self.name!r}, endpoint={self.endpoint!r})"


class UpdateLogStore(msgspec.Struct, frozen=True, kw_only=True):
    """PUT …/log-stores/{store_name}. Absent means unchanged; keys come as a pair. Its repr hides the keys."""

    endpoint: str | UnsetType = UNSET
    access_key: str | UnsetType = UNSET
    secret_key: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    addressing: Addressing | UnsetType = UNSET
    allow_http: bool | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"UpdateLogStore(endpoint={self.endpoint!r})"


class LogStore(msgspec.Struct, frozen=True, kw_only=True):
    """One store. `origin`: whose it is: the ``settings``' (changed there only), ``shared`` or the ``project``'s.

    `jobs`: how many of this project name it. `usable`: whether its keys can be decrypted. Times in epoch milliseconds.
    """

    is_success: bool = True
    name: str
    endpoint: str
    region: str
    addressing: str
    allow_http: bool
    access_key: str
    origin: Literal["settings", "shared", "project"]
    usable: bool = True
    jobs: int = 0
    create_time: int | None = None
    update_time: int | None = None


class LogStoreList(msgspec.Struct, frozen=True, kw_only=True):
    """All stores that the project's jobs may name."""

    is_success: bool = True
    log_stores: list[LogStore]


class TryLogStore(msgspec.Struct, frozen=True, kw_only=True):
    """POST …/log-stores/{store_name}/test. Without a bucket, only address and keys are tried."""

    bucket: str | None = None


class LogStoreTried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test: `works`, or the reason why not."""

    is_success: bool = True
    works: bool
    reason: Reason | None = None
