"""Makes viewers' own environments, and takes them away.

An installation may be killed at any moment: the manifest is written last, after the environment has shown something
real, and the next try goes on with what is there. Another one of the same viewer waits for its end, and for that of
whatever it had started.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO

import msgspec

import belvedere
from belvedere.viewers import guest
from belvedere.viewers.base import Environment, HasAssets, ViewerType
from belvedere.viewers.environments import MANIFEST, Environments, Installed
from belvedere.viewers.pip_settings import for_uv

Tell = Callable[[str], None]
_VERSION: Final = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
_CHECK_SECONDS: Final = 120.0
_READABLE: Final = 0o444
_READABLE_FOLDER: Final = 0o555
_SCRATCH: Final = "trial"  # a folder beside the environment that is tried
_WORDS: Final = 600  # characters of a command's last words
_CHATTER: Final = re.compile(r"^Using Python .*\n", re.MULTILINE)
_DISK_IS_FULL: Final = "The disk is full. Make room and run the command again, or set viewers_folder to another disk."
_NETWORK: Final = re.compile(r"connect|dns|timed out|fetch|network|retries", re.IGNORECASE)


class InstallFailed(Exception):
    """It could not be installed. The message says why and what to do."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be installed. `kind` and `requirements` as in the manifest."""

    viewer: ViewerType  # one with an environment of its own
    kind: str = ""
    requirements: tuple[str, ...] = ()
    wheels: Path | None = None  # take packages from this folder, and from nowhere else

    @property
    def environment(self) -> Environment:
        """The viewer's."""
        if self.viewer.environment is None:
            raise InstallFailed(f"{self.viewer.name} comes with belvedere: there is nothing to install.")
        return self.viewer.environment

    def digest(self, python: Path) -> str:
        """The same for what makes the same environment."""
        asked = (self.environment.requirements, self.environment.check, str(python), self.kind, self.requirements)
        return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:12]


def install(environments: Environments, wish: Wish, tell: Tell) -> Installed:
    """Make an environment, unless it is there. Raises InstallFailed."""
    name = wish.environment.name
    asked = wish.digest(python_for(wish.environment))
    home = environments.folder / name
    with _alone(home, tell) as lock:
        present, folder = environments.installed(name), home / f"env-{asked}"
        if present and present.asked == asked:
            if _version_in(folder, wish.environment) == present.version:
                tell(f"{name} {present.version} is installed already")
                return present
            tell(f"{name}: a part of it is missing")
            shutil.rmtree(folder, ignore_errors=True)
        _make_and_check(folder, wish, tell, lock)
        if isinstance(wish.viewer, HasAssets):
            for _ in wish.viewer.assets(folder):
                """Compressed now, so that no page has to wait for it."""
        version = _version_in(folder, wish.environment)
        if not version:
            raise InstallFailed(f"{name} is made, and has no package {wish.environment.distribution}.")
        made = Installed(
            version=version, folder=folder.name, asked=asked, kind=wish.kind, requirements=wish.requirements
        )
        _write_manifest(home, made)
        _clear(home, keep={folder.name, present.folder if present else ""})
        return made


def is_stale(environments: Environments, viewer: ViewerType) -> bool:
    """Whether installing makes it anew: other requirements count now, or a part is missing. Raises InstallFailed."""
    present = environments.installed(viewer.environment.name) if viewer.environment else None
    if present is None or viewer.environment is None:
        return False
    wish = Wish(viewer=viewer, kind=present.kind, requirements=present.requirements)
    if wish.digest(python_for(viewer.environment)) != present.asked:
        return True
    folder = environments.folder / viewer.environment.name / present.folder
    return _version_in(folder, viewer.environment) != present.version


def _make_and_check(folder: Path, wish: Wish, tell: Tell, lock: int) -> None:
    """Go on with what an earlier try has left; from the beginning if that turns out to be no good."""
    goes_on = folder.exists()
    _fill(_make(folder, wish.environment, tell, lock), wish, folder, tell, lock)
    _open_to_viewers(folder)
    try:
        _check_beside(folder, wish.environment, tell, lock)
    except InstallFailed:
        if not goes_on:
            raise
        tell(f"{wish.environment.name}: what an earlier try has left is no good")
        shutil.rmtree(folder)
        _make_and_check(folder, wish, tell, lock)


def _open_to_viewers(folder: Path) -> None:
    """Where root installs, viewers are other users: whatever root's umask, they have to read it. It is published."""
    if os.geteuid() != 0:
        return
    for parent, _, names in os.walk(folder):
        for path in (Path(parent), *(Path(parent, name) for name in names)):
            mode = path.lstat().st_mode
            wanted = mode | (_READABLE_FOLDER if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else _READABLE)
            if wanted != mode and not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(wanted))


def _check_beside(folder: Path, environment: Environment, tell: Tell, lock: int) -> None:
    """In a folder that the next try clears, should this one be killed meanwhile."""
    scratch = folder.parent / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        _check_in(scratch, folder / "bin" / "python", environment, tell, kept=(lock,))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _version_in(folder: Path, environment: Environment) -> str:
    """Of the viewer's own package; "" if that, or the interpreter, is not there."""
    with contextlib.suppress(InstallFailed):
        return _run([str(folder / "bin" / "python"), "-c", _VERSION, environment.distribution])
    return ""


def remove(environments: Environments, name: str) -> bool:
    """Take an environment away; whether there was one. Waits for one that is just being made. Raises InstallFailed."""
    home = environments.folder / name
    if not home.is_dir():
        return False
    with _alone(home, lambda _: None):
        (home / MANIFEST).unlink(missing_ok=True)  # first: nothing is to be started from half an environment
        shutil.rmtree(home)
    return True


def check(interpreter: Path, environment: Environment, tell: Tell = lambda _: None) -> None:
    """Show something real in an environment. Raises InstallFailed if it is not seen."""
    with tempfile.TemporaryDirectory(prefix="belvedere-") as scratch:
        _check_in(Path(scratch), interpreter, environment, tell)


def _check_in(
    scratch: Path, interpreter: Path, environment: Environment, tell: Tell, kept: Collection[int] = ()
) -> None:
    if not environment.check:
        return
    tell(f"{environment.name}: looking whether it shows what it should")
    package = environment.check.partition(".")[0]
    lent = [f"{package}={Path(belvedere.__file__).parent}"] if package == belvedere.__name__ else []
    surroundings = {"PATH": os.environ.get("PATH", ""), "HOME": str(scratch), "OPENBLAS_NUM_THREADS": "1"}
    command = [str(interpreter), "-P", str(guest.__file__), *lent, "--", environment.check, str(scratch)]
    try:
        _run(command, env=surroundings, timeout=_CHECK_SECONDS, kept=kept)
    except InstallFailed as failed:
        remedy = f"Try again with: belvedere viewer remove {environment.name}"
        why = str(failed).splitlines()[-1]
        raise InstallFailed(f"{environment.name} does not show what it should: {why}.\n  {remedy}") from failed


def python_for(environment: Environment) -> Path:
    """An interpreter that the viewer works with: ours if it will do, else one on the PATH. Raises InstallFailed."""
    first, last = environment.pythons
    if first <= sys.version_info[:2] <= last:
        return Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for minor in range(last[1], first[1] - 1, -1):
        if found := shutil.which(f"python{first[0]}.{minor}"):
            return Path(found)
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    wanted = f"{first[0]}.{first[1]} to {last[0]}.{last[1]}"
    raise InstallFailed(f"{environment.name} needs Python {wanted}, and neither this one ({ours}) nor one on PATH is.")


def _make(folder: Path, environment: Environment, tell: Tell, lock: int) -> Path:
    interpreter, python = folder / "bin" / "python", python_for(environment)
    if not (folder / "pyvenv.cfg").exists() or not os.access(interpreter, os.X_OK):
        tell(f"{folder.parent.name}: making an environment with {python.name}")
        _run([str(python), "-m", "venv", "--clear", "--without-pip", str(folder)], kept=(lock,))
    return interpreter


def _fill(interpreter: Path, wish: Wish, folder: Path, tell: Tell, lock: int) -> None:
    """Install the packages; those that are there already stay."""
    requirements = folder / "requirements.txt"
    requirements.write_text(wish.environment.requirements)
    tell(f"{wish.environment.name}: installing its packages")
    options = ["-r", str(requirements), "--only-binary", ":all:"]
    if "--hash=" in wish.environment.requirements:
        options.append("--require-hashes")
    if wish.wheels is not None:
        options += ["--no-index", "--find-links", str(wish.wheels.absolute())]
    command, surroundings = _installer(interpreter)
    try:
        _run([*command, *options], env=surroundings, shows=sys.stderr.isatty(), kept=(lock,))
    except InstallFailed as failed:
        remedy = remedy_for(str(failed), wish.wheels)
        raise InstallFailed(f"{failed}\n  {remedy}".rstrip()) from failed


def remedy_for(words: str, wheels: Path | None) -> str:
    """What to do when packages could not be installed. Pure. `words`: what was said about it."""
    if _DISK_IS_FULL in words:
        return ""  # it has been told
    if wheels is not None:
        return (
            f"Only packages in {wheels} were looked at. Have `pip download` put what is missing there, then try again."
        )
    if _NETWORK.search(words):
        return "Check the network, name a mirror as for pip (PIP_INDEX_URL), or take wheels along: --wheels FOLDER."
    return "What is installed so far stays; mend that, then run the same command again."


def _installer(interpreter: Path) -> tuple[list[str], dict[str, str]]:
    """Uv where there is one, as it takes seconds; else the pip of our own environment."""
    uv = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if uv:
        return [uv, "pip", "install", "--python", str(interpreter)], {**os.environ, **for_uv(os.environ)}
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--disable-pip-version-check"]
    return pip, dict(os.environ)


def _run(
    command: Sequence[str],
    *,
    env: dict[str, str] | None = None,
    timeout: float | None = None,
    shows: bool = False,
    kept: Collection[int] = (),
) -> str:
    """What a command prints. `shows`: it may draw its progress on our terminal. Raises InstallFailed.

    `kept`: descriptors that it holds, too: a lock that it outlives us with is not free.
    """
    try:
        done = subprocess.run(
            command,
            env=env,
            timeout=timeout,
            pass_fds=kept,
            umask=0o022,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if shows else subprocess.PIPE,
            text=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise InstallFailed(f"{Path(command[0]).name}: {error}") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout or f"it ended with status {done.returncode}").strip()
        is_full = "No space left" in words or "quota exceeded" in words.lower()
        raise InstallFailed(_CHATTER.sub("", words)[-_WORDS:] + (f"\n  {_DISK_IS_FULL}" if is_full else ""))
    return done.stdout.strip()


@contextlib.contextmanager
def _alone(home: Path, tell: Tell) -> Iterator[int]:
    """Hold the lock of one viewer's folder, which is made; the lock's descriptor."""
    try:
        with _lock_of(home, tell) as lock:
            yield lock.fileno()
    except OSError as error:
        remedy = (
            _DISK_IS_FULL
            if error.errno in {errno.ENOSPC, errno.EDQUOT}
            else "Set viewers_folder to a folder that this user may write to."
        )
        raise InstallFailed(f"{error.filename or home}: {error.strerror or error}. {remedy}") from error


def _lock_of(home: Path, tell: Tell) -> TextIO:
    while True:
        home.mkdir(parents=True, exist_ok=True)
        file = (home / "install.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another installation of it")
            fcntl.flock(file, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), (home / "install.lock").stat()):
                return file
        file.close()  # it was taken away with its folder while we waited


def _write_manifest(home: Path, made: Installed) -> None:
    new = home / f"{MANIFEST}.new"
    with new.open("wb") as file:
        file.write(msgspec.json.encode(made))
        file.flush()
        os.fsync(file.fileno())
    new.replace(home / MANIFEST)


def _clear(home: Path, keep: set[str]) -> None:
    """Remove older environments; the one before stays, since viewers may still run in it."""
    for path in home.glob("env-*"):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)
