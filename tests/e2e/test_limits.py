"""Quotas, rates and the audit of a real service, and what is left of an audited change after kill -9."""

import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import BUCKET, QUICK, store_settings
from tests.support.files import contents_below
from tests.support.logs import write_log
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = pytest.mark.e2e
ROUNDS = 2
_NO_JOB = "/modelarts2/tensorboard/{}/99/data/runs"


@pytest.fixture(scope="module")
def logs(folder: Path) -> Path:
    write_log(folder / "run")
    write_log(folder / "other")
    return folder / "run"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, folder: Path, seaweedfs: SeaweedFs) -> Iterator[BelvedereProcess]:
    """A service on an object store and on a folder, that writes its audit to a file and lets few bad tries through."""
    place = tmp_path_factory.mktemp("limited")
    env = {**QUICK, **store_settings(seaweedfs), "BELVEDERE_AUDIT_FILE": str(place / "audit.jsonl")}
    env["BELVEDERE_GUESS_RATE"] = "5"
    with running_service(place, log_roots=(folder,), env=env) as service:
        yield service


@pytest.fixture
def quotas(limited: BelvedereProcess) -> Iterator["Quotas"]:
    made = Quotas(limited)
    yield made
    made.set()
    for each in limited.ask("GET", "").json()["jobs"]:
        limited.delete(each["job_id"])


class Quotas:
    """The project's, as an administrator sets them."""

    def __init__(self, service: BelvedereProcess) -> None:
        self._url = f"{service.endpoint}/v1/identity/projects/{service.project_id}/quotas"
        self._headers = service.headers

    def set(self, **wanted: int) -> dict[str, Any]:
        answer = httpx2.put(self._url, json=wanted, headers=self._headers, timeout=30)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


def test_a_job_too_many_is_refused_in_the_documented_words(
    limited: BelvedereProcess, quotas: Quotas, logs: Path
) -> None:
    quotas.set(jobs=1)
    limited.create("one", logs)
    refused = limited.ask("POST", "", {"job_name": "two", "train_url": str(logs)})
    assert (refused.status_code, refused.json()["error_code"]) == (400, "ModelArts.0118")
    listed = limited.ask("GET", "").json()
    assert (listed["quotas"], listed["job_count_limit"]) == (1, 0)


def test_a_job_too_many_to_run_waits_and_then_runs(limited: BelvedereProcess, quotas: Quotas, logs: Path) -> None:
    quotas.set(running_jobs=1)
    first = limited.run("one", logs)["job_id"]
    second = limited.create("two", logs.parent / "other")["job_id"]
    limited.wait_for_reason(second, "QUOTA")
    assert limited.details(second)["status"] == 7
    limited.act(first, "stop")
    limited.wait_for_status(second, 8)


def test_a_viewer_too_many_to_be_awake_waits_for_one_to_fall_asleep_or_end(
    limited: BelvedereProcess, quotas: Quotas, logs: Path
) -> None:
    quotas.set(awake_viewers=1)
    first = limited.run("one", logs)["job_id"]
    second = limited.create("two", logs.parent / "other")["job_id"]
    told = limited.wait_for_reason(second, "NO_CAPACITY")
    assert (told["status"], len(limited.viewers())) == (7, 1)
    assert "awake" in told["reason"]["text"]
    limited.act(first, "stop")
    limited.wait_for_status(second, 8)


def test_a_viewer_beyond_the_projects_memory_waits_until_it_may(
    limited: BelvedereProcess, quotas: Quotas, logs: Path
) -> None:
    quotas.set(memory_bytes=1 << 20)
    job_id = limited.create("one", logs)["job_id"]
    told = limited.wait_for_reason(job_id, "NO_CAPACITY")
    assert told["status"] == 7
    assert "quota is 1 MiB" in told["reason"]["text"]
    quotas.set()
    limited.wait_for_status(job_id, 8)


def test_logs_beyond_the_projects_disk_are_not_copied_until_they_may(limited: BelvedereProcess, quotas: Quotas) -> None:
    assert quotas.set(mirror_bytes=1000)["mirror_bytes"] == 1000
    before = _mirrored(limited)
    job_id = limited.create("large", f"/{BUCKET}/rich/")["job_id"]
    told = limited.wait_for_reason(job_id, "MIRROR_QUOTA")
    assert "quota" in told["reason"]["text"]
    assert _mirrored(limited) - before <= 1000
    quotas.set()
    limited.wait_for(job_id, lambda job: job["status"] == 8 and not _is_short_of_room(job), limit=60)
    wait_until(lambda: _mirrored(limited) - before > 1000)


def _mirrored(service: BelvedereProcess) -> int:
    """Bytes of logs from object stores that are here."""
    below = contents_below(service.data / "host" / "mirrors")
    return sum(len(data) for path, data in below.items() if "tfevents" in path.name)


def _is_short_of_room(job: dict[str, Any]) -> bool:
    return bool(job.get("reason")) and job["reason"]["code"] == "MIRROR_QUOTA"


def test_bad_tokens_are_held_back_at_both_ports_and_good_ones_are_not(
    limited: BelvedereProcess, quotas: Quotas, logs: Path
) -> None:
    job = limited.run("one", logs)
    bad = {"X-Auth-Token": "made-up"}
    found = [httpx2.get(f"{limited.endpoint}/v1/identity/me", headers=bad).status_code for _ in range(3)]
    found += [httpx2.get(job["service_url"] + "data/runs", headers=bad).status_code for _ in range(4)]
    assert found == [401] * 5 + [429] * 2
    assert limited.view(job["service_url"], "data/runs").status_code == 200
    assert "belvedere_turned_away_total" in httpx2.get(f"{limited.endpoint}/metrics", headers=limited.headers).text


def test_the_audits_file_tells_all_that_the_api_tells(limited: BelvedereProcess, quotas: Quotas, logs: Path) -> None:
    job_id = limited.create("one", logs)["job_id"]
    limited.delete(job_id)
    with limited.client() as client:
        told = client.get("/audit", params={"all_projects": "true", "limit": 1000, "order": "asc"}).json()["traces"]
    file = limited.data.parent / "audit.jsonl"
    wait_until(lambda: len(file.read_text().splitlines()) >= len(told))
    written = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["trace_id"] for each in written] == [each["trace_id"] for each in told]
    assert file.stat().st_mode & 0o077 == 0


def test_a_script_with_a_token_wakes_a_sleeping_viewer_and_gets_its_answer(
    limited: BelvedereProcess, quotas: Quotas, logs: Path
) -> None:
    job = limited.run("sleeper", logs, sleep_after=10)
    wait_until(lambda: limited.curve(job["service_url"]))
    wait_until(lambda: not limited.viewers())
    answer = limited.view(job["service_url"], "data/plugin/scalars/scalars", run=".", tag="loss")
    assert (answer.status_code, len(answer.json()) > 0) == (200, True)


def test_a_user_who_asks_too_often_has_to_wait_at_both_ports(tmp_path: Path) -> None:
    with running_service(tmp_path, env={"BELVEDERE_USER_RATE": "1"}) as service:
        api, viewers = f"{service.endpoint}/v1/identity/me", f"{service.viewer_url}{_NO_JOB.format(service.project_id)}"
        found = [httpx2.get(each, headers=service.headers) for each in (api, api, *(api, viewers) * 20)]
    assert [answer.status_code for answer in found[:2]] == [200, 200]
    held = {answer.url.port for answer in found if answer.status_code == 429 and int(answer.headers["Retry-After"])}
    assert held == {service.port, service.viewer_port}


def test_after_a_kill_amid_changes_the_audit_and_the_changes_agree(tmp_path: Path, logs: Path) -> None:
    with running_service(tmp_path, log_roots=(logs.parent,), env=QUICK) as service:
        answered: set[int] = set()
        for _ in range(ROUNDS):
            answered |= _killed_amid_creates(service, logs)
            service.start()
            with service.client() as client:
                asked = {"trace_name": "createModelArtsTensorboardJob", "limit": "1000"}
                traces = client.get("/audit", params=asked).json()["traces"]
                jobs = client.get("/visualization-jobs", params={"per_page": 1000}).json()["jobs"]
            told = [int(trace["resource_id"]) for trace in traces if trace["trace_rating"] == "normal"]
            assert sorted(told) == sorted(job["job_id"] for job in jobs)
            assert answered <= set(told)


def _killed_amid_creates(service: BelvedereProcess, logs: Path) -> set[int]:
    """Jobs whose creation was answered before the end came."""
    answered: set[int] = set()

    def create() -> None:
        with service.client() as client:
            while True:
                try:
                    body = {"job_name": "run", "train_url": str(logs)}
                    answer = client.post("/visualization-jobs", json=body)
                except httpx2.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                answered.add(int(answer.json()["job_id"]))

    workers = [threading.Thread(target=create) for _ in range(4)]
    for worker in workers:
        worker.start()
    time.sleep(random.uniform(0.1, 0.6))
    service.kill()
    for worker in workers:
        worker.join(30)
    return answered
