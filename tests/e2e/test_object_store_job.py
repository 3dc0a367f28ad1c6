"""Jobs whose logs lie in an object store: a real SeaweedFS that checks signatures."""

import asyncio
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import BUCKET, QUICK, store_settings
from tests.support.certificates import write_certificate
from tests.support.fault_proxy import PASS, Fault, FaultProxy
from tests.support.logs import beginning_of, log_content
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.object_store]
NAME = "events.out.tfevents.1795443490.host"


@contextmanager
def service_with(folder: Path, store: SeaweedFs, **changed: str) -> Iterator[BelvedereProcess]:
    with running_service(folder, env={**QUICK, **store_settings(store, **changed)}) as service:
        yield service


@pytest.mark.parametrize(
    "spelling", ["obs://{0}/rich/exp_0/", "s3://{0}/rich/exp_0", "/{0}/rich/exp_0/", "{0}/rich/exp_0"]
)
def test_every_spelling_of_a_url_opens_real_scalars(store_service: BelvedereProcess, spelling: str) -> None:
    job = store_service.run("spelled", spelling.format(BUCKET))
    points = store_service.curve(job["service_url"])
    assert points


def test_all_kinds_of_data_come_through(store_service: BelvedereProcess) -> None:
    job = store_service.run("kinds", f"obs://{BUCKET}/rich/exp_0/")
    for plugin in ("scalars", "images", "histograms", "text", "distributions"):
        assert store_service.view(job["service_url"], f"data/plugin/{plugin}/tags").json(), plugin


def test_the_board_names_the_logs_and_no_folder_of_the_machine(store_service: BelvedereProcess) -> None:
    job = store_service.run("named", f"obs://{BUCKET}/rich/exp_0/")
    environment = store_service.view(job["service_url"], "data/environment")
    assert environment.json()["data_location"] == f"obs://{BUCKET}/rich/exp_0/"
    assert str(store_service.data) not in environment.text


def test_progress_tells_files_and_bytes(store_service: BelvedereProcess) -> None:
    job = store_service.run("progress", f"obs://{BUCKET}/rich/exp_0/")
    source = job["source"]
    assert source["files_done"] == source["files_total"] > 0
    assert source["bytes_done"] == source["bytes_total"] > 0


def test_the_last_change_and_the_next_look_are_told_while_somebody_watches(store_service: BelvedereProcess) -> None:
    job = store_service.run("watched", f"obs://{BUCKET}/rich/exp_0/")

    def told() -> bool:
        store_service.view(job["service_url"], "data/runs")
        source = store_service.details(job["job_id"])["source"]
        return bool(source["next_look_at"] and source["changed_at"] <= source["checked_at"] < source["next_look_at"])

    wait_until(told)


async def test_runs_near_the_top_of_a_long_prefix_are_shown_before_all_of_it_is_listed(
    tmp_path: Path, seaweedfs: SeaweedFs
) -> None:
    log = log_content(10)
    logs = {f"runs/{run}/{NAME}": log for run in ("near", "old/a/b/c/deep")}
    content = {f"runs/checkpoints/{part}.ckpt": b"weights" for part in range(1000)} | logs
    seaweedfs.make_bucket("crowd")  # of its own: others look at what lies near theirs
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: seaweedfs.put("crowd", key, content[key]), content))
    async with FaultProxy(seaweedfs.settings()) as proxy:
        proxy.refused = "continuation-token"  # the listing gets no further than its first page
        with service_with(tmp_path, seaweedfs, endpoint=proxy.settings().endpoint) as service:
            job = await asyncio.to_thread(service.run, "crowded", "obs://crowd/runs/")
            assert len(await asyncio.to_thread(service.curve, job["service_url"], run="near")) == 10
            assert job["source"]["files_done"] == 1
            proxy.refused = ""
            deep = partial(service.curve, job["service_url"], run="old/a/b/c/deep")
            await asyncio.to_thread(wait_until, lambda: len(deep()) == 10)


def test_requests_and_bytes_are_told_by_job_and_by_store(store_service: BelvedereProcess) -> None:
    source = store_service.run("counted", f"obs://{BUCKET}/rich/exp_1/")["source"]
    told = mirror_counters(store_service)
    assert told["requests"] >= source["requests"] > 0
    assert told["bytes"] >= source["bytes_fetched"] > 0


def mirror_counters(service: BelvedereProcess) -> dict[str, float]:
    """What its metrics count of the default store."""
    text = httpx2.get(f"{service.endpoint}/metrics", headers=service.headers).text
    told = re.findall(r'^belvedere_mirror_(\w+){store="default"} (\S+)$', text, re.MULTILINE)
    return {"requests": 0.0, "bytes": 0.0} | {name: float(value) for name, value in told}


def test_a_bucket_that_is_not_there_is_refused(store_service: BelvedereProcess) -> None:
    answer = store_service.ask("POST", "", {"job_name": "none", "train_url": "obs://no-such-bucket/run/"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.4311")
    assert "no-such-bucket" in answer.json()["error_msg"]


def test_a_refused_create_leaves_no_job(store_service: BelvedereProcess) -> None:
    before = store_service.ask("GET", "").json()["job_total_count"]
    store_service.ask("POST", "", {"job_name": "none", "train_url": "obs://no-such-bucket/run/"})
    assert store_service.ask("GET", "").json()["job_total_count"] == before


@pytest.mark.parametrize(("wrong", "word"), [("access_key", "access key"), ("secret_key", "secret key")])
def test_wrong_keys_are_refused_and_named(tmp_path: Path, seaweedfs: SeaweedFs, wrong: str, word: str) -> None:
    with service_with(tmp_path, seaweedfs, **{wrong: "wrong-key-of-ours"}) as service:
        answer = service.ask("POST", "", {"job_name": "keys", "train_url": f"obs://{BUCKET}/rich/"})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "ModelArts.4310")
    assert word in answer.json()["error_msg"]
    assert "wrong-key-of-ours" not in answer.text


async def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path: Path, seaweedfs: SeaweedFs) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(tmp_path, "localhost"))
    async with FaultProxy(seaweedfs.settings(), context) as proxy:
        endpoint = proxy.settings().endpoint.replace("127.0.0.1", "localhost")
        with service_with(tmp_path, seaweedfs, endpoint=endpoint) as service:
            job = await asyncio.to_thread(service.create, "unvouched", f"obs://{BUCKET}/rich/exp_0/")
            assert job["reason"]["code"] == "BAD_CERTIFICATE"
            await asyncio.to_thread(service.wait_for_reason, job["job_id"], "BAD_CERTIFICATE")


def test_a_prefix_that_is_not_there_yet_is_told_at_create_and_while_running(store_service: BelvedereProcess) -> None:
    created = store_service.create("empty", f"obs://{BUCKET}/nothing-here/")
    assert created["reason"]["code"] == "NO_SUCH_PATH"
    running = store_service.wait_for_status(created["job_id"], 8)
    assert running["reason"]["code"] == "NO_SUCH_PATH"


def test_a_star_in_a_train_url_is_told_to_stand_for_itself(store_service: BelvedereProcess) -> None:
    created = store_service.create("starred", f"obs://{BUCKET}/exp-*/")
    assert created["reason"]["text"].endswith("in the url of one of several sources it stands for any text.")


def test_checkpoints_alone_are_counted_in_the_reason(store_service: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    for number in range(214):
        seaweedfs.put(BUCKET, f"checkpoints/step-{number}.ckpt", b"weights")
    job = store_service.run("checkpoints", f"obs://{BUCKET}/checkpoints/")
    assert job["reason"]["code"] == "NOTHING_TO_SHOW"
    assert "214 checkpoint files" in job["reason"]["text"]


def test_files_that_come_later_are_shown(store_service: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    job = store_service.run("later", f"obs://{BUCKET}/later/")
    seaweedfs.put(BUCKET, f"later/{NAME}", log_content(30))
    wait_until(lambda: len(store_service.curve(job["service_url"])) == 30)
    store_service.wait_for_reason(job["job_id"], None)


def test_events_that_are_appended_appear(store_service: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    log = log_content(25)
    seaweedfs.put(BUCKET, f"growing/{NAME}", beginning_of(log, 10))
    job = store_service.run("growing", f"obs://{BUCKET}/growing/")
    assert len(store_service.curve(job["service_url"])) == 10
    seaweedfs.put(BUCKET, f"growing/{NAME}", log)
    wait_until(lambda: len(store_service.curve(job["service_url"])) == 25)


def test_a_log_that_is_rewritten_is_shown_anew(store_service: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    seaweedfs.put(BUCKET, f"rewritten/{NAME}", log_content(40, tag="first"))
    job = store_service.run("rewritten", f"obs://{BUCKET}/rewritten/")
    seaweedfs.put(BUCKET, f"rewritten/{NAME}", log_content(20, tag="second"))
    wait_until(lambda: len(store_service.curve(job["service_url"], tag="second")) == 20)
    assert store_service.curve(job["service_url"], tag="first") == []


def test_a_run_that_is_deleted_upstream_is_shown_no_longer(
    store_service: BelvedereProcess, seaweedfs: SeaweedFs
) -> None:
    for run in ("kept", "deleted"):
        seaweedfs.put(BUCKET, f"deleting/{run}/{NAME}", log_content(5))
    job = store_service.run("deleting", f"obs://{BUCKET}/deleting/")
    wait_until(lambda: shown_runs(store_service, job) == {"deleted", "kept"})
    seaweedfs.delete(BUCKET, f"deleting/deleted/{NAME}")
    wait_until(lambda: shown_runs(store_service, job) == {"kept"})


def shown_runs(service: BelvedereProcess, job: Mapping[str, Any]) -> set[str]:
    answer = service.view(job["service_url"], "data/runs")
    return set(answer.json()) if answer.status_code == 200 else set()


def test_an_append_keeps_the_process_that_reads_the_logs_and_a_rewrite_exchanges_it(
    tmp_path: Path, seaweedfs: SeaweedFs
) -> None:
    log, key = log_content(25), f"readers/{NAME}"
    seaweedfs.put(BUCKET, key, beginning_of(log, 10))
    with service_with(tmp_path, seaweedfs) as service:
        job = service.run("readers", f"obs://{BUCKET}/readers/")
        wait_until(lambda: len(service.curve(job["service_url"])) == 10)
        first = data_servers(service)
        seaweedfs.put(BUCKET, key, log)
        wait_until(lambda: len(service.curve(job["service_url"])) == 25)
        assert data_servers(service) == first
        seaweedfs.put(BUCKET, key, log_content(5, tag="other"))
        wait_until(lambda: len(service.curve(job["service_url"], tag="other")) == 5)
        wait_until(lambda: not data_servers(service) & first)


def data_servers(service: BelvedereProcess) -> set[int]:
    return {process.pid for process in service.processes() if process.is_data_server}


def test_a_job_that_is_restarted_fetches_nothing_of_its_logs_again(
    store_service: BelvedereProcess, seaweedfs: SeaweedFs
) -> None:
    log, before = log_content(5000), mirror_counters(store_service)
    seaweedfs.put(BUCKET, f"fetched/{NAME}", log)
    job = store_service.run("fetched", f"obs://{BUCKET}/fetched/")
    wait_until(lambda: mirror_counters(store_service)["bytes"] >= before["bytes"] + len(log))
    store_service.act(job["job_id"], "stop")
    store_service.wait_for_status(job["job_id"], 12)
    stopped = mirror_counters(store_service)
    store_service.act(job["job_id"], "restart")
    store_service.wait_for_status(job["job_id"], 8)
    wait_until(lambda: store_service.curve(job["service_url"]))
    wait_until(lambda: mirror_counters(store_service)["requests"] > stopped["requests"])  # it has looked
    assert mirror_counters(store_service)["bytes"] < stopped["bytes"] + len(log)


def test_another_prefix_of_the_same_beginning_is_not_shown(
    store_service: BelvedereProcess, seaweedfs: SeaweedFs
) -> None:
    seaweedfs.put(BUCKET, f"run-1/{NAME}", log_content(5))
    seaweedfs.put(BUCKET, f"run-10/{NAME}", log_content(5, tag="foreign"))
    job = store_service.run("prefix", f"obs://{BUCKET}/run-1")
    assert json.loads(store_service.view(job["service_url"], "data/runs").text) == ["."]


def test_the_log_source_stays_as_it_was(store_service: BelvedereProcess, seaweedfs: SeaweedFs) -> None:
    before = seaweedfs.versions(BUCKET, "rich/")
    job = store_service.run("untouched", f"obs://{BUCKET}/rich/")
    store_service.delete(job["job_id"])
    assert seaweedfs.versions(BUCKET, "rich/") == before


def test_a_store_that_is_away_is_told_and_the_job_starts_once_it_is_back(tmp_path: Path) -> None:
    with SeaweedFs() as store, service_with(tmp_path, store) as service:
        store.put("late", f"run/{NAME}", log_content(12))
        store.halt()
        created = service.create("away", "obs://late/run/")
        assert created["reason"]["code"] == "SOURCE_UNREACHABLE"
        service.wait_for_reason(created["job_id"], "SOURCE_UNREACHABLE")
        store.start()
        service.wait_for_status(created["job_id"], 8, limit=120)
        wait_until(lambda: len(service.curve(created["service_url"])) == 12)  # it lists before it can read
        service.wait_for_reason(created["job_id"], None)


def test_a_store_that_goes_away_under_a_running_job_is_told_and_the_viewer_stays(tmp_path: Path) -> None:
    with SeaweedFs() as store, service_with(tmp_path, store) as service:
        store.put("late", f"run/{NAME}", log_content(12))
        job = service.run("leaving", "obs://late/run/")
        store.halt()
        told = service.wait_for_reason(job["job_id"], "SOURCE_UNREACHABLE")
        assert told["status"] == 8
        assert len(service.curve(job["service_url"])) == 12


@pytest.mark.parametrize(
    ("fault", "words"),
    [(Fault(status=503), "503"), (Fault(status=429, retry_after=1), "429"), (Fault(reset_after=0), "")],
    ids=["503", "429", "reset"],
)
async def test_a_store_that_fails_for_a_while_is_told_and_never_ends_a_job(
    tmp_path: Path, seaweedfs: SeaweedFs, fault: Fault, words: str
) -> None:
    async with FaultProxy(seaweedfs.settings()) as proxy:
        with service_with(tmp_path, seaweedfs, endpoint=proxy.settings().endpoint) as service:
            job = await asyncio.to_thread(service.run, "faulty", f"obs://{BUCKET}/rich/exp_0/")
            proxy.always = fault
            told = await asyncio.to_thread(
                service.wait_for, job["job_id"], lambda details: details["source"]["failures"] > 1, 60
            )
            assert (told["status"], told["source"]["state"]) == (8, "waiting")
            assert words in told["reason"]["text"]
            events = (await asyncio.to_thread(service.ask, "GET", f"/{job['job_id']}/events")).json()["events"]
            assert told["reason"]["code"] in [event["reason"] for event in events]
            proxy.always = PASS
            await asyncio.to_thread(service.wait_for_reason, job["job_id"], None)


# As S3, and MinIO for the second, answer whoever asks them with another region's name. No store here does.
OTHER_REGION = [
    Fault(
        status=301,
        body="<Error><Code>PermanentRedirect</Code><Endpoint>rich.s3.eu-west-1.example.org</Endpoint></Error>",
    ),
    Fault(
        status=400,
        body="<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
    ),
]


@pytest.mark.parametrize("fault", OTHER_REGION, ids=["redirect", "malformed"])
async def test_a_bucket_of_another_region_is_told_as_such_and_nobody_follows_it(
    tmp_path: Path, seaweedfs: SeaweedFs, fault: Fault
) -> None:
    async with FaultProxy(seaweedfs.settings()) as proxy:
        with service_with(tmp_path, seaweedfs, endpoint=proxy.settings().endpoint) as service:
            job = await asyncio.to_thread(service.run, "moved", f"obs://{BUCKET}/rich/exp_0/")
            proxy.always = fault
            told = await asyncio.to_thread(service.wait_for_reason, job["job_id"], "WRONG_ENDPOINT")
            assert (told["status"], "eu-west-1" in told["reason"]["text"]) == (8, True)
            refused = await asyncio.to_thread(
                service.ask, "POST", "", {"job_name": "no", "train_url": f"obs://{BUCKET}/rich/"}
            )
            assert (refused.status_code, "eu-west-1" in refused.json()["error_msg"]) == (400, True)
            asked = await asyncio.to_thread(service.ask, "POST", "/../log-stores/default/test", {"bucket": BUCKET})
            assert "eu-west-1" in asked.text


def test_a_damaged_file_is_told_by_the_job_and_its_events(
    store_service: BelvedereProcess, seaweedfs: SeaweedFs
) -> None:
    whole = log_content(20)
    seaweedfs.put(BUCKET, f"damaged/{NAME}", whole + bytes(100))
    job = store_service.run("damaged", f"obs://{BUCKET}/damaged/")
    told = store_service.wait_for_reason(job["job_id"], "VIEWER_NOTE")
    assert f"{NAME} is damaged from byte {len(whole):,} on" in told["reason"]["text"]
    assert len(store_service.curve(job["service_url"])) == 20
    events = store_service.ask("GET", f"/{job['job_id']}/events").json()["events"]
    assert told["reason"]["text"] in [event["text"] for event in events]


def test_without_a_store_an_obs_url_names_the_settings(service: BelvedereProcess) -> None:
    answer = service.ask("POST", "", {"job_name": "unset", "train_url": "obs://bucket/run/"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.2791")
    assert "BELVEDERE_STORE_ENDPOINT" in answer.json()["error_msg"]
