"""pip's settings, for uv: it reads none of them, and where pip is told of a mirror uv has to be told too."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Final

_OF_UV: Final = {
    "UV_DEFAULT_INDEX": "index-url",
    "UV_FIND_LINKS": "find-links",
    "SSL_CERT_FILE": "cert",
}

Configured = Callable[[str], str]


def for_uv(environ: Mapping[str, str], configured: Configured | None = None) -> dict[str, str]:
    """Variables that tell uv what pip is told by variables and files. What uv is told itself counts.

    `configured` gives a setting of pip's files, "" without one.
    """
    of_files = configured or _configured
    told = {}
    for variable, setting in _OF_UV.items():
        value = environ.get(f"PIP_{setting.replace('-', '_').upper()}") or of_files(setting)
        if value and variable not in environ:
            told[variable] = value
    return told


def _configured(setting: str) -> str:
    command = [sys.executable, "-m", "pip", "config", "get", f"global.{setting}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.strip() if done.returncode == 0 else ""
