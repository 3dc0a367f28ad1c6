"""A machine without TensorBoard's Rust data server, such as one with ARM: its wheel there holds none."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import QUICK
from tests.support.logs import log_content, write_log
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = pytest.mark.e2e
EMPTY_WHEEL = "def server_binary():\n    return None\n"


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which Python finds a data server's package as it is on ARM."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "tensorboard_data_server.py").write_text(EMPTY_WHEEL)
    return {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("logs")
    write_log(root / "run", 20)
    return root


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, lacking: dict[str, str], logs: Path
) -> Iterator[BelvedereProcess]:
    env = {**QUICK, **lacking}
    with running_service(tmp_path_factory.mktemp("service"), log_roots=(logs,), env=env) as started:
        yield started


@pytest.fixture(scope="module")
def job(service: BelvedereProcess, logs: Path) -> dict[str, Any]:
    return service.run("slow", logs / "run")


def test_the_logs_are_shown_through_the_gateway_all_the_same(service: BelvedereProcess, job: dict[str, Any]) -> None:
    assert [point[1] for point in service.curve(job["service_url"])] == list(range(1, 21))
    assert not any(each.is_data_server for each in service.processes())


def test_what_is_appended_appears(service: BelvedereProcess, job: dict[str, Any], logs: Path) -> None:
    (logs / "run" / "events.out.tfevents.1999999999.host").write_bytes(log_content(3, tag="late"))
    wait_until(lambda: len(service.curve(job["service_url"], tag="late")) == 3)


def test_the_job_and_its_events_say_so(service: BelvedereProcess, job: dict[str, Any]) -> None:
    told = service.wait_for_reason(job["job_id"], "SLOW_LOADER")
    assert "lacks TensorBoard's fast data server" in told["reason"]["text"]
    events = service.ask("GET", f"/{job['job_id']}/events").json()["events"]
    assert "SLOW_LOADER" in [event.get("reason") for event in events]


def test_the_log_says_so(service: BelvedereProcess, job: dict[str, Any]) -> None:
    service.wait_for_reason(job["job_id"], "SLOW_LOADER")
    wait_until(lambda: "SLOW_LOADER" in service.log_file.read_text())


def test_the_doctor_says_so(lacking: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "belvedere.cli.main", "doctor", "--output", "json"]
    done = subprocess.run(command, env={**os.environ, **lacking}, cwd=tmp_path, capture_output=True, check=False)
    (found,) = [each for each in json.loads(done.stdout)["findings"] if each["check"] == "data server"]
    assert (found["level"], "slow" in found["text"]) == ("warn", True)
