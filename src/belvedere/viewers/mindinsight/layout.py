"""Runs laid out as MindInsight finds them: each in a folder of its own, one level deep, at most 999.

Standard library alone, as everything that the program imports of us.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LISTED: Final = 999  # runs that MindInsight lists
CACHED: Final = 15  # runs that it keeps in memory; another one is loaded when it is opened
LONGEST_NAME: Final = 240  # bytes of a run's name; a file system takes 255, and a number may follow
_SEPARATOR: Final = "--"

RunOf = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class FileSeen:
    """A file as it is now. `key` is its path below the folder."""

    key: str
    size: int
    modified: int  # nanoseconds
    inode: int


def flat_names(runs: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """A folder name for each run, the source's own ("") first. Runs keep the names that they have."""
    names = dict(known)
    taken = set(names.values())
    for run in sorted(set(runs) - names.keys(), key=lambda run: (run.count("/"), run)):
        wanted = _short(run.replace("/", _SEPARATOR))
        count = 1
        name = wanted
        while name in taken:
            count += 1
            name = f"{wanted}~{count}"
        names[run] = name
        taken.add(name)
    return names


def _short(name: str) -> str:
    """Its end, where runs differ, if it is too long for a folder."""
    encoded = name.encode()
    return name if len(encoded) <= LONGEST_NAME else f"…{encoded[-LONGEST_NAME:].decode(errors='ignore')}"


class Layout:
    """A flat folder of links to the files of another one."""

    def __init__(self, folder: Path, flat: Path, run_of: RunOf) -> None:
        """`run_of` says which run a file belongs to. `flat` is made."""
        self._folder = folder
        self._flat = flat
        self._run_of = run_of
        self._names: dict[str, str] = {}
        self._links: dict[str, str] = {}  # below the flat folder -> key
        self._seen: frozenset[FileSeen] = frozenset()
        self.runs = 0  # that there are, listed or not
        flat.mkdir()

    def follow(self) -> bool:
        """Bring the links up to date. Whether any file is new, gone, longer or another than last time."""
        seen = frozenset(_files(self._folder))
        if seen == self._seen:
            return False
        self._seen = seen
        runs: dict[str, list[FileSeen]] = {}
        for file in seen:
            run = self._run_of(file.key)
            if run is not None:
                runs.setdefault(run, []).append(file)
        self.runs = len(runs)
        self._link(dict(sorted(runs.items(), key=_age)[-LISTED:]))
        return True

    def forget(self) -> None:
        """Let the next look find everything other than last time."""
        self._seen = frozenset()

    def _link(self, runs: Mapping[str, list[FileSeen]]) -> None:
        self._names = flat_names(runs, {run: name for run, name in self._names.items() if run in runs})
        wanted = {
            "/".join(filter(None, (self._names[run], file.key[len(run) :].lstrip("/")))): file.key
            for run, files in runs.items()
            for file in files
        }
        for gone in self._links.keys() - wanted.keys():
            (self._flat / gone).unlink(missing_ok=True)
        for name, key in wanted.items():
            if self._links.get(name) != key:
                self._make(name, key)
        self._links = wanted
        for folder in {path.name for path in self._flat.iterdir() if path.is_dir()} - set(self._names.values()):
            if not any(name.startswith(f"{folder}/") for name in wanted):
                shutil.rmtree(self._flat / folder, ignore_errors=True)

    def _make(self, name: str, key: str) -> None:
        link = self._flat / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(self._folder / key)


def _age(run: tuple[str, list[FileSeen]]) -> int:
    return max(file.modified for file in run[1])


def _files(folder: Path) -> Iterator[FileSeen]:
    for parent, _, names in os.walk(folder, followlinks=True):  # a link for each of several sources: the host's own
        for name in names:
            path = os.path.join(parent, name)  # noqa: PTH118 - ten thousand of them, every two seconds
            with contextlib.suppress(OSError):
                status = os.stat(path)  # noqa: PTH116 - likewise
                key = os.path.relpath(path, folder)
                yield FileSeen(key=key, size=status.st_size, modified=status.st_mtime_ns, inode=status.st_ino)
