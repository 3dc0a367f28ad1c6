"""How a viewer's program gets to run: as a new interpreter, or as a fork of a warm one. One small seam."""

import contextlib
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final, Protocol

import msgspec

from belvedere.viewers import guest
from belvedere.viewers.base import Program

_SPARING = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # neither threads nor memory for each that answers
LISTEN_FD = 3  # the listening socket's number in a program that is started cold
# What a viewer may know of its surroundings: no secret has one of these names.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH")


class Descriptors(msgspec.Struct, frozen=True, kw_only=True):
    """File descriptors that a program gets. The launcher copies them; they stay the caller's.

    `group`: the members of a control group, which the program's process joins before it runs.
    """

    listen: int
    stdin: int
    stdout: int
    stderr: int
    group: int | None = None


class Launcher(Protocol):
    """Starts programs."""

    async def prepare(self, program: Program) -> None:
        """Wait until `launch` is quick, if that is worth while. Cancelled, it leaves nothing behind."""
        ...

    async def launch(self, program: Program, descriptors: Descriptors) -> int | None:
        """The pid of a new child of this process, leading a session of its own; None if this way is not open now.

        Raises OSError if the machine refuses.
        """
        ...


def viewer_environment(surroundings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a viewer's process. HOME and TMPDIR it sets to its own work folder."""
    environment = {name: surroundings[name] for name in PASSED_ON if name in surroundings}
    return environment | _SPARING | {"HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"}


def spawn(program: Program, module: str, arguments: list[str], descriptors: Descriptors) -> int:
    """Run a module in a new interpreter of a program's environment, in a session of its own. Raises OSError.

    `descriptors.listen` becomes fd 3.
    """
    environment = viewer_environment(os.environ)
    if program.is_guest:
        environment.pop("PYTHONPATH", None)
    return os.posix_spawn(
        program.python,
        [program.python, "-P", *_told_to_run(module, program), *arguments],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, descriptors.stdin, 0),
            (os.POSIX_SPAWN_DUP2, descriptors.stdout, 1),
            (os.POSIX_SPAWN_DUP2, descriptors.stderr, 2),
            (os.POSIX_SPAWN_DUP2, descriptors.listen, LISTEN_FD),
        ],
        setsid=True,
        setsigmask=(),
    )


def _told_to_run(module: str, program: Program) -> list[str]:
    """How an interpreter is told the module; one of another environment is lent the packages that it needs of ours."""
    if not program.is_guest:
        return ["-m", module]
    names = dict.fromkeys((_OWN, program.module.partition(".")[0]))
    lent = [f"{name}={folder}" for name in names if (folder := _folder_of(name))]
    return [str(guest.__file__), *lent, "--", module]


def _folder_of(package: str) -> str | None:
    """Where a package of our own environment lies; None if it has none of this name."""
    spec = find_spec(package)
    return spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else None


_OWN: Final = __name__.partition(".")[0]


class ColdLauncher:
    """A new interpreter each time: always possible, takes most of a second."""

    async def prepare(self, program: Program) -> None:
        """There is nothing to wait for."""

    async def launch(self, program: Program, descriptors: Descriptors) -> int | None:
        pid = spawn(program, program.module, ["--listen-fd", str(LISTEN_FD)], descriptors)
        if descriptors.group is not None:
            with contextlib.suppress(OSError):  # ESRCH: its end is noted elsewhere
                os.write(descriptors.group, str(pid).encode())
        return pid


class FirstOpenLauncher:
    """Tries one way after the other."""

    def __init__(self, *launchers: Launcher) -> None:
        self._launchers = launchers

    async def prepare(self, program: Program) -> None:
        for launcher in self._launchers:
            await launcher.prepare(program)

    async def launch(self, program: Program, descriptors: Descriptors) -> int | None:
        for launcher in self._launchers:
            pid = await launcher.launch(program, descriptors)
            if pid is not None:
                return pid
        return None
