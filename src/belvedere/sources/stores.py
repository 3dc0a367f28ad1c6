"""How to reach an object store."""

from enum import StrEnum

import msgspec


class Addressing(StrEnum):
    """Where the bucket's name goes: into the path, or before the host name."""

    PATH = "path"
    VIRTUAL_HOST = "virtual-host"


class ObjectStore(msgspec.Struct, frozen=True, kw_only=True):
    """A named S3-compatible store. Its repr hides the keys."""

    endpoint: str
    name: str = "default"
    access_key: str = ""
    secret_key: str = ""
    region: str = "us-east-1"
    addressing: Addressing = Addressing.PATH
    allow_http: bool = False
    ca_file: str = ""

    def __repr__(self) -> str:
        return f"ObjectStore(name={self.name!r}, endpoint={self.endpoint!r})"
