"""A host's orphans: processes that left their viewer's group and session."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

# Starts a shell that leaves a process of another session behind, and dies. Prints how many children there are before
# and after the sweep.
SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from belvedere.host.children import Children, become_subreaper, children_of

async def main() -> None:
    become_subreaper()
    children = Children(Path(sys.argv[1]), sweeps=True)
    with children.birth():
        ended = children.adopt(os.posix_spawn("/bin/sh", ["sh", "-c", "setsid sleep 600 &"], os.environ, setsid=True))
    await ended
    print(len(children_of(os.getpid())))
    await children.sweep()
    print(len(children_of(os.getpid())))

asyncio.run(main())
"""


def test_a_process_that_escaped_its_session_is_found_and_ended(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.split() == ["1", "0"]


# Adopts a grandchild that its own parent reaps.
REAPED_BY_ANOTHER = """
import asyncio, os, signal, subprocess, sys
from pathlib import Path
from belvedere.host.children import Children, become_subreaper

async def main() -> None:
    become_subreaper()
    children = Children(Path(sys.argv[1]), sweeps=True)
    command = "sleep 600 & echo $!; wait"
    with children.birth(), subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE) as shell:
        pid = int(shell.stdout.readline())
        ended = children.adopt(pid)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            await ended
    print("ended")

asyncio.run(main())
"""


def test_the_end_of_one_that_somebody_else_has_reaped_is_noticed(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", REAPED_BY_ANOTHER, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stdout.split() == ["ended"]
