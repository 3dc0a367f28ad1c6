"""The main job on embedded defaults: a folder of logs, a posted job, a TensorBoard at its URL, until its time is up."""

import json
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.support.logs import RICH, beginning_of, log_content, write_log
from tests.support.service import BelvedereProcess, wait_until

pytestmark = pytest.mark.e2e
EXP = RICH / "exp_0"


def seconds(duration: int) -> dict[str, object]:
    return {"type": "stop", "time_unit": "SECONDS", "duration": duration}


def test_the_documented_curl_opens_a_viewer_on_real_scalars(service: BelvedereProcess, folder: Path) -> None:
    write_log(folder / "bucket" / "run-1", 120)
    url = f"{service.endpoint}/v1/{service.project_id}/visualization-jobs"
    body = '{"job_name":"run-1","train_url":"/bucket/run-1/"}'
    curl = ["curl", "-sS", "-X", "POST", url, "-H", f"X-Auth-Token: {service.token}", "-d", body]
    created = json.loads(subprocess.run(curl, check=True, capture_output=True, timeout=60).stdout)
    service.wait_for_status(created["job_id"], 8)
    points = service.curve(created["service_url"])
    assert [point[1] for point in points] == list(range(1, 121))


def test_the_service_url_serves_the_very_numbers_of_the_logs(service: BelvedereProcess, folder: Path) -> None:
    write_log(folder / "numbers", 5)
    job = service.run("numbers", folder / "numbers")
    values = [point[2] for point in service.curve(job["service_url"])]
    assert values == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])


def test_a_script_may_ask_right_after_the_create(service: BelvedereProcess) -> None:
    """The gateway holds the request until the viewer stands."""
    created = service.create("at-once", EXP)
    assert service.curve(created["service_url"])


def test_events_that_are_appended_appear(service: BelvedereProcess, folder: Path) -> None:
    path, log = folder / "growing" / "events.out.tfevents.1795443490.host", log_content(25)
    path.parent.mkdir()
    path.write_bytes(beginning_of(log, 10))
    job = service.run("growing", path.parent)
    assert len(service.curve(job["service_url"])) == 10
    with path.open("ab") as file:
        file.write(log.removeprefix(path.read_bytes()))
    wait_until(lambda: len(service.curve(job["service_url"])) == 25)


def test_runs_that_come_later_appear(service: BelvedereProcess, folder: Path) -> None:
    write_log(folder / "runs" / "first")
    job = service.run("runs", folder / "runs")
    write_log(folder / "runs" / "second")
    wait_until(lambda: service.curve(job["service_url"], run="second"))


def test_auto_stop_in_seconds_completes_the_job_and_leaves_no_process(service: BelvedereProcess, folder: Path) -> None:
    write_log(folder / "short")
    before = service.viewers()
    job = service.run("short", folder / "short", schedule=seconds(1))
    ended = service.wait_for_status(job["job_id"], 10)
    assert ended["reason"]["code"] == "AUTO_STOPPED"
    wait_until(lambda: service.viewers() <= before)


def test_auto_stop_grants_the_time_in_full(service: BelvedereProcess) -> None:
    job = service.run("granted", EXP, schedule=seconds(2))
    ended = service.wait_for_status(job["job_id"], 10)
    assert ended["duration"] >= 2000


def test_a_running_job_is_extended_by_its_schedule(service: BelvedereProcess) -> None:
    job_id = service.run("extended", EXP, schedule=seconds(2))["job_id"]
    assert service.ask("PUT", f"/{job_id}", {"schedule": seconds(4)}).status_code == 200
    ended = service.wait_for_status(job_id, 10)
    assert ended["duration"] >= 4000


def test_a_schedule_that_is_shortened_ends_the_job(service: BelvedereProcess) -> None:
    job_id = service.run("shortened", EXP, schedule=seconds(3600))["job_id"]
    assert service.ask("PUT", f"/{job_id}", {"schedule": seconds(1)}).status_code == 200
    service.wait_for_status(job_id, 10)


def test_a_schedule_that_is_taken_away_lets_the_job_run_on(service: BelvedereProcess) -> None:
    job_id = service.run("freed", EXP, schedule=seconds(2))["job_id"]
    assert service.ask("PUT", f"/{job_id}", {"schedule": []}).status_code == 200
    later = service.wait_for(job_id, lambda details: details["duration"] > 2500, 30)
    assert (later["status"], later["remaining_duration"], later["schedule"]) == (8, None, [])


def test_duration_0_never_stops(service: BelvedereProcess) -> None:
    job = service.run("endless", EXP, schedule=seconds(0))
    later = service.wait_for(job["job_id"], lambda details: details["duration"] > 1000, 30)
    assert (later["status"], later["remaining_duration"]) == (8, None)


def test_the_remaining_time_counts_down_in_milliseconds(service: BelvedereProcess) -> None:
    hour = {"type": "stop", "time_unit": "HOURS", "duration": 1}
    first = service.run("counts", EXP, schedule=[hour])
    later = service.wait_for(first["job_id"], lambda details: details["duration"] > first["duration"], 30)
    assert first["remaining_duration"] + first["duration"] == pytest.approx(3_600_000, abs=1)
    assert later["remaining_duration"] < first["remaining_duration"]


def test_a_stopped_job_is_12_and_its_url_says_so(service: BelvedereProcess) -> None:
    job = service.run("stopped", EXP)
    service.act(job["job_id"], "stop")
    service.wait_for_status(job["job_id"], 12)
    answer = service.view(job["service_url"], "data/runs")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "ModelArts.0105")


def test_a_restart_keeps_the_url_and_counts_the_attempt(service: BelvedereProcess) -> None:
    job = service.run("restarted", EXP)
    service.act(job["job_id"], "stop")
    service.wait_for_status(job["job_id"], 12)
    service.act(job["job_id"], "restart")
    again = service.wait_for_status(job["job_id"], 8)
    assert (again["service_url"], again["attempt"]) == (job["service_url"], 2)
    assert service.curve(again["service_url"])


def test_a_restart_begins_with_all_its_running_time(service: BelvedereProcess) -> None:
    job_id = service.run("anew", EXP, schedule=seconds(1))["job_id"]
    service.wait_for_status(job_id, 10)
    service.act(job_id, "restart")
    assert service.wait_for_status(job_id, 10)["attempt"] == 2


def test_a_deleted_job_is_gone_everywhere(service: BelvedereProcess) -> None:
    before = service.viewers()
    job = service.run("deleted", EXP)
    service.delete(job["job_id"])
    assert service.view(job["service_url"], "data/runs").status_code == 404
    listed = service.ask("GET", "?search_content=deleted").json()
    assert (listed["job_total_count"], listed["jobs"]) == (0, [])
    wait_until(lambda: service.viewers() <= before)


def test_logs_that_vanish_leave_the_job_running(service: BelvedereProcess, folder: Path) -> None:
    write_log(folder / "fleeting")
    job = service.run("fleeting", folder / "fleeting")
    shutil.rmtree(folder / "fleeting")
    service.wait_for(job["job_id"], lambda details: details["reason"] is not None, 60)
    assert service.details(job["job_id"])["status"] == 8


def test_the_history_of_a_job_tells_its_life(service: BelvedereProcess) -> None:
    job_id = service.run("told", EXP)["job_id"]
    service.act(job_id, "stop")
    service.wait_for_status(job_id, 12)
    kinds = [event["kind"] for event in service.ask("GET", f"/{job_id}/events").json()["events"]]
    assert kinds == ["created", "running", "stop-requested", "stopped"]


def test_the_viewer_needs_no_more_than_the_token(service: BelvedereProcess) -> None:
    job = service.run("token", EXP)
    assert httpx2.get(job["service_url"] + "data/runs").status_code == 401
