"""What every answer has, and who gets one."""

from typing import Any

import httpx2
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from belvedere.contract.errors import EVERY_ERROR, BelvedereError, Unavailable
from tests.support.api import OTHER_PROJECT, PROJECT, Api

ERROR_KEYS = {"is_success", "error_code", "error_message", "error_msg", "message", "request_id"}
GOOD = {"job_name": "run-1", "train_url": "/bucket/run-1/"}


@pytest.mark.parametrize("kind", EVERY_ERROR)
async def test_every_error_has_the_shape_that_all_clients_understand(api: Api, kind: type[BelvedereError]) -> None:
    api.world.source_says = kind("What was wrong, and what to do.")
    answer = await api.client.post("/visualization-jobs", json=GOOD)
    body = answer.json()
    assert answer.status_code == kind.http_status
    assert set(body) == ERROR_KEYS
    assert (body["is_success"], body["error_code"]) == (False, kind.code)
    assert body["error_message"] == body["error_msg"] == body["message"] == "What was wrong, and what to do."
    assert answer.headers["X-Request-Id"] == body["request_id"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "ModelArts.2836"),
        ("GET", f"/v1/{PROJECT}", 404, "ModelArts.2836"),
        ("GET", f"/v1/{PROJECT}/visualization-jobs/1/nothing", 404, "ModelArts.2836"),
        ("PATCH", f"/v1/{PROJECT}/visualization-jobs", 405, "ModelArts.2803"),
        ("GET", f"/v1/{PROJECT}/visualization-jobs/1/stop", 405, "ModelArts.2803"),
    ],
)
async def test_unknown_paths_and_methods_have_it_too(api: Api, method: str, path: str, status: int, code: str) -> None:
    answer = await api.client.request(method, f"http://api.example{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert set(answer.json()) == ERROR_KEYS


async def test_a_wrong_method_is_told_the_right_ones(api: Api) -> None:
    answer = await api.client.patch("/visualization-jobs/1")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "PUT", "DELETE"}


async def test_our_own_fault_is_told_without_details(api: Api) -> None:
    api.world.source_says = RuntimeError("the secret key is s3cr3t")
    answer = await api.client.post("/visualization-jobs", json=GOOD)
    assert (answer.status_code, answer.json()["error_code"]) == (500, "ModelArts.0010")
    assert set(answer.json()) == ERROR_KEYS
    assert "s3cr3t" not in answer.text
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


async def test_our_own_fault_is_logged_under_the_request_id(api: Api) -> None:
    api.world.source_says = RuntimeError("a fault")
    with capture_logs(processors=[merge_contextvars]) as logged:
        answer = await api.client.post("/visualization-jobs", json=GOOD)
    fault = next(entry for entry in logged if entry["event"] == "request-failed")
    assert fault["request_id"] == answer.headers["X-Request-Id"]
    assert fault["project_id"] == PROJECT


async def test_changes_are_logged_with_their_job_and_never_a_token(api: Api) -> None:
    job_id = await api.create()
    with capture_logs(processors=[merge_contextvars]) as logged:
        await api.client.post(f"/visualization-jobs/{job_id}/stop")
        await api.client.get(f"/visualization-jobs/{job_id}")
    assert [(entry["method"], entry["status"], entry["job_id"]) for entry in logged] == [("POST", 200, job_id)]
    assert api.tokens[f"admin@{PROJECT}"] not in str(logged)


async def test_what_may_work_later_says_when(api: Api) -> None:
    api.world.source_says = Unavailable("Not now.", retry_after=2.5)
    answer = await api.client.post("/visualization-jobs", json=GOOD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")


async def test_a_well_formed_request_id_is_kept(api: Api) -> None:
    answer = await api.client.get("/visualization-jobs", headers={"X-Request-Id": "my-trace.1_2"})
    assert answer.headers["X-Request-Id"] == "my-trace.1_2"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, '"><script>'])
async def test_another_request_id_is_replaced(api: Api, sent: str) -> None:
    answer = await api.client.get("/visualization-jobs", headers={"X-Request-Id": sent})
    assert answer.headers["X-Request-Id"] not in {"", sent}


async def test_answers_are_not_cached_or_sniffed(api: Api) -> None:
    answer = await api.client.get("/visualization-jobs")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("token", "code"), [(None, "ModelArts.0201"), ("", "ModelArts.0201"), ("wrong", "ModelArts.0203")]
)
@pytest.mark.parametrize("path", [f"/v1/{PROJECT}/visualization-jobs", "/v1/{project_id}/visualization-jobs/abc"])
async def test_nothing_is_told_without_a_token(api: Api, path: str, token: str | None, code: str) -> None:
    del api.client.headers["X-Auth-Token"]
    headers = {} if token is None else {"X-Auth-Token": token}
    answer = await api.client.get(f"http://api.example{path}", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (401, code)
    assert "WWW-Authenticate" in answer.headers


async def test_a_cookie_is_no_token(api: Api) -> None:
    token = api.client.headers.pop("X-Auth-Token")
    answer = await api.client.get("/visualization-jobs", headers={"Cookie": f"token={token}; X-Auth-Token={token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/visualization-jobs", "/visualization-jobs/abc", "/visualization-jobs?page=0"])
async def test_the_project_of_another_is_refused_before_anything_else(api: Api, path: str) -> None:
    answer = await api.client.get(f"http://api.example/v1/{OTHER_PROJECT}{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ModelArts.0210")
    assert answer.json()["message"] == "The project id in the request URL does not match the token."


async def test_trailing_slashes_are_no_matter(api: Api) -> None:
    job_id = await api.create()
    assert (await api.client.get("/visualization-jobs/")).status_code == 200
    assert (await api.client.get(f"/visualization-jobs/{job_id}/")).status_code == 200


async def test_head_is_get_without_a_body(api: Api) -> None:
    answer = await api.client.head("/visualization-jobs")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_requests_are_observed_by_route(api: Api) -> None:
    job_id = await api.create()
    await api.client.get(f"/visualization-jobs/{job_id}")
    await api.client.get("http://api.example/nowhere")
    jobs = "/v1/{project_id}/visualization-jobs"
    assert api.world.observed == [(jobs, "POST", 200), (f"{jobs}/{{job_id}}", "GET", 200), ("", "GET", 404)]


async def test_the_form_content_type_of_curl_is_accepted(api: Api) -> None:
    headers: dict[str, Any] = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b'{"job_name": "run-1", "train_url": "/bucket/run-1/"}'
    assert (await api.client.post("/visualization-jobs", content=body, headers=headers)).status_code == 200


async def test_two_tokens_are_none(api: Api) -> None:
    headers = [("X-Auth-Token", api.client.headers["X-Auth-Token"]), ("X-Auth-Token", "another")]
    request = api.client.build_request("GET", "/visualization-jobs")
    request.headers = httpx2.Headers(headers)
    answer = await api.client.send(request)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "ModelArts.0203")
