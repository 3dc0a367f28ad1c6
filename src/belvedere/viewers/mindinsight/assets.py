"""MindInsight's static files, out of its installed package, which is read and not imported."""

import contextlib
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

from belvedere.viewers.base import AssetFile, asset_type

KEPT = "belvedere-assets"  # below the environment's folder: the files, compressed once


def asset_files(environment: Path) -> Iterator[AssetFile]:
    """All of them, below an environment's folder. Compresses 20 MB the first time: some seconds."""
    for dist in environment.glob("lib/python*/site-packages/mindinsight/ui/dist"):
        for path in sorted((dist / "static").rglob("*")):
            if path.is_file():
                name = path.relative_to(dist).as_posix()
                gzipped = _gzipped(path, environment / KEPT / f"{name}.gz")
                yield AssetFile(path=name, content_type=asset_type(name), gzipped=gzipped)


def _gzipped(path: Path, kept: Path) -> bytes:
    with contextlib.suppress(OSError):
        return kept.read_bytes()
    gzipped = gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)
    with contextlib.suppress(OSError):  # another user's installation stays as it is
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = kept.with_name(f"{kept.name}.{os.getpid()}")
        new.write_bytes(gzipped)
        new.replace(kept)
    return gzipped
