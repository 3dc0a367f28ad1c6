"""Looks into folders that others change meanwhile: what vanishes is passed over, where ``Path.rglob`` raises."""

import contextlib
import os
from pathlib import Path


def all_below(folder: Path) -> list[Path]:
    """Every folder and file below, in no order."""
    return [Path(parent, name) for parent, folders, files in os.walk(folder) for name in (*folders, *files)]


def contents_below(folder: Path) -> dict[Path, bytes]:
    """What every file below holds."""
    found = {}
    for path in all_below(folder):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                found[path] = path.read_bytes()
    return found
