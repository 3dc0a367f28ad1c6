"""Jobs of several sources on a real service: an object store that checks signatures, a folder, a real TensorBoard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import QUICK, store_settings
from tests.support.logs import log_content
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess, running_service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.object_store]
NAME = "events.out.tfevents.1795443490.host"


class Bench:
    """A service that reads a bucket of its own and a folder."""

    def __init__(self, service: BelvedereProcess, store: SeaweedFs, bucket: str, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.bucket = bucket
        self._store = store

    def put(self, run: str, steps: int = 5) -> None:
        self._store.put(self.bucket, f"{run}/{NAME}", log_content(steps))

    def url(self, prefix: str) -> str:
        return f"obs://{self.bucket}/{prefix}"

    def create(self, *sources: dict[str, Any]) -> dict[str, Any]:
        answer = self.service.ask("POST", "", {"job_name": "many", "sources": sources})
        assert answer.status_code == 200, answer.text
        return self.service.wait_for_status(answer.json()["job_id"], 8)

    def put_sources(self, job: dict[str, Any], *sources: dict[str, Any]) -> Any:
        return self.service.ask("PUT", f"/{job['job_id']}/sources", {"sources": sources})

    def runs(self, job: dict[str, Any]) -> set[str]:
        answer = self.service.view(job["service_url"], "data/runs")
        return set(answer.json()) if answer.status_code == 200 else set()

    def wait_for_runs(self, job: dict[str, Any], *expected: str) -> None:
        wait_until(lambda: self.runs(job) == set(expected))


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFs
) -> Iterator[tuple[BelvedereProcess, SeaweedFs, Path]]:
    logs = tmp_path_factory.mktemp("logs")
    env = {**QUICK, **store_settings(seaweedfs)}
    with running_service(tmp_path_factory.mktemp("service"), log_roots=(logs,), env=env) as service:
        yield service, seaweedfs, logs


@pytest.fixture
def bench(served: tuple[BelvedereProcess, SeaweedFs, Path], request: pytest.FixtureRequest) -> Bench:
    service, store, logs = served
    bucket = f"sources-{abs(hash(request.node.name)) % 10**8}"
    store.make_bucket(bucket)
    folder = logs / bucket / "run"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(log_content(5))
    return Bench(service, store, bucket, folder.parent)


def test_two_prefixes_and_a_folder_stand_side_by_side(bench: Bench) -> None:
    bench.put("base/train")
    bench.put("tuned/train")
    job = bench.create(
        {"name": "base", "url": bench.url("base/")},
        {"name": "tuned", "url": bench.url("tuned/")},
        {"name": "local", "url": str(bench.folder)},
    )
    bench.wait_for_runs(job, "base/train", "tuned/train", "local/run")
    assert len(bench.service.curve(job["service_url"], run="tuned/train")) == 5
    found = bench.service.details(job["job_id"])["sources"]
    assert [(each["name"], each["store"], each["progress"]["files_done"]) for each in found] == [
        ("base", "default", 1), ("tuned", "default", 1), ("local", "", 1),
    ]  # fmt: skip


def test_sources_come_and_go_while_the_job_runs(bench: Bench) -> None:
    bench.put("base/train")
    bench.put("late/train")
    job = bench.service.run("plain", bench.url("base/"))
    bench.wait_for_runs(job, "train")
    base, late = {"name": "base", "url": bench.url("base/")}, {"name": "late", "url": bench.url("late/")}
    assert bench.put_sources(job, base, late).status_code == 200
    bench.wait_for_runs(job, "base/train", "late/train")
    assert bench.put_sources(job, late).status_code == 200
    bench.wait_for_runs(job, "late/train")
    after = bench.service.details(job["job_id"])
    assert (after["attempt"], after["status"], after["service_url"]) == (1, 8, job["service_url"])
    events = bench.service.ask("GET", f"/{job['job_id']}/events").json()["events"]
    told = [event["kind"] for event in events]
    assert told == ["created", "running", "sources-changed", "sources-changed"]


def test_a_pattern_picks_up_a_new_experiment_and_latest_keeps_to_the_newest(bench: Bench) -> None:
    bench.put("exp-1/train")
    bench.put("other/train")
    bench.put("exp-2/train")
    pattern = bench.url("exp-*/")
    job = bench.create({"name": "all", "url": pattern}, {"name": "newest", "url": pattern, "latest": 1})
    bench.wait_for_runs(job, "all/exp-1/train", "all/exp-2/train", "newest/exp-2/train")
    bench.put("exp-3/train")
    bench.wait_for_runs(job, "all/exp-1/train", "all/exp-2/train", "all/exp-3/train", "newest/exp-3/train")


def test_a_star_that_a_train_url_meant_goes_on_to_mean_itself_beside_others(bench: Bench) -> None:
    for run in ("exp-*/train", "exp-1/eval", "late/train"):
        bench.put(run)
    job = bench.service.run("literal", bench.url("exp-*/"))
    bench.wait_for_runs(job, "train")
    before = {"name": "before", "url": bench.url("exp-*/")}
    assert bench.put_sources(job, before, {"name": "late", "url": bench.url("late/")}).status_code == 200
    bench.wait_for_runs(job, "before/train", "late/train")
    assert bench.put_sources(job, before).status_code == 200
    bench.wait_for_runs(job, "before/train")


def test_patterns_choose_of_what_is_there(bench: Bench) -> None:
    for run in ("a/train", "a/eval", "b/train", "b/debug/train"):
        bench.put(f"runs/{run}")
    job = bench.create({"name": "x", "url": bench.url("runs/"), "include": ["**/train"], "exclude": ["**/debug"]})
    bench.wait_for_runs(job, "x/a/train", "x/b/train")


def test_a_wrong_bucket_is_refused_by_its_place_in_the_list(bench: Bench) -> None:
    bench.put("base/train")
    job = bench.create({"name": "base", "url": bench.url("base/")})
    bad = {"name": "bad", "url": "obs://no-such-bucket/run/"}
    answer = bench.put_sources(job, {"name": "base", "url": bench.url("base/")}, bad)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.4311")
    assert answer.json()["error_msg"].startswith("sources[1]: ")
    assert [each["name"] for each in bench.service.details(job["job_id"])["sources"]] == ["base"]


def test_a_bucket_that_goes_takes_nothing_from_the_others(bench: Bench, seaweedfs: SeaweedFs) -> None:
    bench.put("base/train")
    gone = f"{bench.bucket}-gone"
    seaweedfs.put(gone, f"train/{NAME}", log_content(5))
    sources = ({"name": "gone", "url": f"obs://{gone}/"}, {"name": "base", "url": bench.url("base/")})
    job = bench.create(*sources)
    bench.service.act(job["job_id"], "stop")
    bench.service.wait_for_status(job["job_id"], 12)
    seaweedfs.remove_bucket(gone)
    bench.service.act(job["job_id"], "restart")
    bench.service.wait_for_status(job["job_id"], 8)
    job = bench.service.wait_for_reason(job["job_id"], "NO_SUCH_BUCKET")
    assert (job["status"], job["reason"]["text"].startswith("gone: ")) == (8, True)
    wait_until(lambda: "base/train" in bench.runs(job))
    assert [each["reason"] is not None for each in job["sources"]] == [True, False]
    assert bench.put_sources(job, sources[1]).status_code == 200
    bench.wait_for_runs(job, "base/train")
    assert bench.service.wait_for_reason(job["job_id"], None)["status"] == 8


def test_a_service_that_is_killed_after_it_answered_shows_what_it_promised(bench: Bench) -> None:
    bench.put("base/train")
    bench.put("late/train")
    job = bench.create({"name": "base", "url": bench.url("base/")})
    bench.wait_for_runs(job, "base/train")
    assert bench.put_sources(job, {"name": "late", "url": bench.url("late/")}).status_code == 200
    bench.service.kill()
    bench.service.start()
    bench.wait_for_runs(job, "late/train")
    assert bench.service.details(job["job_id"])["attempt"] == 1
