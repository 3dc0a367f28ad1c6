"""A folder whose system calls hang, as on a network mount whose server is away: it keeps nobody else from anything."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import QUICK
from tests.support import slow_calls
from tests.support.logs import write_log
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = pytest.mark.e2e
MANY = 20  # more than any pool of threads that others need has
SLOW = {**QUICK, "PYTHONPATH": str(Path(slow_calls.__file__).parent)}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log root with a quick run and one that can be made to hang."""
    root = tmp_path_factory.mktemp("logs")
    for name in ("quick", "hanging"):
        write_log(root / name, 5)
    return root


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, logs: Path) -> Iterator[BelvedereProcess]:
    with running_service(tmp_path_factory.mktemp("service"), log_roots=(logs,), env=SLOW) as started:
        yield started


@pytest.fixture
def stuck(service: BelvedereProcess, logs: Path) -> Iterator[dict[str, Any]]:
    """A job that ran when its folder began to hang. All it takes for the folder to answer is the end of the test."""
    job = service.run("stuck", logs / "hanging")
    (logs / "hangs").touch()
    yield job
    (logs / "hangs").unlink(missing_ok=True)
    service.delete(job["job_id"])


def test_creating_jobs_on_it_is_refused_for_now_however_often(
    service: BelvedereProcess, stuck: dict[str, Any], logs: Path
) -> None:
    body = {"job_name": "no", "train_url": str(logs / "hanging")}
    with ThreadPoolExecutor(MANY) as people:
        answers = list(people.map(lambda _: service.ask("POST", "", body), range(MANY)))
    assert {(each.status_code, each.json()["error_code"]) for each in answers} == {(503, "ModelArts.6101")}
    assert "does not answer" in answers[0].json()["error_msg"]


def test_other_jobs_start_and_show_their_logs(service: BelvedereProcess, stuck: dict[str, Any], logs: Path) -> None:
    job = service.run("other", logs / "quick")
    assert len(service.curve(job["service_url"])) == 5
    service.delete(job["job_id"])


def test_its_job_can_be_stopped_and_waits_when_it_is_restarted(
    service: BelvedereProcess, stuck: dict[str, Any], logs: Path
) -> None:
    service.act(stuck["job_id"], "stop")
    service.wait_for_status(stuck["job_id"], 12)
    service.act(stuck["job_id"], "restart")
    told = service.wait_for_reason(stuck["job_id"], "SOURCE_UNREACHABLE")
    assert told["status"] not in (8, 22)
    (logs / "hangs").unlink()
    assert service.wait_for_status(stuck["job_id"], 8)["reason"] is None


def test_it_keeps_nothing_from_the_other_sources_of_its_job(service: BelvedereProcess, logs: Path) -> None:
    sources = [{"name": name, "url": str(logs / name)} for name in ("hanging", "quick")]
    job = service.ask("POST", "", {"job_name": "both", "sources": sources}).json()
    service.wait_for_status(job["job_id"], 8)
    service.act(job["job_id"], "stop")
    service.wait_for_status(job["job_id"], 12)
    (logs / "hangs").touch()
    try:
        service.act(job["job_id"], "restart")
        service.wait_for_status(job["job_id"], 8)
        assert len(service.curve(job["service_url"], run="quick")) == 5
        told = service.wait_for_reason(job["job_id"], "SOURCE_UNREACHABLE")
        assert [each["reason"] is not None for each in told["sources"]] == [True, False]
        assert "does not answer" in told["sources"][0]["reason"]["text"]
    finally:
        (logs / "hangs").unlink()
    service.wait_for_reason(job["job_id"], None)
    wait_until(lambda: len(service.curve(job["service_url"], run="hanging")) == 5)


def test_the_service_ends_while_it_hangs(tmp_path: Path, logs: Path) -> None:
    with running_service(tmp_path, log_roots=(logs,), env=SLOW) as service:
        service.run("stuck", logs / "hanging")
        (logs / "hangs").touch()
        try:
            service.ask("POST", "", {"job_name": "no", "train_url": str(logs / "hanging")})
            assert service.stop() == 0
        finally:
            (logs / "hangs").unlink()
