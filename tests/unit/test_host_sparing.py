"""Memory that was freed goes back to the system, also what another thread took."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

# By default glibc learns from the first large piece that large ones come and go, and keeps the room of later ones.
PROGRAM = """
import re, threading
from pathlib import Path
from belvedere.host.sparing import spare_memory
if {sparing}:
    spare_memory()
def take():
    bytearray(16_000_000)
    large, small = bytearray(12_000_000), bytearray(50_000)
    kept.append(small)
kept = []
thread = threading.Thread(target=take)
thread.start(); thread.join()
print(re.search(r"Anonymous: +(\\d+)", Path("/proc/self/smaps_rollup").read_text())[1])
"""


def anonymous(*, sparing: bool) -> int:
    """KiB that such a program holds in the end."""
    command = [sys.executable, "-c", PROGRAM.format(sparing=sparing)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_what_a_thread_has_freed_is_given_back() -> None:
    assert anonymous(sparing=True) < anonymous(sparing=False) - 8_000


COLLAPSING = """
import re
from pathlib import Path
from belvedere.host.sparing import collapse
kept = [bytes([number % 256]) * 1000 for number in range(32_000)]
collapse()
assert kept == [bytes([number % 256]) * 1000 for number in range(32_000)]
print(re.search(r"AnonHugePages: +(\\d+)", Path("/proc/self/smaps_rollup").read_text())[1])
"""
HAS_COLLAPSE = tuple(map(int, platform.release().split(".")[:2])) >= (6, 1)
HAS_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage").is_dir()


@pytest.mark.skipif(not (HAS_COLLAPSE and HAS_HUGE_PAGES), reason="the kernel has no such call, or no huge pages")
def test_memory_that_is_to_be_forked_lies_in_huge_pages() -> None:
    run = subprocess.run([sys.executable, "-c", COLLAPSING], check=True, capture_output=True, text=True)
    assert int(run.stdout) > 0
