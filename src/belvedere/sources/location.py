"""Names of log sources: from a user's `train_url` to a checked location. Pure, but for `resolve_folder`."""

import msgspec


class FolderLocation(msgspec.Struct, frozen=True, kw_only=True, tag="folder"):
    """A local folder. `path` is absolute and free of symlinks; `root` is the allowed root that holds it."""

    path: str
    root: str


class ObjectLocation(msgspec.Struct, frozen=True, kw_only=True, tag="object"):
    """A prefix in a bucket of a named store. `prefix` is empty or ends in ``/`` and doesn't begin with one."""

    store: str
    bucket: str
    prefix: str


Location = FolderLocation | ObjectLocation
