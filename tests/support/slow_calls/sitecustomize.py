"""A folder on a network mount that hangs, for every Python that has this file's folder in PYTHONPATH.

System calls on paths below a folder called ``hanging`` wait while there is a file ``hangs`` beside that folder.
"""

import os
import time
from collections.abc import Callable
from typing import Any

_HANGING = "/hanging"
_PAUSE = 0.02  # seconds between two looks whether it still hangs


def _slowed(call: Callable[..., Any]) -> Callable[..., Any]:
    look = os.access  # stays as it is

    def waits(path: Any, *arguments: Any, **options: Any) -> Any:
        name = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        above, found, _ = name.partition(_HANGING) if isinstance(name, str) else ("", "", "")
        while found and look(f"{above}/hangs", os.F_OK):
            time.sleep(_PAUSE)
        return call(path, *arguments, **options)

    return waits


for _name in ("stat", "lstat", "scandir", "listdir", "open", "readlink"):
    setattr(os, _name, _slowed(getattr(os, _name)))
