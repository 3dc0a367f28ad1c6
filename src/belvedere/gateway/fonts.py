"""The fonts that TensorBoard's style sheets fetch from the root of the origin, whatever prefix it was given.

They are the same for every job, so they come from the installed package's own archive (which is read, not imported),
and work before any viewer is up.
"""

import mimetypes
import re
import zipfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

_NAME = re.compile(r"/(font-roboto/[A-Za-z0-9_-]{1,100}\.(?:woff2|html))")


@lru_cache(maxsize=256)
def font(path: str) -> tuple[bytes, str] | None:
    """A font's bytes and content type by its path on the origin; None if there is none."""
    match = _NAME.fullmatch(path)
    archive = _archive()
    if match is None or archive is None:
        return None
    try:
        with zipfile.ZipFile(archive) as files:
            body = files.read(match[1])
    except (KeyError, OSError, zipfile.BadZipFile):
        return None
    return body, mimetypes.guess_type(path)[0] or "font/woff2"


@lru_cache(maxsize=1)
def _archive() -> Path | None:
    spec = find_spec("tensorboard")
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) / "webfiles.zip" if places else None
