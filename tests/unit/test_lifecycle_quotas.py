"""How much a project may have."""

from typing import Any

import pytest
from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import End, Intent, Job, Run
from belvedere.lifecycle.quotas import Quotas, is_running_job, place_among
from belvedere.lifecycle.seen import Phase, Seen
from tests.support.gateway import NOW, job

OVER_QUOTA = Seen(phase=Phase.WAITING, reason=Reason(code=ReasonCode.QUOTA, text="Wait."))
NO_ROOM = Seen(phase=Phase.WAITING, reason=Reason(code=ReasonCode.NO_CAPACITY, text="Wait."))


def one(intent: Intent = Intent.RUN, **run: Any) -> Job:
    return replace(job(), intent=intent, run=Run(**run))


@pytest.mark.parametrize(
    ("subject", "seen", "counts"),
    [
        (one(), Seen(phase=Phase.ABSENT), False),
        (one(), OVER_QUOTA, False),
        (one(), NO_ROOM, True),
        (one(), Seen(phase=Phase.STARTING), True),
        (one(running_since=NOW), Seen(phase=Phase.ABSENT), True),
        (one(running_since=NOW), Seen(phase=Phase.UNKNOWN), True),
        (one(running_since=NOW), Seen(phase=Phase.ASLEEP), True),
        (one(Intent.STOP, running_since=NOW), Seen(phase=Phase.READY), False),
        (one(end=End.USER), Seen(phase=Phase.READY), False),
    ],
)
def test_what_counts_as_running(subject: Job, seen: Seen, counts: bool) -> None:
    assert is_running_job(subject, seen, is_granted=False) is counts


def test_a_job_that_was_let_run_just_now_counts() -> None:
    assert is_running_job(one(), Seen(phase=Phase.ABSENT), is_granted=True)


@pytest.mark.parametrize(("running", "quota", "waits"), [(0, 0, True), (1, 2, False), (2, 2, True), (9, None, False)])
def test_there_is_a_place_below_the_quota(running: int, quota: int | None, waits: bool) -> None:
    reason = place_among(running, quota)
    assert (reason is not None and reason.code is ReasonCode.QUOTA) is waits


def test_what_a_project_does_not_say_the_settings_do() -> None:
    assert Quotas(running_jobs=3).over(Quotas(jobs=9)) == Quotas(jobs=9, running_jobs=3)
    assert Quotas(jobs=0).over(Quotas(jobs=9)) == Quotas(jobs=0)


def test_a_project_that_may_run_none_is_told_whom_to_ask() -> None:
    reason = place_among(0, 0)
    assert reason
    assert "its quota is 0. Ask an administrator" in reason.text
