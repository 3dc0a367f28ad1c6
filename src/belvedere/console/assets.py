"""Style sheet, scripts and icon, named by their content, so that browsers may keep them for ever."""

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path, PurePosixPath

import msgspec

_FOLDER = Path(__file__).parent / "static"
LONG_CACHING = "public, max-age=31536000, immutable"


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A static file as served."""

    name: str  # with its content's hash: style.0123456789.css
    body: bytes
    content_type: str


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """All static files by their own, unhashed names."""
    return {path.name: _asset(path) for path in sorted(_FOLDER.iterdir()) if path.is_file()}


def asset_named(hashed: str) -> Asset | None:
    """The static file that has this hashed name."""
    return _by_hashed_name().get(hashed)


@lru_cache(maxsize=1)
def _by_hashed_name() -> dict[str, Asset]:
    return {asset.name: asset for asset in assets().values()}


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    name = PurePosixPath(path.name)
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(
        name=f"{name.stem}.{hashlib.sha256(body).hexdigest()[:10]}{name.suffix}",
        body=body,
        content_type=f"{content_type}; charset=utf-8" if content_type.startswith("text/") else content_type,
    )
