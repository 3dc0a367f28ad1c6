"""Sizes as people write them. Pure."""

import re
from typing import Final

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]i?B|B)?", re.ASCII)
_UNITS: Final = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)},
}


def parse_size(text: str | int) -> int:
    """Bytes of ``512MiB``, ``1.5 GiB``, ``2GB`` or a plain number. Raises ValueError."""
    found = _SIZE.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"{str(text)!r} is no size: write it like 512MiB or 2GiB")
    return int(float(found[1]) * _UNITS[found[2] or "B"])


def shown_size(count: int) -> str:
    """``2GiB``, ``1.5MiB``, ``512B``: as `parse_size` reads it, to three digits or so."""
    for power, letter in reversed([*enumerate("KMGT", 1)]):
        if count >= 1024**power:
            return f"{count / 1024**power:.4g}{letter}iB"
    return f"{count}B"
