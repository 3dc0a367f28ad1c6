"""What the client sends, and what it makes of answers, through httpx2's own transport seam."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx2
import msgspec
import pytest

from belvedere.client import (
    ApiError,
    BadRequest,
    Client,
    ClientError,
    Goal,
    InvalidConnection,
    ListQuery,
    NotAuthorized,
    NotFound,
    Outcome,
    Refused,
    ServiceUnavailable,
    UnexpectedAnswer,
    Unreachable,
    Untrusted,
)
from belvedere.contract.jobs import CreateJob, FlavorRef, JobCreated, JobDetails, JobList, UpdateJob
from belvedere.contract.statuses import JobStatus

TOKEN = "a-very-secret-token"
PROJECT = "0123456789abcdef0123456789abcdef"


class Wire:
    """Answers requests in turn, the last answer for ever; keeps what was sent and how long was slept."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def client(self) -> Client:
        transport = httpx2.MockTransport(self)
        return Client("http://127.0.0.1:9/", PROJECT, TOKEN, transport=transport, sleep=self.slept.append)


def ok(value: object, **headers: str) -> httpx2.Response:
    return httpx2.Response(200, content=msgspec.json.encode(value), headers=headers)


def error(status: int, code: str, message: str, **headers: str) -> httpx2.Response:
    body = {"is_success": False, "error_code": code, "error_message": message, "request_id": "r-1"}
    return httpx2.Response(status, content=msgspec.json.encode(body), headers=headers)


def details(job_id: int = 7, status: JobStatus = JobStatus.RUNNING) -> JobDetails:
    return JobDetails(
        job_id=job_id, job_name="run-1", job_desc="", job_type="tensorboard", status=status, create_time=0, duration=0,
        remaining_duration=None, service_url="http://v/", train_url="/b/p/", resource_id="r", schedule=[],
        flavor=FlavorRef("default"), status_name=status.name,
    )  # fmt: skip


CREATED = JobCreated(job_id=7, job_name="run-1", status=1, create_time=0, service_url="http://v/")
NEW = CreateJob(job_name="run-1", train_url="/b/p/")
REFUSED = httpx2.ConnectError("Connection refused")


def test_create_sends_only_what_was_given() -> None:
    wire = Wire(ok(CREATED))
    assert wire.client().create(NEW) == CREATED
    assert msgspec.json.decode(wire.requests[0].content) == {"job_name": "run-1", "train_url": "/b/p/"}


def test_create_goes_to_the_projects_jobs_with_the_token() -> None:
    wire = Wire(ok(CREATED))
    wire.client().create(NEW)
    assert wire.requests[0].url.path == f"/v1/{PROJECT}/visualization-jobs"
    assert wire.requests[0].headers["X-Auth-Token"] == TOKEN


def test_a_retried_create_carries_the_same_idempotency_key() -> None:
    wire = Wire(REFUSED, httpx2.ReadTimeout("late"), ok(CREATED))
    wire.client().create(NEW)
    keys = {request.headers["Idempotency-Key"] for request in wire.requests}
    assert (len(wire.requests), len(keys)) == (3, 1)


def test_two_creates_carry_two_idempotency_keys() -> None:
    wire = Wire(ok(CREATED))
    client = wire.client()
    client.create(NEW)
    client.create(NEW)
    assert wire.requests[0].headers["Idempotency-Key"] != wire.requests[1].headers["Idempotency-Key"]


def test_a_read_is_retried_with_growing_pauses_and_then_given_up() -> None:
    wire = Wire(REFUSED)
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 can't be reached"):
        wire.client().get(7)
    assert wire.slept == sorted(wire.slept)
    assert len(wire.requests) == len(wire.slept) + 1 == 5


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.stop(7),
        lambda client: client.restart(7),
        lambda client: client.delete(7),
        lambda client: client.update(7, UpdateJob(job_desc="x")),
        lambda client: client.ticket(7),
    ],
)
def test_what_changes_a_job_is_sent_once(call: Callable[[Client], object]) -> None:
    wire = Wire(REFUSED)
    with pytest.raises(Unreachable):
        call(wire.client())
    assert len(wire.requests) == 1


def test_a_busy_services_wish_to_wait_is_granted() -> None:
    wire = Wire(error(503, "ModelArts.6101", "busy", **{"Retry-After": "3"}), ok(details()))
    assert wire.client().get(7) == details()
    assert wire.slept == [3.0]


def test_too_long_a_wish_to_wait_is_told_instead() -> None:
    wire = Wire(error(503, "ModelArts.6101", "busy", **{"Retry-After": "3600"}))
    with pytest.raises(ServiceUnavailable):
        wire.client().get(7)
    assert wire.slept == []


def test_a_certificate_of_nobody_is_told_at_once() -> None:
    wire = Wire(
        httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed (_ssl.c:1)")
    )
    with pytest.raises(Untrusted, match=r"can't be trusted: certificate verify failed: self-signed"):
        wire.client().get(7)
    assert wire.slept == []


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ModelArts.0104", BadRequest),
        (400, "ModelArts.0105", Refused),
        (401, "ModelArts.0203", NotAuthorized),
        (403, "ModelArts.0210", NotAuthorized),
        (404, "ModelArts.0015", NotFound),
        (409, "ModelArts.2878", Refused),
        (412, "ModelArts.2878", Refused),
        (413, "APIG.0201", BadRequest),
        (429, "ModelArts.6101", ServiceUnavailable),
        (500, "ModelArts.0010", ApiError),
        (503, "ModelArts.6101", ServiceUnavailable),
    ],
)
def test_each_error_has_its_kind(status: int, code: str, kind: type[ApiError]) -> None:
    with pytest.raises(ApiError) as caught:
        Wire(error(status, code, "why")).client().stop(7)
    found = caught.value
    assert (type(found), found.status, found.code, found.message, found.request_id) == (
        kind,
        status,
        code,
        "why",
        "r-1",
    )


def test_an_error_without_a_known_body_keeps_its_status_and_header() -> None:
    answer = httpx2.Response(500, text="<html>oops", headers={"X-Request-Id": "from-header"})
    with pytest.raises(ApiError) as caught:
        Wire(answer).client().stop(7)
    assert (caught.value.status, caught.value.request_id) == (500, "from-header")


@pytest.mark.parametrize("answer", [httpx2.Response(200, text="<html>hi"), httpx2.Response(302), ok([1])])
def test_another_kind_of_server_is_recognised(answer: httpx2.Response) -> None:
    with pytest.raises(UnexpectedAnswer):
        Wire(answer).client().get(7)


def test_a_list_follows_the_markers() -> None:
    first = JobList(job_total_count=2, job_count_limit=8, quotas=10, jobs=[details(1)], next_marker="m")
    wire = Wire(ok(first), ok(msgspec.structs.replace(first, jobs=[details(2)], next_marker=None)))
    assert [job.job_id for job in wire.client().list()] == [1, 2]
    assert wire.requests[1].url.params["marker"] == "m"


def test_a_list_query_is_spelt_as_the_contract_does() -> None:
    wire = Wire(ok(JobList(job_total_count=0, job_count_limit=1, quotas=1, jobs=[])))
    query = ListQuery(
        statuses=(JobStatus.RUNNING, JobStatus.WAITING), search="run", tags=("a", "b"), owner="me",
        job_type="tensorboard", created_from=datetime(2026, 1, 1, tzinfo=UTC), sort="create_time", descending=True,
        page_size=5,
    )  # fmt: skip
    wire.client().page(query)
    assert list(wire.requests[0].url.params.multi_items()) == [
        ("status", "8,7"), ("search_content", "run"), ("tag", "a"), ("tag", "b"), ("owner", "me"),
        ("job_type", "tensorboard"), ("created_from", "1767225600000"), ("sort_by", "create_time"),
        ("order", "desc"), ("per_page", "5"),
    ]  # fmt: skip


def test_an_update_says_what_it_was_based_on() -> None:
    wire = Wire(ok(details(), ETag='"3"'), ok({"is_success": True}))
    client = wire.client()
    client.update(7, UpdateJob(tags=["x"]), if_match=client.get_versioned(7).etag)
    assert wire.requests[1].headers["If-Match"] == '"3"'
    assert wire.requests[1].content == b'{"tags":["x"]}'


def test_waiting_ends_when_the_job_runs() -> None:
    wire = Wire(ok(details(status=JobStatus.INIT)), ok(details(status=JobStatus.WAITING)), ok(details()))
    looks: list[int] = []
    waited = wire.client().wait(7, on_progress=lambda job: looks.append(job.status))
    assert (waited.outcome, looks) == (Outcome.REACHED, [1, 7, 8])


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.KILLED, JobStatus.MOUNT_FAILED, JobStatus.LOST])
def test_waiting_for_a_job_that_ends_first_says_so(status: JobStatus) -> None:
    assert Wire(ok(details(status=status))).client().wait(7).outcome is Outcome.MISSED


def test_waiting_for_the_end_is_satisfied_by_a_failure() -> None:
    waited = Wire(ok(details(status=JobStatus.FAILED))).client().wait(7, until=Goal.ENDED)
    assert waited.outcome is Outcome.REACHED


def test_waiting_ends_with_its_time() -> None:
    waited = Wire(ok(details(status=JobStatus.INIT))).client().wait(7, timeout=0)
    assert (waited.outcome, waited.job.status) == (Outcome.TIMED_OUT, JobStatus.INIT)


@pytest.mark.parametrize("endpoint", ["", "localhost:8080", "ftp://x", "http://", "http://[::"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidConnection):
        Client(endpoint, PROJECT, TOKEN)


@pytest.mark.parametrize("token", ["", f"{TOKEN}\n", f"{TOKEN}é", f"{TOKEN} "])
def test_a_token_that_is_none_is_refused_without_quoting_it(token: str) -> None:
    with pytest.raises(InvalidConnection) as caught:
        Client("http://127.0.0.1:9", PROJECT, token)
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_neither_reprs_nor_errors_show_the_token() -> None:
    client = Wire(REFUSED).client()
    with pytest.raises(ClientError) as caught:
        client.stop(7)
    assert TOKEN not in f"{client!r} {caught.value!r} {caught.value.__cause__!r}"


def test_a_project_id_cannot_lead_elsewhere() -> None:
    wire = Wire(ok(details()))
    Client("http://127.0.0.1:9", "a/../b", TOKEN, transport=httpx2.MockTransport(wire)).get(7)
    assert wire.requests[0].url.raw_path == b"/v1/a%2F..%2Fb/visualization-jobs/7"
