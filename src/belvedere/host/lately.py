"""Which viewers have been shown here lately: a host that starts has their parents warm before the first job asks."""

import contextlib
from pathlib import Path
from typing import Final

DAYS: Final = 30
_SECONDS: Final = DAYS * 86_400.0


class Lately:
    """Remembers in a folder: a file for each kind of viewer, as old as its last start."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when there is something to remember."""
        self._folder = folder

    def note(self, name: str) -> None:
        """It is shown now. A disk that is full or read-only costs the next host some warmth, and nothing else."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / name).touch(mode=0o600)

    def shown(self, name: str, now: float) -> bool:
        """Whether it has been shown within the last `DAYS` before `now` (seconds since 1970)."""
        try:
            return (self._folder / name).stat().st_mtime > now - _SECONDS
        except OSError:
            return False
