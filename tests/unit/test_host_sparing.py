"""Memory that was freed goes back to the system, also what another thread took."""

import subprocess
import sys

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
