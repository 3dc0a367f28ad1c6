"""Markers, and which indexes the lists use. The planner is SQLite's own, on empty tables."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ClauseElement, Connection, create_engine
from sqlalchemy.dialects import sqlite

from belvedere.contract.statuses import JobStatus
from belvedere.store.base import JobQuery, SortKey
from belvedere.store.queries import Marker, decode_marker, encode_marker, page_of_ids, total
from belvedere.store.tables import metadata

INT = st.integers(-(2**63), 2**63 - 1)
NUMBERS = [SortKey.ID, SortKey.CREATED, SortKey.STATUS, SortKey.DURATION]
TEXTS = [SortKey.NAME, SortKey.DESCRIPTION, SortKey.TRAIN_URL]


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def plan(connection: Connection, query: ClauseElement) -> list[str]:
    words = str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}")]


def place(sort: SortKey, descending: bool) -> Marker:
    value: int | str = "x" if sort in TEXTS else 5
    return Marker(sort=sort, descending=descending, value=value, id=7, as_of=9)


@given(st.sampled_from(NUMBERS), INT, INT)
def test_a_marker_with_a_number_comes_back(sort: SortKey, value: int, job_id: int) -> None:
    marker = Marker(sort=sort, descending=False, value=value, id=job_id, as_of=1)
    assert decode_marker(encode_marker(marker), JobQuery(project_id="p", sort=sort)) == marker


@given(st.sampled_from(TEXTS), st.text(st.characters(codec="utf-8")))
def test_a_marker_with_text_comes_back(sort: SortKey, value: str) -> None:
    marker = Marker(sort=sort, descending=True, value=value, id=1, as_of=1)
    assert decode_marker(encode_marker(marker), JobQuery(project_id="p", sort=sort, descending=True)) == marker


def test_a_marker_needs_no_quoting_in_a_url() -> None:
    word = encode_marker(Marker(sort=SortKey.NAME, descending=False, value="ÿ?>~☃" * 9, id=1, as_of=1))
    assert word.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=40))
def test_any_other_word_is_refused_as_a_marker(word: str) -> None:
    with pytest.raises(ValueError, match="marker"):
        decode_marker(word, JobQuery(project_id="p"))


@pytest.mark.parametrize("value", ["text", None, 2**63, 1.5, True])
def test_a_marker_whose_value_is_not_the_sorts_is_refused(value: Any) -> None:
    forged = encode_marker(Marker(sort=SortKey.CREATED, descending=False, value=value, id=1, as_of=1))
    with pytest.raises(ValueError, match="marker"):
        decode_marker(forged, JobQuery(project_id="p", sort=SortKey.CREATED))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", [sort for sort in SortKey if sort is not SortKey.DURATION])
def test_ids_of_a_page_come_in_order_from_a_covering_index(
    connection: Connection, sort: SortKey, descending: bool
) -> None:
    query = JobQuery(project_id="p", sort=sort, descending=descending, page=1000)
    (ids,) = page_of_ids(query, None, 0)
    (step,) = plan(connection, ids)
    assert "USING COVERING INDEX" in step


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", [sort for sort in SortKey if sort is not SortKey.DURATION])
def test_a_marker_goes_straight_to_its_place(connection: Connection, sort: SortKey, descending: bool) -> None:
    query = JobQuery(project_id="p", sort=sort, descending=descending)
    *same_value, higher_value = page_of_ids(query, place(sort, descending), 0)
    for part, bounds in [(part, 3) for part in same_value] + [(higher_value, 2)]:
        (step,) = plan(connection, part)
        assert "SEARCH jobs USING COVERING INDEX" in step
        assert step.count("?") == bounds


def test_running_times_are_computed_from_an_index_alone(connection: Connection) -> None:
    (ids,) = page_of_ids(JobQuery(project_id="p", sort=SortKey.DURATION), None, 0)
    steps = plan(connection, ids)
    assert steps[0] == "SEARCH jobs USING COVERING INDEX ix_jobs_by_duration (project_id=?)"


@pytest.mark.parametrize("statuses", [frozenset(), frozenset({JobStatus.RUNNING})])
def test_totals_are_not_counted_but_looked_up(connection: Connection, statuses: frozenset[JobStatus]) -> None:
    steps = plan(connection, total(JobQuery(project_id="p", statuses=statuses)))
    assert all("job_counts" in step for step in steps)


@pytest.mark.parametrize("choice", [{"search": "x"}, {"owner": "ann"}, {"search": "x", "owner": "ann"}])
def test_searches_and_owners_are_counted_over_indexes_alone(connection: Connection, choice: dict[str, str]) -> None:
    steps = plan(connection, total(JobQuery(project_id="p", **choice)))  # type: ignore[arg-type]
    assert all("COVERING INDEX" in step for step in steps if step.startswith(("SEARCH", "SCAN")))
