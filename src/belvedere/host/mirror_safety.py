"""Files that tell a viewer to open other files. Pure.

TensorBoard's projector opens whatever paths ``projector_config.pbtxt`` names: absolute ones, ``~`` and ``..``, and URLs
where a library for them is installed. Logs are written by anybody, so such a file is mirrored only when every path in
it stays below its own folder.
"""

import re
from typing import Final

GUARDED_BYTES: Final = 2**20  # a longer one is refused: real ones have a few hundred bytes
_LITERAL = re.compile(r"""#[^\n]*|"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<stray>["'])""")


def is_guarded(key: str) -> bool:
    """Whether the file has to be looked into before it may be shown."""
    return key.rpartition("/")[2] == "projector_config.pbtxt"


def stays_inside(content: bytes) -> bool:
    """Whether every quoted string of a text-format message, taken as a path, stays below the file's folder.

    All strings are looked at, not only the fields known to be paths. Escapes are refused rather than decoded, and
    adjacent strings, which the format joins, are joined, so that nothing can hide what the parser will see.
    """
    if len(content) > GUARDED_BYTES or b"\\" in content:
        return False
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    literals = _literals(text)
    return literals is not None and all(_is_inside(literal) for literal in literals)


def _literals(text: str) -> list[str] | None:
    """The string literals, adjacent ones joined; None if quotes don't pair."""
    found: list[str] = []
    end = -1  # of the last literal, if nothing but blanks and comments came since
    for match in _LITERAL.finditer(text):
        if match["stray"]:
            return None
        between = text[end : match.start()] if end >= 0 else "x"
        if match["double"] is None and match["single"] is None:  # a comment separates nothing
            end = match.end() if not between.strip() else -1
            continue
        literal = match["double"] if match["double"] is not None else match["single"]
        if between.strip():
            found.append(literal)
        else:
            found[-1] += literal
        end = match.end()
    return found


def _is_inside(path: str) -> bool:
    if "\0" in path or "://" in path or path.startswith(("/", "~")):
        return False
    return ".." not in path.split("/")
