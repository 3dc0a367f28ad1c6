"""Jobs survive the way into a row and back, column types included."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy.dialects import sqlite

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import AutoStop, End, Intent, Job, Run, StopCause, TimeUnit, Visibility
from belvedere.lifecycle.status import status_of
from belvedere.store.rows import JOB_FACTS, RUN_FACTS, audience_of, fold, job_of, row_of, search_text
from belvedere.store.tables import Duration, UtcDateTime, instant, jobs, microseconds

DIALECT = sqlite.dialect()
TEXT = st.text(st.characters(codec="utf-8"), max_size=9)
MOMENT = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given below
LENGTH = st.timedeltas(timedelta(0), timedelta(days=99))
REASON = st.builds(Reason, code=st.sampled_from(ReasonCode), text=TEXT)
COUNT = st.integers(1, 2**31 - 1)


def perhaps(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


RUNS = st.builds(
    Run,
    taken_up_at=perhaps(MOMENT),
    submitted_at=perhaps(MOMENT),
    waiting=perhaps(REASON),
    running_since=perhaps(MOMENT),
    ran_before=LENGTH,
    first_ran_at=perhaps(MOMENT),
    losses=COUNT,
    unreachable_since=perhaps(MOMENT),
    note=perhaps(REASON),
    ended_at=perhaps(MOMENT),
    end=perhaps(st.sampled_from(End)),
    end_reason=perhaps(REASON),
    delete_failed_at=perhaps(MOMENT),
)
JOBS = st.builds(
    Job,
    id=COUNT,
    project_id=TEXT,
    name=TEXT,
    train_url=TEXT,
    created_at=MOMENT,
    updated_at=MOMENT,
    description=TEXT,
    owner=TEXT,
    tags=st.lists(TEXT, unique=True, max_size=4).map(tuple),
    visibility=st.sampled_from(Visibility),
    resource_id=TEXT,
    auto_stop=perhaps(st.builds(AutoStop, duration=st.integers(0, 86_400), unit=st.sampled_from(TimeUnit))),
    intent=st.sampled_from(Intent),
    intended_at=MOMENT,
    stop_cause=perhaps(st.sampled_from(StopCause)),
    attempt=COUNT,
    run=RUNS,
    revision=COUNT,
    version=COUNT,
)
JOB = Job(
    id=1,
    project_id="p",
    name="Run",
    train_url="/Bücket/",
    created_at=instant(0),
    updated_at=instant(0),
    intended_at=instant(0),
    owner="ann",
)


def through_the_columns(row: dict[str, Any]) -> dict[str, Any]:
    """What a database would give back: each value bound and read by its column's type."""
    return {name: _through(jobs.c[name].type, value) for name, value in row.items()}


def _through(kind: Any, value: Any) -> Any:
    if not hasattr(kind, "process_bind_param"):
        return value
    return kind.process_result_value(kind.process_bind_param(value, DIALECT), DIALECT)


@given(JOBS)
def test_every_job_comes_back_as_it_went(job: Job) -> None:
    assert job_of(through_the_columns(row_of(job)), job.tags) == job


@given(JOBS)
def test_what_the_columns_keep_is_plain(job: Job) -> None:
    kept = {name: value for name, value in row_of(job).items() if not hasattr(jobs.c[name].type, "process_bind_param")}
    assert {type(value) for value in kept.values()} <= {str, int, type(None)}


@given(JOBS)
def test_the_projected_status_is_the_computed_one(job: Job) -> None:
    assert row_of(job)["status"] == status_of(job)


def test_every_fact_has_a_column_of_its_name() -> None:
    assert {*JOB_FACTS, *RUN_FACTS} <= set(jobs.c.keys())
    assert len({*JOB_FACTS, *RUN_FACTS}) == len(JOB_FACTS) + len(RUN_FACTS)


@given(MOMENT)
def test_a_moment_keeps_its_microseconds(moment: datetime) -> None:
    assert instant(microseconds(moment)) == moment


def test_a_moment_of_another_zone_comes_back_in_utc() -> None:
    column = UtcDateTime()
    moment = datetime(2026, 5, 4, 14, tzinfo=timezone(timedelta(hours=2)))
    read = column.process_result_value(column.process_bind_param(moment, DIALECT), DIALECT)
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 5, 4), DIALECT)  # noqa: DTZ001 - that is the point


@given(LENGTH)
def test_a_length_of_time_keeps_its_microseconds(length: timedelta) -> None:
    column = Duration()
    assert column.process_result_value(column.process_bind_param(length, DIALECT), DIALECT) == length


def test_a_private_job_has_its_owner_as_audience() -> None:
    assert audience_of(replace(JOB, visibility=Visibility.PRIVATE)) == "user:ann"
    assert audience_of(JOB) == "project"


def test_a_user_called_project_is_not_everybody() -> None:
    assert audience_of(replace(JOB, visibility=Visibility.PRIVATE, owner="project")) != audience_of(JOB)


@given(TEXT)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_name_description_and_url_are_searched() -> None:
    text = search_text(replace(JOB, description="Ein BEISPIEL"))
    assert all(fold(part) in text for part in ("run", "beispiel", "/BÜCKET/"))
