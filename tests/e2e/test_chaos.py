"""kill -9 of every part at every step of a job's life: nothing acknowledged is lost, doubled or left over."""

import concurrent.futures
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.logs import write_log
from tests.support.processes import viewers_among
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = pytest.mark.e2e
ROUNDS = 10
HOUR = {"type": "stop", "time_unit": "HOURS", "duration": 1}


@pytest.fixture(scope="module")
def logs(folder: Path) -> Path:
    write_log(folder / "run")
    return folder / "run"


@pytest.fixture
def mortal(tmp_path: Path, folder: Path) -> Iterator[BelvedereProcess]:
    """A service of the test's own, to be killed. No process of it is left when it is over."""
    with running_service(tmp_path, log_roots=(folder,)) as service:
        yield service


def revive(service: BelvedereProcess) -> None:
    service.kill()
    service.start()


def lasting(service: BelvedereProcess) -> dict[int, str]:
    """Viewers and their data servers. Forks made ahead and processes for requests come and go."""
    processes = service.processes()
    servers = [each for each in processes if each.is_data_server]
    return {each.pid: each.command for each in [*viewers_among(processes), *servers]}


def expect_shown(service: BelvedereProcess, job_id: int) -> None:
    """The job's URL shows all of its curve, from one viewer. One that sleeps is woken by the request."""
    url = service.details(job_id)["service_url"]
    wait_until(lambda: len(service.curve(url)) == 100)
    wait_until(lambda: len(service.viewers()) == 1)


def expect_nothing_shown(service: BelvedereProcess) -> None:
    wait_until(lambda: not service.viewers())


def begin(service: BelvedereProcess, logs: Path) -> int:
    return int(service.create("begun", logs)["job_id"])


def begin_and_run(service: BelvedereProcess, logs: Path) -> int:
    return int(service.run("run", logs, schedule=HOUR)["job_id"])


def stop_it(service: BelvedereProcess, logs: Path) -> int:
    job_id = begin_and_run(service, logs)
    service.act(job_id, "stop")
    return job_id


def delete_it(service: BelvedereProcess, logs: Path) -> int:
    job_id = begin_and_run(service, logs)
    assert service.ask("DELETE", f"/{job_id}").status_code == 200
    return job_id


@pytest.mark.parametrize(("step", "status"), [(begin, 8), (begin_and_run, 8), (stop_it, 12)])
def test_a_job_reaches_its_end_after_a_kill_right_after_the_answer(
    mortal: BelvedereProcess, logs: Path, step: Callable[[BelvedereProcess, Path], int], status: int
) -> None:
    job_id = step(mortal, logs)
    revive(mortal)
    mortal.wait_for_status(job_id, status)
    expect_shown(mortal, job_id) if status == 8 else expect_nothing_shown(mortal)


def test_a_deletion_is_finished_after_a_kill(mortal: BelvedereProcess, logs: Path) -> None:
    job_id = delete_it(mortal, logs)
    revive(mortal)
    wait_until(lambda: mortal.ask("GET", f"/{job_id}").status_code == 404)
    wait_until(lambda: not mortal.viewers())


def test_kills_at_random_moments_lose_nothing_and_double_nothing(mortal: BelvedereProcess, logs: Path) -> None:
    """Each round acknowledges a verb, and the kill comes somewhere in what follows from it."""
    chance = random.Random(20261123)
    job_id = begin(mortal, logs)
    wanted = 8
    for _ in range(ROUNDS):
        time.sleep(chance.uniform(0, 0.6))  # where in its life the kill meets it; nothing is waited for
        revive(mortal)
        details = mortal.wait_for_status(job_id, wanted)
        expect_shown(mortal, job_id) if wanted == 8 else expect_nothing_shown(mortal)
        mortal.act(job_id, "stop" if details["status"] == 8 else "restart")
        wanted = 12 if details["status"] == 8 else 8
    assert mortal.ask("GET", "").json()["job_total_count"] == 1


def test_no_create_that_was_answered_is_lost_and_none_is_doubled(mortal: BelvedereProcess, logs: Path) -> None:
    """Clients that repeat a create under its key until it is answered get one job each, whatever dies meanwhile."""
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        creating = [clients.submit(_persist, mortal, logs, number) for number in range(12)]
        for _ in range(3):
            time.sleep(0.1)  # amid the creates
            revive(mortal)
        created = {each.result()["job_id"] for each in creating}
    listed = mortal.ask("GET", "?per_page=100").json()
    assert {job["job_id"] for job in listed["jobs"]} == created
    assert len(created) == 12


def _persist(service: BelvedereProcess, logs: Path, number: int) -> dict[str, Any]:
    body = {"job_name": f"job-{number}", "train_url": str(logs)}
    url = f"{service.endpoint}/v1/{service.project_id}/visualization-jobs"
    headers = {**service.headers, "Idempotency-Key": f"key-{number}"}

    def created() -> dict[str, Any] | None:
        try:
            answer = httpx2.post(url, json=body, headers=headers, timeout=60)
        except httpx2.TransportError:
            return None
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return wait_until(created) or {}


def test_a_running_viewer_is_adopted_without_a_drop(mortal: BelvedereProcess, logs: Path) -> None:
    job = mortal.run("adopted", logs)
    before = lasting(mortal)
    revive(mortal)
    assert len(mortal.curve(job["service_url"])) == 100
    mortal.wait_for_status(job["job_id"], 8)
    assert lasting(mortal) == before


def test_the_schedule_goes_on_over_a_kill(mortal: BelvedereProcess, logs: Path) -> None:
    job = mortal.run("scheduled", logs, schedule={"type": "stop", "time_unit": "SECONDS", "duration": 4})
    revive(mortal)
    ended = mortal.wait_for_status(job["job_id"], 10)
    assert ended["started_time"] == job["started_time"]
    assert ended["attempt"] == 1


def test_a_schedule_that_ran_out_while_nobody_looked_ends_the_job(mortal: BelvedereProcess, logs: Path) -> None:
    job = mortal.run("overdue", logs, schedule={"type": "stop", "time_unit": "SECONDS", "duration": 1})
    mortal.kill()
    time.sleep(1)  # the schedule's own second, with nobody there to end it
    mortal.start()
    mortal.wait_for_status(job["job_id"], 10)
    wait_until(lambda: not mortal.viewers())


def test_jobs_come_back_by_themselves_when_the_viewer_host_is_killed(mortal: BelvedereProcess, logs: Path) -> None:
    job = mortal.run("bereft", logs)
    host = mortal.host()
    host.kill()
    wait_until(lambda: [each for each in mortal.processes() if each.is_host and each.pid != host.pid])
    expect_shown(mortal, job["job_id"])
    assert mortal.details(job["job_id"])["status"] == 8


def test_jobs_come_back_by_themselves_when_the_viewer_host_hangs(mortal: BelvedereProcess, logs: Path) -> None:
    """Which is noticed half a minute later: a busy host is no hung one."""
    job = mortal.run("hung", logs)
    host = mortal.host()
    os.kill(host.pid, signal.SIGSTOP)
    wait_until(lambda: [each for each in mortal.processes() if each.is_host and each.pid != host.pid], limit=120)
    expect_shown(mortal, job["job_id"])
    assert mortal.details(job["job_id"])["status"] == 8
    assert host.pid not in {each.pid for each in mortal.processes()}


def test_running_time_is_not_counted_twice_when_the_viewer_host_is_killed(mortal: BelvedereProcess, logs: Path) -> None:
    """It has run for at most what has passed since it first ran, and the schedule counts the same time."""
    job = mortal.run("counted", logs, schedule=HOUR)
    mortal.host().kill()
    wait_until(lambda: _kinds(mortal, job["job_id"]).count("running") == 2)
    again = mortal.details(job["job_id"])
    passed = time.time() * 1000 - job["started_time"]
    assert again["duration"] <= passed
    assert again["remaining_duration"] + again["duration"] == pytest.approx(3_600_000, abs=1)


def _kinds(service: BelvedereProcess, job_id: int) -> list[str]:
    return [event["kind"] for event in service.ask("GET", f"/{job_id}/events").json()["events"]]


def test_both_killed_at_once_come_back(mortal: BelvedereProcess, logs: Path) -> None:
    job = mortal.run("both", logs)
    mortal.host().kill()
    revive(mortal)
    expect_shown(mortal, job["job_id"])


@pytest.mark.parametrize("part", ["the viewer", "its data server", "the warm parent", "all of them"])
def test_a_killed_process_of_a_viewer_is_replaced(mortal: BelvedereProcess, logs: Path, part: str) -> None:
    job = mortal.run("killed", logs)
    victims = _victims(mortal, part)
    assert victims
    for process in mortal.processes():
        if process.pid in victims:
            process.kill()
    wait_until(lambda: not victims & {each.pid for each in mortal.processes()})
    expect_shown(mortal, job["job_id"])
    assert mortal.wait_for_status(job["job_id"], 8)["attempt"] == 1


def _victims(service: BelvedereProcess, part: str) -> set[int]:
    everything = service.processes()
    viewers = service.viewers()
    servers = {each.pid for each in everything if each.is_data_server}
    warm = {each.pid for each in everything if "belvedere.host.warm" in each.command} - viewers
    return {"the viewer": viewers, "its data server": servers, "the warm parent": warm}.get(
        part, viewers | servers | warm
    )


@pytest.mark.parametrize("damage", ["", '{"project_id": "pro', None])
def test_a_damaged_bootstrap_file_is_written_anew(mortal: BelvedereProcess, damage: str | None) -> None:
    project, file = mortal.project_id, mortal.data / "bootstrap.json"
    mortal.kill()
    file.unlink() if damage is None else file.write_text(damage)
    mortal.start()
    assert mortal.project_id == project
    assert mortal.ask("GET", "").status_code == 200
    assert file.stat().st_mode & 0o777 == 0o600
