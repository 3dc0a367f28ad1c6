"""The rules of requests, without a server. Each bad input's code and words are held by the API's tests."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from belvedere.contract.decoding import json_object, kind_of, shown
from belvedere.contract.errors import BelvedereError, InvalidProject, MalformedBody, RequestError
from belvedere.contract.limits import JOB_ID
from belvedere.contract.validation import (
    Offer,
    ValidCreate,
    ValidSchedule,
    ValidUpdate,
    create_request,
    job_id,
    project_id,
    update_request,
)

OFFER = Offer(flavors=("small", "large"), job_types=("tensorboard", "mindinsight"))


def create(fields: str = "") -> ValidCreate:
    return create_request(f'{{"job_name": "a", "train_url": "/b/"{fields}}}'.encode(), OFFER)


def test_defaults_are_the_documented_ones() -> None:
    assert create() == ValidCreate(
        job_name="a",
        train_url="/b/",
        job_desc="",
        job_type="tensorboard",
        flavor="small",
        schedule=None,
        tags=(),
        visibility="project",
    )


@pytest.mark.parametrize(
    "schedule",
    [
        '{"type": "stop", "time_unit": "HOURS", "duration": 3}',
        '[{"type": "stop", "time_unit": "HOURS", "duration": 3}]',
        '{"type": "stop", "timeUnit": "HOURS", "duration": 3}',
        '{"type": "stop", "timeUnit": "HOURS", "time_unit": "HOURS", "duration": 3, "more": 1}',
        '{"type": "stop", "timeUnit": null, "time_unit": "HOURS", "duration": 3}',
    ],
)
def test_all_forms_of_a_schedule_mean_the_same(schedule: str) -> None:
    assert create(f', "schedule": {schedule}').schedule == ValidSchedule(duration=3, time_unit="HOURS")


def test_tags_are_kept_in_order_and_once() -> None:
    assert create(', "tags": ["b", "a", "b"]').tags == ("b", "a")


def test_the_last_of_two_fields_of_one_name_counts() -> None:
    assert create(', "job_desc": "first", "job_desc": "last"').job_desc == "last"


def test_update_tells_absent_from_removed() -> None:
    assert update_request(b'{"schedule": null}') == ValidUpdate(schedule=None)
    assert update_request(b'{"job_desc": ""}').schedule is UNSET


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("0012", 12), (str(JOB_ID), JOB_ID)])
def test_job_ids_are_decimal_numbers(text: str, number: int) -> None:
    assert job_id(text) == number


@pytest.mark.parametrize("text", ["0", str(JOB_ID + 1), "9" * 5000])
def test_numbers_that_no_job_has_are_none(text: str) -> None:
    assert job_id(text) is None


@pytest.mark.parametrize("text", ["", "-1", "1.0", " 1", "²", "٣"])
def test_other_job_ids_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match="job_id: expected a decimal number"):
        job_id(text)


def test_a_project_id_is_taken_as_it_is() -> None:
    assert project_id("04f679b17380d32a2f32c00335c4b5ba") == "04f679b17380d32a2f32c00335c4b5ba"


@pytest.mark.parametrize("text", ["", "{project_id}", "a/b", "a" * 65, "a\n"])
def test_what_is_no_project_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidProject, match="Invalid project ID"):
        project_id(text)


def test_a_callers_text_is_repeated_safely() -> None:
    assert shown("a\x1b[31m\ud800\u202e") == "a\\x1b[31m\\ud800\\u202e"
    assert shown("x" * 100) == "x" * 64 + "…"


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "a", [], {}])
def test_every_kind_of_json_value_has_words(value: object) -> None:
    assert kind_of(value)


def test_json_after_a_byte_order_mark_is_refused() -> None:
    with pytest.raises(MalformedBody):
        json_object(b"\xef\xbb\xbf{}")


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f'{{"job_name": "{text}"}}'.encode()))
def test_no_body_raises_anything_else(body: bytes) -> None:
    with contextlib.suppress(BelvedereError):
        create_request(body, OFFER)


@given(st.text(max_size=100))
def test_what_is_shown_can_be_sent_and_printed(text: str) -> None:
    assert shown(text).isprintable()
    shown(text).encode()
