"""How a viewer's program gets to run: as a new interpreter, or as a fork of a warm one. One small seam."""

import os
import sys
from collections.abc import Mapping
from typing import Protocol

import msgspec

LISTEN_FD = 3  # the listening socket's number in a program that is started cold
# What a viewer may know of its surroundings: no secret has one of these names.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH")


class Descriptors(msgspec.Struct, frozen=True, kw_only=True):
    """File descriptors that a program gets. The launcher copies them; they stay the caller's."""

    listen: int
    stdin: int
    stdout: int
    stderr: int


class Launcher(Protocol):
    """Starts programs."""

    async def launch(self, program: str, descriptors: Descriptors) -> int | None:
        """The pid of a new child of this process, leading a session of its own; None if this way is not open now.

        Raises OSError if the machine refuses.
        """
        ...


def viewer_environment(surroundings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a viewer's process. HOME and TMPDIR it sets to its own work folder."""
    environment = {name: surroundings[name] for name in PASSED_ON if name in surroundings}
    return environment | {"OPENBLAS_NUM_THREADS": "1", "HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"}


def spawn(module: str, arguments: list[str], descriptors: Descriptors) -> int:
    """Run a module in a new interpreter and session; `descriptors.listen` becomes fd 3. Raises OSError."""
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", module, *arguments],
        viewer_environment(os.environ),
        file_actions=[
            (os.POSIX_SPAWN_DUP2, descriptors.stdin, 0),
            (os.POSIX_SPAWN_DUP2, descriptors.stdout, 1),
            (os.POSIX_SPAWN_DUP2, descriptors.stderr, 2),
            (os.POSIX_SPAWN_DUP2, descriptors.listen, LISTEN_FD),
        ],
        setsid=True,
        setsigmask=(),
    )


class ColdLauncher:
    """A new interpreter each time: always possible, takes most of a second."""

    async def launch(self, program: str, descriptors: Descriptors) -> int | None:
        return spawn(program, ["--listen-fd", str(LISTEN_FD)], descriptors)


class FirstOpenLauncher:
    """Tries one way after the other."""

    def __init__(self, *launchers: Launcher) -> None:
        self._launchers = launchers

    async def launch(self, program: str, descriptors: Descriptors) -> int | None:
        for launcher in self._launchers:
            pid = await launcher.launch(program, descriptors)
            if pid is not None:
                return pid
        return None
