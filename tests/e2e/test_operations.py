"""What an operator relies on: logs, health, metrics, ends in order, secrets kept, and many requests at once."""

import concurrent.futures
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import BUCKET, QUICK, store_settings
from tests.support.files import contents_below
from tests.support.logs import RICH, write_log
from tests.support.ports import free_port
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess, running_service, wait_until
from tests.support.visiting import visitor

pytestmark = pytest.mark.e2e
EXP = RICH / "exp_0"
TERMINATION_LIMIT = 10.0  # seconds; promised


@pytest.fixture
def own(tmp_path: Path) -> Iterator[BelvedereProcess]:
    """A service of the test's own."""
    with running_service(tmp_path, log_roots=(RICH,)) as service:
        yield service


def log_lines(service: BelvedereProcess) -> list[dict[str, Any]]:
    lines = service.log_file.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


# Logs, health, metrics


def test_a_change_is_logged_with_its_request_and_job(service: BelvedereProcess) -> None:
    answer = service.ask("POST", "", {"job_name": "logged", "train_url": str(EXP)}, **{"X-Request-Id": "my-request"})
    assert answer.headers["X-Request-Id"] == "my-request"
    (line,) = wait_until(lambda: [line for line in log_lines(service) if line.get("request_id") == "my-request"])
    assert (line["job_id"], line["status"], line["method"]) == (answer.json()["job_id"], 200, "POST")


def test_what_happens_to_a_job_is_logged_with_its_id(service: BelvedereProcess) -> None:
    job = service.run("happens", EXP)
    (line,) = wait_until(
        lambda: [
            each for each in log_lines(service) if each["event"] == "job-event" and each["job_id"] == job["job_id"]
        ]
    )
    assert (line["kind"], line["project_id"]) == ("running", service.project_id)


def test_every_line_of_the_log_is_json(service: BelvedereProcess) -> None:
    (started,) = wait_until(lambda: [line for line in log_lines(service) if line["event"] == "started"])
    assert [line for line in service.log_file.read_text().splitlines() if not line.startswith("{")] == []
    assert (started["api"], started["first_identity"]) == (service.endpoint, str(service.data / "bootstrap.json"))


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_open_and_tells_nothing_else(service: BelvedereProcess, path: str) -> None:
    answer = httpx2.get(service.endpoint + path)
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_metrics_want_a_token(service: BelvedereProcess) -> None:
    assert httpx2.get(f"{service.endpoint}/metrics").status_code == 401


@pytest.mark.parametrize("header", ["X-Auth-Token", "Authorization"])
def test_metrics_tell_jobs_starts_bytes_and_latency(service: BelvedereProcess, header: str) -> None:
    service.run("measured", EXP)
    token = service.token if header == "X-Auth-Token" else f"Bearer {service.token}"
    text = httpx2.get(f"{service.endpoint}/metrics", headers={header: token}).text
    value = dict(re.findall(r"^(\S+) ([0-9.e+]+)$", text, re.MULTILINE))
    assert float(value['belvedere_jobs{status="RUNNING"}']) >= 1
    assert float(value["belvedere_viewer_starts"]) >= 1
    assert any(name.startswith("belvedere_api_request_seconds_bucket") for name in value)


# Ends


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_service_that_is_ended_as_soon_as_it_answers_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with running_service(tmp_path) as service:
        assert service.signal(number) == 0
        service.start()
        assert service.stop() == 0
        wait_until(lambda: not service.processes())


def test_ctrl_c_ends_the_viewers_too(own: BelvedereProcess) -> None:
    own.run("ended", EXP)
    assert own.signal(signal.SIGINT) == 0
    wait_until(lambda: not own.processes())


def test_sigterm_ends_within_its_promise_under_load_and_leaves_the_viewers(own: BelvedereProcess) -> None:
    job = own.run("stays", EXP)
    before = own.viewers()
    state = job["service_url"] + "_belvedere/state"
    seen = own.view(job["service_url"], "_belvedere/state").json()["seen"]
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        polling = [clients.submit(_get, f"{state}?seen={seen}", own.headers) for _ in range(4)]
        asking = [clients.submit(_get, job["service_url"], own.headers) for _ in range(4)]
        wait_until(lambda: all(each.done() for each in asking))
        assert own.process is not None
        own.process.send_signal(signal.SIGTERM)
        assert own.process.wait(TERMINATION_LIMIT) == 0
        assert all(each.result(30) is not None for each in polling)
    assert own.viewers() == before
    own.start()
    assert own.curve(job["service_url"])


def _get(url: str, headers: dict[str, str]) -> int:
    """The status; 0 if the connection was cut."""
    try:
        return httpx2.get(url, headers=headers, timeout=60).status_code
    except httpx2.TransportError:
        return 0


def _second(*flags: object) -> tuple[int, str]:
    command = [sys.executable, "-m", "belvedere.cli.main", "serve", *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_a_second_service_on_the_same_data_is_refused(service: BelvedereProcess) -> None:
    status, words = _second("--data", service.data, "--port", free_port(), "--viewer-port", free_port())
    assert (status, words) == (
        2, f"Error: Another Belvedere already uses {service.data}. Stop it, or name another folder.\n"
    )  # fmt: skip


@pytest.mark.parametrize("flag", ["--port", "--viewer-port"])
def test_a_port_in_use_is_told(service: BelvedereProcess, tmp_path: Path, flag: str) -> None:
    ports = {"--port": free_port(), "--viewer-port": free_port(), flag: service.port}
    status, words = _second("--data", tmp_path, *[word for pair in ports.items() for word in pair])
    assert status == 2
    assert f"127.0.0.1:{service.port}" in words
    assert f"Choose another port with {flag}." in words
    assert "Traceback" not in words


# Secrets


@pytest.fixture(scope="module")
def spoken(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFs
) -> Iterator[tuple[BelvedereProcess, set[str]]]:
    """A service that has seen every kind of secret in use, and those secrets."""
    env = {**QUICK, **store_settings(seaweedfs)}
    with running_service(tmp_path_factory.mktemp("spoken"), env=env) as service:
        job = service.run("secrets", f"obs://{BUCKET}/rich/exp_0/")
        link = service.ask("POST", f"/{job['job_id']}/ticket").json()["url"]
        session = _visit(link).headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        _visit(link)  # used up by now
        service.ask("GET", f"?ticket={link.partition('=')[2]}", **{"X-Request-Id": service.token})
        httpx2.get(service.endpoint, headers={"X-Auth-Token": f"{service.token}x"})
        theirs = _signed_in(service)
        ours = {service.token, service.bootstrap["secret_key"], link.partition("=")[2], session, seaweedfs.secret_key}
        yield service, ours | theirs


def _visit(link: str) -> httpx2.Response:
    with visitor(timeout=30) as browser:
        return browser.get(link)


def _signed_in(service: BelvedereProcess) -> set[str]:
    """A person who has signed in, and mistyped once, and a program's keys: their secrets."""
    password, mistyped = "correct-horse-battery", "correct-hoarse-battery"
    with httpx2.Client(base_url=service.endpoint, headers=service.headers, timeout=30) as admin:
        admin.post("/v1/identity/users", json={"name": "ann", "password": password}).raise_for_status()
        made = admin.post("/v3.0/OS-CREDENTIAL/credentials", json={"credential": {"user_id": "ann"}}).json()
    tokens = set()
    for typed in (password, mistyped):
        user = {"name": "ann", "password": typed, "domain": {"name": "default"}}
        auth = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
        tokens.add(httpx2.post(f"{service.endpoint}/v3/auth/tokens", json=auth).headers.get("X-Subject-Token", ""))
    return {password, mistyped, made["credential"]["secret"], *filter(None, tokens)}


def test_no_secret_is_in_a_log(spoken: tuple[BelvedereProcess, set[str]]) -> None:
    service, secrets = spoken
    below = contents_below(service.data)
    logs = {service.log_file: service.log_file.read_bytes()}
    logs |= {path: data for path, data in below.items() if path.suffix in {".log", ".err"}}
    assert len(logs) >= 3
    assert not [(path, secret) for path, data in logs.items() for secret in secrets if secret.encode() in data]


def test_no_secret_is_in_any_command_line(spoken: tuple[BelvedereProcess, set[str]]) -> None:
    service, secrets = spoken
    assert not [each.command for each in service.processes() if any(secret in each.command for secret in secrets)]


def test_no_secret_is_in_any_environment_but_the_services_own(spoken: tuple[BelvedereProcess, set[str]]) -> None:
    service, secrets = spoken
    assert service.process is not None
    others = [each for each in service.processes() if each.pid != service.process.pid]
    assert len(others) >= 4
    for process in others:
        assert not secrets & set(process.environment.values()), process.command


def test_viewers_know_nothing_of_the_service(spoken: tuple[BelvedereProcess, set[str]]) -> None:
    service, _ = spoken
    viewers = service.viewers()
    known = {name for each in service.processes() if each.pid in viewers for name in each.environment}
    own = {"HOME", "MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS", "PYTHONUNBUFFERED"}
    assert known <= own | {"PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH"}


def test_only_the_bootstrap_file_holds_a_secret(spoken: tuple[BelvedereProcess, set[str]]) -> None:
    """The database keeps digests; the object store's keys are on no disk."""
    service, secrets = spoken
    holders = {
        path.name
        for path, data in contents_below(service.data).items()
        if any(secret.encode() in data for secret in secrets)
    }
    assert holders == {"bootstrap.json"}


def test_the_data_folder_is_closed_to_others(spoken: tuple[BelvedereProcess, set[str]]) -> None:
    service, _ = spoken
    assert service.data.stat().st_mode & 0o077 == 0
    assert (service.data / "bootstrap.json").stat().st_mode & 0o777 == 0o600


API_PATHS = ("", "/1", "/1/events", "/1/logs", "/1/ticket", "/1/stop", "/1/restart", "/99", "/99/stop")


@pytest.mark.parametrize("token", [None, "", "wrong", "wrong" * 1000])
def test_without_a_good_token_every_path_of_the_api_is_401_in_one_shape(
    service: BelvedereProcess, token: str | None
) -> None:
    headers = {} if token is None else {"X-Auth-Token": token}
    jobs = f"{service.endpoint}/v1/{service.project_id}/visualization-jobs"
    shapes = set()
    for path in API_PATHS:
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = httpx2.request(method, jobs + path, headers=headers)
            assert answer.status_code in {401, 405}, (method, path, answer.text)
            shapes.add(tuple(sorted(answer.json())))
    assert len(shapes) == 1


def test_without_a_token_a_job_and_none_look_the_same_at_the_gateway(service: BelvedereProcess) -> None:
    job = service.run("hidden", EXP)
    bodies = set()
    for job_id in (job["job_id"], 10**9):
        base = job["service_url"].replace(f"/{job['job_id']}/", f"/{job_id}/")
        for path in ("", "data/runs", "data/environment", "_belvedere/state", "index.js"):
            answer = httpx2.get(base + path)
            assert answer.status_code == 401
            body = answer.json()
            bodies.add((body["error_code"], body["error_msg"], tuple(sorted(body))))
    assert len(bodies) == 1


@pytest.mark.parametrize("path", ["/", "/font-roboto/any.woff2", "/modelarts2/", "/data/runs", "/v1/", "/metrics"])
def test_without_a_token_the_viewers_origin_gives_nothing(service: BelvedereProcess, path: str) -> None:
    assert httpx2.get(service.viewer_url + path).status_code == 401


def test_another_name_in_the_host_header_is_not_answered_by_the_gateway(service: BelvedereProcess) -> None:
    answer = httpx2.get(service.viewer_url, headers={"Host": "evil.example", **service.headers})
    assert answer.status_code == 421


# Many at once


def _at_once(count: int, act: Callable[[int], httpx2.Response]) -> list[httpx2.Response]:
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


def test_the_same_create_twenty_times_at_once_is_one_job(service: BelvedereProcess) -> None:
    body = {"job_name": "same", "train_url": str(EXP)}
    answers = _at_once(20, lambda _: service.ask("POST", "", body, **{"Idempotency-Key": "twenty"}))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert service.ask("GET", "?search_content=same").json()["job_total_count"] == 1


def test_a_stop_twenty_times_at_once_is_one_stop(service: BelvedereProcess) -> None:
    job_id = service.run("stop-at-once", EXP)["job_id"]
    answers = _at_once(20, lambda _: service.ask("POST", f"/{job_id}/stop"))
    assert [answer.status_code for answer in answers].count(200) == 1
    refused = {answer.json()["error_msg"].partition(".")[0] for answer in answers if answer.status_code != 200}
    assert refused == {"This job can't be stop"}
    service.wait_for_status(job_id, 12)


def test_a_stop_and_a_deletion_at_the_same_moment_end_in_either(service: BelvedereProcess) -> None:
    job_id = service.run("stop-delete", EXP)["job_id"]
    answers = _at_once(2, lambda turn: service.ask(*(("POST", f"/{job_id}/stop"), ("DELETE", f"/{job_id}"))[turn]))
    stopped, deleted = (answer.status_code for answer in answers)
    assert (stopped, deleted) in {(200, 200), (200, 400), (400, 200), (404, 200)}  # a stop may come after all is over
    if deleted != 200:
        service.wait_for_status(job_id, 12)
        service.delete(job_id)
    wait_until(lambda: service.ask("GET", f"/{job_id}").status_code == 404)


def test_thirty_jobs_at_once_run_and_are_gone_again(tmp_path: Path, folder: Path) -> None:
    """Each with logs of its own, as jobs that show the same share a viewer."""
    logs = [write_log(folder / f"many-{number}", 10).parent for number in range(30)]
    with running_service(tmp_path, log_roots=(folder,)) as service:
        bodies = [{"job_name": "many", "train_url": str(each)} for each in logs]
        created = [answer.json() for answer in _at_once(30, lambda turn: service.ask("POST", "", bodies[turn]))]
        assert len({job["job_id"] for job in created}) == 30
        for job in created:
            service.wait_for_status(job["job_id"], 8, limit=120)
        assert len(service.viewers()) == 30
        assert len(service.curve(created[-1]["service_url"])) == 10
        _at_once(30, lambda turn: service.ask("DELETE", f"/{created[turn]['job_id']}"))
        wait_until(lambda: service.ask("GET", "").json()["job_total_count"] == 0)
        wait_until(lambda: not service.viewers())


# Bad input, as it comes over a real connection

BAD_FIELDS: list[tuple[str, object]] = [
    *[("job_name", value) for value in ("", "a" * 21, "a b", 5, "a\0b")],
    *[("train_url", value) for value in ("", "//", "/a//b", "/a/../b", "http://x/y", "obs://", "/etc", "x" * 300)],
    *[("schedule", {"type": "stop", "time_unit": "HOURS", "duration": value}) for value in (-1, 25, 1.5, "1", True)],
    ("schedule", {"type": "start", "time_unit": "HOURS", "duration": 1}),
    ("schedule", {"type": "stop", "time_unit": "DAYS", "duration": 1}),
    ("job_desc", "d" * 257), ("job_type", "mystery"), ("flavor", {"code": "none"}), ("workspace_id", "1"),
]  # fmt: skip
BAD_BODIES = [
    b"", b"{nope", b"[]", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{", b'{"job_name": NaN}', b"\x00" * 100,
    b'{"job_name":"a","train_url":"/\\ud800/"}', b'{"job_name":"' + b"a" * 13_000_000 + b'"}',
]  # fmt: skip


def test_bad_fields_change_nothing_and_are_no_fault_of_ours(service: BelvedereProcess) -> None:
    before = service.ask("GET", "").json()["job_total_count"]
    for field, value in BAD_FIELDS:
        answer = service.ask("POST", "", {"job_name": "bad", "train_url": str(EXP), field: value})
        assert (answer.status_code, answer.json()["is_success"]) == (400, False), (field, value)
        assert answer.json()["error_msg"]
    assert service.ask("GET", "").json()["job_total_count"] == before


def test_bad_bodies_change_nothing_and_are_no_fault_of_ours(service: BelvedereProcess) -> None:
    with service.client() as client:
        for body in BAD_BODIES:
            answer = client.post("/visualization-jobs", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in {400, 413}, body[:40]
            assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_nothing_that_was_sent_is_an_error_in_the_log(service: BelvedereProcess) -> None:
    assert [line for line in log_lines(service) if line["level"] == "error"] == []
