"""A disk that is full at a start, and one that fills while the service runs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disks import filled, small_disk
from tests.support.logs import log_content
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("left", [0, 8, 40], ids=lambda left: f"{left} KiB left")
def test_a_start_on_a_full_disk_says_so_and_what_to_do(tmp_path: Path, left: int) -> None:
    with small_disk(tmp_path, "256k") as disk:
        (disk / "ballast").write_bytes(bytes(256 - left << 10))
        words = ["serve", "--data", str(disk / "data"), "--port", "0", "--viewer-port", "0"]
        ended = subprocess.run(
            [sys.executable, "-m", "belvedere.cli.main", *words],
            env={**os.environ, "BELVEDERE_LOG_LEVEL": "error"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2, ended.stderr
    assert "is full" in ended.stderr
    assert "another disk by --data" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_disk_that_fills_meanwhile_is_named_costs_nothing_and_is_overcome(tmp_path: Path) -> None:
    logs, disk = tmp_path / "logs", tmp_path / "disk"
    logs.mkdir()
    disk.mkdir()
    (logs / "events.out.tfevents.1.host").write_bytes(log_content(10))
    env = {"BELVEDERE_AUDIT_FILE": str(disk / "audit.json")}
    with small_disk(disk, "24m"), running_service(disk, log_roots=(logs,), env=env) as service:
        job = service.run("before", logs)
        with filled(disk):
            refused = service.ask("POST", "", {"job_name": "meanwhile", "train_url": str(logs)})
            assert (refused.status_code, refused.json()["error_code"]) == (503, "ModelArts.6101")
            assert "database is full; nothing was changed" in refused.json()["error_msg"]
            assert service.ask("POST", f"/{job['job_id']}/stop").status_code == 503
            _end_viewers(service)
            wait_until(lambda: len(service.curve(job["service_url"])) == 10)  # its next viewer needs no room
        after = service.run("after", logs)
        assert len(service.curve(after["service_url"])) == 10
        assert [each["job_name"] for each in service.ask("GET", "").json()["jobs"]] == ["before", "after"]
        wait_until(lambda: _told_in(disk / "audit.json") == [str(job["job_id"]), str(after["job_id"])])


def _end_viewers(service: BelvedereProcess) -> None:
    for pid in service.viewers():
        os.kill(pid, signal.SIGKILL)


def _told_in(audit: Path) -> list[str]:
    """The jobs that the file tells were created, whole lines alone."""
    traces = [json.loads(line) for line in audit.read_text().splitlines()]
    return [trace["resource_id"] for trace in traces if trace.get("resource_id")]
