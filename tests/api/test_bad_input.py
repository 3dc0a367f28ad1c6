"""Bad input: each with its own clear error, and nothing changed."""

from typing import Any

import pytest

from belvedere.contract.errors import InvalidLogUrl, LogSourceForbidden, LogSourceRefused
from belvedere.lifecycle.jobs import End, Intent
from tests.support.api import OTHER_PROJECT, Api

GOOD: dict[str, Any] = {"job_name": "run-1", "train_url": "/bucket/run-1/"}


def scheduled(**item: Any) -> dict[str, Any]:
    return {"schedule": {"type": "stop", "time_unit": "HOURS", "duration": 1, **item}}


# fields, status, code, words of the message
BAD_FIELDS: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({"job_name": ""}, "ModelArts.0104", ("Illegal name: ", "job_name", "1 to 20 characters")),
    ({"job_name": "x" * 21}, "ModelArts.0104", ("Illegal name: xxx", "job_name", "got 21")),
    ({"job_name": "a b"}, "ModelArts.0104", ("Illegal name: a b", "job_name", "a blank at position 2")),
    ({"job_name": "%%123"}, "ModelArts.0104", ("Illegal name: %%123",)),
    ({"job_name": "a\nb"}, "ModelArts.0104", ("Illegal name: a\\nb",)),
    ({"job_name": "名字"}, "ModelArts.0104", ("Illegal name: 名字", "the character 名 at position 1 is none of them")),
    ({"job_name": "run\n"}, "ModelArts.0104", ("Illegal name: run\\n",)),
    ({"job_name": 7}, "ModelArts.0104", ("job_name", "got an integer (7)")),
    ({"job_name": None}, "ModelArts.0104", ("job_name is missing", "1 to 20")),
    ({"train_url": None}, "ModelArts.0104", ("train_url is missing", "/bucket/prefix/")),
    ({"train_url": ["/a/"]}, "ModelArts.0104", ("train_url", "got an array")),
    ({"train_url": "/a/\x00/"}, "ModelArts.0104", ("train_url", "\\x00", "position 4", "Remove")),
    ({"train_url": "/" + "a" * 5000}, "ModelArts.0104", ("train_url", "4096 bytes", "5001")),
    ({"job_desc": "x" * 257}, "ModelArts.0104", ("job_desc", "0 to 256", "got 257", "Shorten")),
    ({"job_desc": "a\x07"}, "ModelArts.0104", ("job_desc", "\\x07", "position 2", "Remove")),
    ({"job_desc": 1.5}, "ModelArts.0104", ("job_desc", "got a number (1.5)")),
    ({"job_type": "tensorbored"}, "ModelArts.0104", ("job_type", "tensorboard, mindinsight", "tensorbored")),
    ({"job_type": True}, "ModelArts.0104", ("job_type", "got a boolean (true)")),
    ({"flavor": "large"}, "ModelArts.0104", ("flavor", '{"code"', "got a string")),
    ({"flavor": {}}, "ModelArts.0104", ("flavor.code is missing", "default, large")),
    ({"flavor": {"code": "huge"}}, "ModelArts.2763", ("flavor.code", "huge", "default, large")),
    ({"workspace_id": "1"}, "ModelArts.0102", ("workspace_id", "does not exist", "Leave it out")),
    ({"workspace_id": 5}, "ModelArts.0102", ("workspace_id", "5")),
    ({"workspace_id": []}, "ModelArts.0104", ("workspace_id", "got an array")),
    ({"workspace_id": False}, "ModelArts.0104", ("workspace_id", "got a boolean")),
    (scheduled(duration=-1), "ModelArts.0104", ("schedule.duration", "0 to 24 for HOURS", "-1")),
    (scheduled(duration=25), "ModelArts.0104", ("schedule.duration", "0 to 24 for HOURS", "25")),
    (scheduled(duration=1.5), "ModelArts.0104", ("schedule.duration", "an integer", "a number (1.5)")),
    (scheduled(duration=1.0), "ModelArts.0104", ("schedule.duration", "an integer", "a number (1.0)")),
    (scheduled(duration="1"), "ModelArts.0104", ("schedule.duration", "an integer", 'a string ("1")')),
    (scheduled(duration=True), "ModelArts.0104", ("schedule.duration", "an integer", "a boolean")),
    (scheduled(duration=None), "ModelArts.0104", ("schedule.duration is missing",)),
    (scheduled(duration=2**70), "ModelArts.0104", ("schedule.duration", "0 to 24")),
    (scheduled(time_unit="MINUTES", duration=1441), "ModelArts.0104", ("schedule.duration", "0 to 1440 for MINUTES")),
    (scheduled(time_unit="SECONDS", duration=86401), "ModelArts.0104", ("schedule.duration", "86400 for SECONDS")),
    (scheduled(type="start"), "ModelArts.0104", ("schedule.type", '"stop"', "start")),
    (scheduled(type=None), "ModelArts.0104", ("schedule.type is missing",)),
    (scheduled(time_unit="DAYS"), "ModelArts.0104", ("schedule.time_unit", "HOURS", "DAYS")),
    (scheduled(time_unit=None), "ModelArts.0104", ("schedule.time_unit is missing", "HOURS")),
    (scheduled(timeUnit="MINUTES"), "ModelArts.0104", ("time_unit", "timeUnit", "contradict", "Send one")),
    ({"schedule": "1h"}, "ModelArts.0104", ("schedule", "an object", '"1h"')),
    ({"schedule": ["1h"]}, "ModelArts.0104", ("schedule[0]", "an object")),
    ({"schedule": [{}, {}]}, "ModelArts.0104", ("schedule", "one item, got 2")),
    ({"tags": "a"}, "ModelArts.0104", ("tags", "an array of strings")),
    ({"tags": ["a b"]}, "ModelArts.0104", ("tags[0]", "1 to 64", "a b")),
    ({"tags": [f"t{n}" for n in range(21)]}, "ModelArts.0104", ("tags", "at most 20, got 21")),
    ({"sleep_after": 0}, "ModelArts.0104", ("sleep_after", "10 to 86400", '"never"', "got an integer (0)")),
    ({"sleep_after": 9}, "ModelArts.0104", ("sleep_after", "10 to 86400", "9")),
    ({"sleep_after": -900}, "ModelArts.0104", ("sleep_after", "10 to 86400", "-900")),
    ({"sleep_after": 365 * 86400}, "ModelArts.0104", ("sleep_after", "10 to 86400", "31536000")),
    ({"sleep_after": 60.0}, "ModelArts.0104", ("sleep_after", "an integer", "a number (60.0)")),
    ({"sleep_after": True}, "ModelArts.0104", ("sleep_after", "an integer", "a boolean")),
    ({"sleep_after": "15m"}, "ModelArts.0104", ("sleep_after", '"never"', '"15m"')),
    ({"visibility": "public"}, "ModelArts.0104", ("visibility", "project or private", "public")),
]


@pytest.mark.parametrize(("fields", "code", "words"), BAD_FIELDS)
async def test_a_bad_field_is_refused_by_name_and_nothing_is_created(
    api: Api, fields: dict[str, Any], code: str, words: tuple[str, ...]
) -> None:
    answer = await api.client.post("/visualization-jobs", json={**GOOD, **fields})
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)
    assert [word for word in words if word not in answer.json()["message"]] == [], answer.json()["message"]
    assert await api.everything() == []


BAD_BODIES: list[tuple[bytes, int, str, tuple[str, ...]]] = [
    (b"", 400, "ModelArts.2787", ("no body", "Send a JSON object")),
    (b"  \n", 400, "ModelArts.2787", ("no body",)),
    (b"job_name=run-1", 400, "ModelArts.2787", ("not JSON at line 1, column 1", "Send a JSON object")),
    (b'{"job_name": "a",\n "train_url"}', 400, "ModelArts.2787", ("line 2, column 13",)),
    (b'{"job_name": "a"} trailing', 400, "ModelArts.2787", ("line 1, column 19",)),
    (b"[]", 400, "ModelArts.2787", ("an array of 0", "Send a JSON object")),
    (b'[{"job_name": "a"}]', 400, "ModelArts.2787", ("an array of 1",)),
    (b"null", 400, "ModelArts.2787", ("null",)),
    (b'"text"', 400, "ModelArts.2787", ("a string",)),
    (b'{"job_name": NaN}', 400, "ModelArts.2787", ("NaN",)),
    (b'{"x": ' + b"9" * 5000 + b"}", 400, "ModelArts.2787", ("out of range",)),
    (b"[" * 100_000, 400, "ModelArts.2787", ("nested too deeply",)),
    (b'{"x":' * 100_000, 400, "ModelArts.2787", ("nested too deeply",)),
    (b'{"job_name": "\xff"}', 400, "ModelArts.2787", ("not UTF-8 at byte 14",)),
    (b'{"job_name": "a", "train_url": "/b/\x00"}', 400, "ModelArts.0104", ("train_url", "\\x00")),
    (b'{"job_name": "a", "train_url": "/b/\\u0000"}', 400, "ModelArts.0104", ("train_url", "\\x00")),
    (b'{"job_name": "a", "train_url": "/b/", "job_desc": "\\ud800"}', 400, "ModelArts.0104", ("job_desc", "\\ud800")),
    (b'{"job_name": "a", "train_url": "/\xed\xa0\x80/"}', 400, "ModelArts.0104", ("train_url", "\\ud800")),
    (b'{"job_name": "\\udc00", "train_url": "/b/"}', 400, "ModelArts.0104", ("Illegal name: \\udc00",)),
    (b'{"x":"' + b"a" * (13 * 2**20) + b'"}', 413, "APIG.0201", ("larger than 12 MB",)),
]


@pytest.mark.parametrize(("body", "status", "code", "words"), BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_a_bad_body_is_refused_and_nothing_is_created(
    api: Api, body: bytes, status: int, code: str, words: tuple[str, ...]
) -> None:
    answer = await api.client.post("/visualization-jobs", content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert [word for word in words if word not in answer.json()["message"]] == [], answer.json()["message"]
    assert await api.everything() == []


BAD_QUERIES: list[tuple[str, str, tuple[str, ...]]] = [
    ("per_page=0", "ModelArts.0104", ("per_page", "1 to 1000", "got 0")),
    ("per_page=1001", "ModelArts.0104", ("per_page", "1 to 1000", "got 1001")),
    ("per_page=ten", "ModelArts.0104", ("per_page", "ten")),
    ("per_page=1.0", "ModelArts.0104", ("per_page", "1.0")),
    ("per_page=5&per_page=6", "ModelArts.0104", ("per_page", "different values", "Send one")),
    ("page=0", "ModelArts.0104", ("page", "from 1", "got 0")),
    ("page=-1", "ModelArts.0104", ("page", "-1")),
    ("page=99999999999999999999", "ModelArts.0104", ("page", "1000000000")),
    ("sortBy=colour", "ModelArts.2790", ("sortBy", "colour", "job_id, job_name")),
    ("sort_by=colour", "ModelArts.2790", ("colour",)),
    ("sortBy=job_id&sort_by=status", "ModelArts.0104", ("sortBy and sort_by", "Send one")),
    ("order=up", "ModelArts.0104", ("order", "asc or desc", "up")),
    (f"search_content={'x' * 101}", "ModelArts.0104", ("The length of search content should be in [0,100]",)),
    ("search_content=%00", "ModelArts.0104", ("search_content", "\\x00")),
    ("status=23", "ModelArts.0104", ("status", "0 to 22", "23")),
    ("status=8,running", "ModelArts.0104", ("status", "running")),
    ("workspace_id=1", "ModelArts.0102", ("workspace_id", "does not exist")),
    ("tag=a%20b", "ModelArts.0104", ("tag", "a b")),
    ("created_from=yesterday", "ModelArts.0104", ("created_from", "yesterday")),
    ("created_before=253402300800000", "ModelArts.0104", ("created_before",)),
    ("marker=nonsense", "ModelArts.0104", ("marker", "next_marker")),
]


@pytest.mark.parametrize(("query", "code", "words"), BAD_QUERIES)
async def test_a_bad_query_is_refused_by_name(api: Api, query: str, code: str, words: tuple[str, ...]) -> None:
    answer = await api.client.get(f"/visualization-jobs?{query}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, code)
    assert [word for word in words if word not in answer.json()["message"]] == [], answer.json()["message"]


@pytest.mark.parametrize("tail", ["0", "501", "x"])
async def test_a_bad_tail_is_refused(api: Api, tail: str) -> None:
    job_id = await api.create()
    answer = await api.client.get(f"/visualization-jobs/{job_id}/logs?tail={tail}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert "tail: expected an integer from 1 to 500" in answer.json()["message"]


@pytest.mark.parametrize("job_id", ["abc", "-1", "1.5", "1e3", "+1", "١", "0x1"])
async def test_a_job_id_that_is_no_number_is_a_parameter_error(api: Api, job_id: str) -> None:
    answer = await api.client.get(f"/visualization-jobs/{job_id}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert answer.json()["message"].startswith("job_id: expected a decimal number")


@pytest.mark.parametrize("job_id", ["0", "12345", str(2**63 - 1), str(2**63), "9" * 400])
async def test_a_job_id_that_no_job_has_is_not_found(api: Api, job_id: str) -> None:
    answer = await api.client.get(f"/visualization-jobs/{job_id}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ModelArts.0015")


async def test_the_job_of_another_project_is_neither_read_nor_changed(api: Api) -> None:
    job_id = await api.create()
    before = await api.everything()
    path = f"/visualization-jobs/{job_id}"
    async with api.client_of(OTHER_PROJECT) as other:
        answers = [
            await other.get(path),
            await other.put(path, json={"job_desc": "x"}),
            await other.delete(path),
            *[await other.post(f"{path}/{verb}") for verb in ("stop", "restart", "ticket")],
            await other.get(f"{path}/events"),
            await other.get(f"{path}/logs"),
        ]
    assert {answer.status_code for answer in answers} == {404}
    assert await api.everything() == before


@pytest.mark.parametrize("project_id", ["{project_id}", "%7Bproject_id%7D", "a" * 65, "a%20b", "é"])
async def test_a_project_id_that_is_none_is_told_with_the_remedy(api: Api, project_id: str) -> None:
    answer = await api.client.get(f"http://api.example/v1/{project_id}/visualization-jobs")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0210")
    assert answer.json()["message"].startswith("Invalid project ID.")
    assert "bootstrap.json" in answer.json()["message"]


@pytest.mark.parametrize(
    ("verb", "end", "message"),
    [
        ("stop", End.SCHEDULE, "This job can't be stop. job status: 10"),
        ("stop", End.USER, "This job can't be stop. job status: 12"),
        ("restart", None, "This job can't be resubmit. job status: 8"),
    ],
)
async def test_an_illegal_verb_is_refused_in_the_documented_words(
    api: Api, verb: str, end: End | None, message: str
) -> None:
    job_id = await (api.running() if end is None else api.ended(end))
    before = await api.everything()
    answer = await api.client.post(f"/visualization-jobs/{job_id}/{verb}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0105")
    assert answer.json()["error_message"] == message
    assert await api.everything() == before


async def test_a_dying_job_can_not_be_deleted(api: Api) -> None:
    job_id = await api.create()
    await api.write(job_id, intent=Intent.DELETE)
    answer = await api.client.delete(f"/visualization-jobs/{job_id}")
    assert answer.status_code == 400
    assert answer.json()["error_message"] == "This job can't be delete. job status: 9"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ("job_desc is missing", "schedule, tags, visibility")),
        ({"job_desc": None}, ("job_desc is missing",)),
        ({"job_desc": "x" * 257}, ("job_desc", "got 257")),
        ({"job_desc": 5}, ("job_desc", "an integer (5)")),
        (scheduled(duration=25), ("schedule.duration", "25")),
    ],
)
async def test_a_bad_update_is_refused_and_nothing_changes(
    api: Api, fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    job_id = await api.create(job_desc="as it was")
    before = await api.everything()
    answer = await api.client.put(f"/visualization-jobs/{job_id}", json=fields)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.0104")
    assert [word for word in words if word not in answer.json()["message"]] == [], answer.json()["message"]
    assert await api.everything() == before


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (InvalidLogUrl("Invalid obs path: …"), 400, "ModelArts.2791"),
        (LogSourceRefused("No such bucket.", code="ModelArts.4311"), 400, "ModelArts.4311"),
        (LogSourceForbidden("Forbidden."), 403, "ModelArts.4310"),
    ],
)
async def test_a_refused_log_source_creates_nothing(api: Api, refusal: Exception, status: int, code: str) -> None:
    api.world.source_says = refusal
    answer = await api.client.post("/visualization-jobs", json=GOOD)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert await api.everything() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"job_name": "a" * 20, "job_desc": "x" * 256},
        {"job_name": "-"},
        {"job_desc": "two\nlines\tand a tab"},
        {"job_desc": "😀" * 256},
        {"job_desc": None, "job_type": None, "flavor": None, "schedule": None, "tags": None, "workspace_id": None},
        {"schedule": []},
        {"job_type": "TensorBoard", "workspace_id": 0, "flavor": {"code": "large"}},
        {"unknown": {"deep": [1, 2, 3]}},
        scheduled(duration=0),
        scheduled(duration=24),
        scheduled(time_unit=None, timeUnit="HOURS"),
    ],
)
async def test_what_lies_just_within_the_rules_is_accepted(api: Api, fields: dict[str, Any]) -> None:
    answer = await api.client.post("/visualization-jobs", json={**GOOD, **fields})
    assert answer.status_code == 200, answer.text
