"""How to reach an object store."""

from enum import StrEnum

import msgspec


class Addressing(StrEnum):
    """Where the bucket's name goes: into the path, or before the host name."""

    PATH = "path"
    VIRTUAL_HOST = "virtual-host"


class ObjectStore(msgspec.Struct, frozen=True, kw_only=True):
    """A named S3-compatible store. `name` is for people. Its repr hides the keys."""

    endpoint: str
    name: str = "default"
    access_key: str = ""
    secret_key: str = ""
    region: str = "us-east-1"
    addressing: Addressing = Addressing.PATH
    allow_http: bool = False
    ca_file: str = ""
    scope: str = ""  # the project whose it is; "": everybody's

    @property
    def key(self) -> str:
        """What locations name it by: two projects may each have a store of one name."""
        return f"{self.scope}/{self.name}" if self.scope else self.name

    def __repr__(self) -> str:
        return f"ObjectStore(name={self.name!r}, endpoint={self.endpoint!r})"
