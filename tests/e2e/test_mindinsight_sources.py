"""A MindInsight job of several places: the real MindInsight shows the runs of each below its name."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import BUCKET
from tests.support.installed import MINDSPORE_VALUES
from tests.support.service import BelvedereProcess, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.object_store]
JOBS = "v1/mindinsight/datavisual/train-jobs"
SCALARS = "v1/mindinsight/datavisual/scalars"
SUMMARY = "events.out.events.summary.1795444508.0.vm_MS"


def runs(service: BelvedereProcess, job: dict[str, Any]) -> set[str]:
    found = service.view(job["service_url"], JOBS).json()["train_jobs"]
    return {run["train_id"] for run in found}


def steps(service: BelvedereProcess, job: dict[str, Any], run: str) -> int:
    answer = service.view(job["service_url"], SCALARS, train_id=run, tag="loss/scalar")
    return len(answer.json()["scalars"][0]["values"]) if answer.status_code == 200 else 0


def test_a_store_and_a_folder_stand_side_by_side_and_come_and_go(
    mindinsight_service: BelvedereProcess, folder: Path
) -> None:
    place = folder / "several" / "run"
    place.mkdir(parents=True)
    (place / SUMMARY).write_bytes((MINDSPORE_VALUES / "train_0" / SUMMARY).read_bytes())
    stored = {"name": "stored", "url": f"obs://{BUCKET}/{MINDSPORE_VALUES.name}/"}
    local = {"name": "local", "url": str(folder / "several")}
    body = {"job_name": "several", "job_type": "mindinsight", "sources": [stored, local]}
    created = mindinsight_service.ask("POST", "", body).json()
    job = mindinsight_service.wait_for_status(created["job_id"], 8)
    both = {"./stored--train_0", "./stored--train_1", "./local--run"}
    wait_until(lambda: runs(mindinsight_service, job) == both)
    assert [steps(mindinsight_service, job, run) for run in ("./stored--train_0", "./local--run")] == [100, 100]
    mindinsight_service.ask("PUT", f"/{job['job_id']}/sources", {"sources": [local]})
    wait_until(lambda: runs(mindinsight_service, job) == {"./local--run"})
