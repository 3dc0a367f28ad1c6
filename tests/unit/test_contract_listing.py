"""The rules of query strings, without a server."""

from urllib.parse import parse_qsl

import pytest

from belvedere.contract.errors import RequestError
from belvedere.contract.listing import ValidList, list_request, tail_request


def of(query: str) -> ValidList:
    return list_request(parse_qsl(query, keep_blank_values=True))


def test_defaults_are_the_documented_ones() -> None:
    request = of("")
    assert (request.page, request.per_page, request.sort, request.descending) == (1, 10, "job_id", False)
    assert (request.statuses, request.search, request.marker) == (frozenset(), "", None)


def test_the_documented_sample_is_understood_with_its_blanks() -> None:
    request = of("status=7&per_page=10&page=1&sortBy=status&order=asc&+search_content=job_name")
    assert (request.statuses, request.sort, request.search) == (frozenset({7}), "status", "job_name")


@pytest.mark.parametrize("query", ["status=3,5,6,13", "status=3&status=5,6&status=13", "status=+3+,+5,6,13,"])
def test_statuses_add_up(query: str) -> None:
    assert of(query).statuses == {3, 5, 6, 13}


def test_blank_values_count_as_absent() -> None:
    assert of("status=&per_page=&page=+&sort_by=&order=&search_content=&workspace_id=&marker=&tag=") == ValidList()


@pytest.mark.parametrize("query", ["per_page=5&per_page=5", "sortBy=status&sort_by=status", "order=desc&order=desc"])
def test_the_same_said_twice_is_fine(query: str) -> None:
    assert of(query) != ValidList()


@pytest.mark.parametrize("query", ["per_page=1", "per_page=1000", f"search_content={'x' * 100}", "status=0,22"])
def test_limits_are_inclusive(query: str) -> None:
    assert of(query) != ValidList()


def test_tail_has_a_default() -> None:
    assert tail_request([]) == 100


@pytest.mark.parametrize("tail", ["0", "501", "-1", "ten"])
def test_tail_is_limited(tail: str) -> None:
    with pytest.raises(RequestError, match="tail: expected an integer from 1 to 500"):
        tail_request([("tail", tail)])


def test_more_tags_than_a_job_can_have_are_refused() -> None:
    with pytest.raises(RequestError, match="at most 20"):
        of("&".join(f"tag=t{number}" for number in range(21)))
