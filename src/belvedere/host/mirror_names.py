"""Which keys of a source can stand as files in a folder. Pure."""

import unicodedata
from collections.abc import Iterable, Sequence

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.sources.base import Entry

_NAME_BYTES = 255  # NAME_MAX of every Linux file system
_KEY_BYTES = 1024
_UNSPELLABLE = "\ufffd"  # what some stores put for characters that their listing can't hold


def representable(entries: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    """Those that can be files beside each other, and the keys of those that can't.

    Of ``a`` and ``a/b`` the latter is kept: a file can't be a folder too, and a folder may hold many.
    """
    safe = [entry for entry in entries if is_safe(entry.key)]
    folders = {folder for entry in safe for folder in _folders(entry.key)}
    kept = [entry for entry in safe if entry.key not in folders]
    keys = {entry.key for entry in kept}
    return kept, sorted(entry.key for entry in entries if entry.key not in keys)


def is_safe(key: str) -> bool:
    """Whether `key` is a relative path that stays below any folder it is put in, and can be written there."""
    if _UNSPELLABLE in key or not (key.isprintable() or _can_be_named(key)):
        return False
    segments = key.split("/")
    if any(segment in {"", ".", ".."} or len(segment.encode()) > _NAME_BYTES for segment in segments):
        return False
    return len(key.encode()) <= _KEY_BYTES


def _can_be_named(key: str) -> bool:
    return not any(unicodedata.category(each) in {"Cc", "Cs"} for each in key)


def skipped_files(keys: Sequence[str]) -> Reason:
    """What to tell about keys that were left out. There is at least one."""
    others = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
    text = f"Left out {_printable(keys[0])}{others}: it can't stand as a file in the viewer's folder. Rename it."
    return Reason(code=ReasonCode.UNSAFE_FILE, text=text)


def unsafe_files(keys: Sequence[str]) -> Reason:
    """What to tell about projector settings that name files elsewhere. There is at least one."""
    others = f" and {len(keys) - 1:,} more" if len(keys) > 1 else ""
    text = f"Left out {_printable(keys[0])}{others}: it names files outside of its own folder. Use relative paths."
    return Reason(code=ReasonCode.UNSAFE_FILE, text=text)


def _folders(key: str) -> Iterable[str]:
    parts = key.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _printable(key: str) -> str:
    return repr(key.encode("utf-8", "backslashreplace").decode()[:200])
