"""`make demo`, as a newcomer runs it, on other ports and with nobody watching."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import processes_of
from tests.support.service import free_port, wait_until

ROOT = Path(__file__).parents[2]
LIMIT = 180.0  # seconds


@pytest.mark.e2e
def test_the_demo_shows_its_runs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ports = {"PORT": str(free_port()), "VIEWER_PORT": str(free_port())}
    env = {**os.environ, **ports, "DEMO_DATA": str(tmp_path), "DEMO_ONCE": "1"}
    done = subprocess.run(
        ["bash", "scripts/demo.sh"],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    assert "The viewer shows 6 runs: exp_0" in done.stdout
    wait_until(lambda: not processes_of(tmp_path), LIMIT)
