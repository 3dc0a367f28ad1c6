"""`make demo`, as a newcomer runs it, on other ports and with nobody watching."""

import fcntl
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import processes_of
from tests.support.service import wait_until

ROOT = Path(__file__).parents[2]
LIMIT = 180.0  # seconds


pytestmark = pytest.mark.e2e


def demo(data: Path, port: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run the demo with nobody watching."""
    ports = {"PORT": str(port or free_port()), "VIEWER_PORT": str(free_port())}
    return subprocess.run(
        ["bash", "scripts/demo.sh"],
        cwd=ROOT,
        env={**os.environ, **ports, "DEMO_DATA": str(data), "DEMO_ONCE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )


def test_the_demo_shows_its_runs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The viewer shows 6 runs: exp_0" in done.stdout
    wait_until(lambda: not processes_of(tmp_path), LIMIT)


def test_a_taken_port_is_named_whoever_answers_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = demo(tmp_path, port)
    assert done.returncode == 1
    assert done.stderr == f"demo: port {port} is taken; choose others: make demo PORT=8090 VIEWER_PORT=8091\n"


def test_a_second_demo_leaves_the_first_ones_log_alone(tmp_path: Path) -> None:
    (tmp_path / "serve.log").write_text("of the first")
    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = demo(tmp_path)
    assert (done.returncode, "another demo runs" in done.stderr) == (1, True)
    assert (tmp_path / "serve.log").read_text() == "of the first"


def test_who_ends_make_ends_the_demo(tmp_path: Path) -> None:
    ports = [f"PORT={free_port()}", f"VIEWER_PORT={free_port()}"]
    printed = tmp_path / "printed"
    with printed.open("w") as out:
        make = subprocess.Popen(
            ["make", "demo", *ports],
            cwd=ROOT,
            env={**os.environ, "DEMO_DATA": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: "ends the demo" in printed.read_text() or make.poll() is not None, LIMIT)
    finally:
        make.terminate()
        make.wait(LIMIT)
        left = processes_of(tmp_path)
        for each in left:
            each.kill()
    assert "demo: ended" in printed.read_text()
    assert left == []
