"""A job's own sleep, from the API down to its processes."""

import pytest

from tests.support.logs import RICH
from tests.support.service import BelvedereProcess, wait_until

pytestmark = pytest.mark.e2e


def test_a_changed_sleep_counts_for_a_running_job_without_a_restart(service: BelvedereProcess) -> None:
    job = service.run("sleepy", RICH / "exp_0", sleep_after="never")
    before = service.viewers()
    answer = service.ask("PUT", f"/{job['job_id']}", {"sleep_after": 10})
    assert answer.status_code == 200, answer.text
    wait_until(lambda: not before & service.viewers())
    after = service.details(job["job_id"])
    assert (after["status"], after["attempt"], after["sleep_after"]) == (8, 1, 10)
    assert service.curve(job["service_url"])  # a click wakes it
