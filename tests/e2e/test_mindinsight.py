"""MindInsight jobs: the real MindInsight on what a real MindSpore wrote, from an object store, through the gateway."""

import contextlib
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import BUCKET
from tests.support.installed import MINDSPORE_TRAINING, MINDSPORE_VALUES
from tests.support.service import BelvedereProcess, wait_until
from tests.support.viewers import is_at_work

pytestmark = [pytest.mark.e2e, pytest.mark.object_store]
DATASET = "v1/mindinsight/datasets/dataset_graph"
LINEAGE = ("v1/mindinsight/lineagemgr/lineages", "v1/mindinsight/optimizer/targets/search")
CACHE = "v1/mindinsight/datavisual/train-job-caches"
JOBS = "v1/mindinsight/datavisual/train-jobs"
VALUES = f"obs://{BUCKET}/{MINDSPORE_VALUES.name}/"
SUMMARY = "events.out.events.summary.1795444508.0.vm_MS"
CONTENT = (MINDSPORE_VALUES / "train_0" / SUMMARY).read_bytes()


def runs(service: BelvedereProcess, job: dict[str, Any]) -> dict[str, Any]:
    found = service.view(job["service_url"], JOBS, offset="0", limit="999").json()["train_jobs"]
    return {run["train_id"]: run for run in found}


def steps(
    service: BelvedereProcess, job: dict[str, Any], run: str = "./train_0", tag: str = "loss/scalar"
) -> list[int]:
    answer = service.view(job["service_url"], "v1/mindinsight/datavisual/scalars", train_id=run, tag=tag)
    return [each["step"] for each in answer.json()["scalars"][0]["values"]] if answer.status_code == 200 else []


def third_record(content: bytes) -> tuple[int, int]:
    """Where its payload begins and ends."""
    start = 0
    for _ in range(2):
        start += int.from_bytes(content[start : start + 8], "little") + 16
    return start + 12, start + 12 + int.from_bytes(content[start : start + 8], "little")


def viewers(service: BelvedereProcess) -> set[int]:
    return {pid for pid in of_mindinsight(service) if is_at_work(pid)}


def warm_parent(service: BelvedereProcess, *, other_than: int = 0) -> int:
    """As the host's log names it: its forks look like it."""
    said = (service.data / "host" / "host.log").read_text()
    found = re.findall(r"warm parent of \S*mindinsight\S* is ready, pid (\d+)", said)
    return int(found[-1]) if found and int(found[-1]) != other_than else 0


def of_mindinsight(service: BelvedereProcess) -> set[int]:
    """Its processes: warm parents, spares and viewers look alike."""
    return {each.pid for each in service.processes() if "mindinsight.program" in each.command}


@pytest.fixture
def place(folder: Path, request: pytest.FixtureRequest) -> Callable[[str, bytes], Path]:
    """Writes files into a log folder of the test's own; gives the folder."""
    own = folder / str(request.node.name)

    def write(key: str, content: bytes) -> Path:
        (own / key).parent.mkdir(parents=True, exist_ok=True)
        (own / key).write_bytes(content)
        return own

    return write


def test_the_job_type_may_be_written_in_any_case(mindinsight_service: BelvedereProcess) -> None:
    job = mindinsight_service.run("case", VALUES, job_type="MindInsight")
    assert f"/modelarts2/mindinsight/{mindinsight_service.project_id}/{job['job_id']}/" in job["service_url"]


def test_every_kind_of_data_comes_through(mindinsight_service: BelvedereProcess) -> None:
    job = mindinsight_service.run("kinds", VALUES, job_type="mindinsight")
    plugins = runs(mindinsight_service, job)["./train_0"]["plugins"]
    assert all(plugins[kind] for kind in ("scalar", "image", "histogram", "tensor"))
    assert len(steps(mindinsight_service, job)) == 100


def test_graph_and_lineage_of_trainings_come_through(mindinsight_service: BelvedereProcess) -> None:
    job = mindinsight_service.run("training", f"obs://{BUCKET}/{MINDSPORE_TRAINING.name}/", job_type="mindinsight")
    assert all(run["plugins"]["graph"] for run in runs(mindinsight_service, job).values())
    assert "dataset_graph" in mindinsight_service.view(job["service_url"], DATASET, train_id="./run_lr0.1").json()
    chosen = {"lineage_type": {"in": ["model"]}}  # as its pages ask
    with mindinsight_service.client() as client:
        found, compared = (client.post(f"{job['service_url']}{path}", json=chosen).json() for path in LINEAGE)
    assert {each["summary_dir"] for each in found["object"]} == {"./run_lr0.1", "./run_lr0.01"}
    assert [target["name"] for target in compared["targets"]] == ["[M]acc", "loss"]


def test_runs_of_any_depth_are_found(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]
) -> None:
    place(f"2026/may/a/{SUMMARY}", CONTENT)
    job = mindinsight_service.run("deep", place(f"b/{SUMMARY}", CONTENT), job_type="mindinsight")
    assert set(runs(mindinsight_service, job)) == {"./2026--may--a", "./b"}
    assert len(steps(mindinsight_service, job, "./2026--may--a")) == 100


def test_of_more_runs_than_it_keeps_the_oldest_is_loaded_when_it_is_opened(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]
) -> None:
    for number in range(17):
        own = place(f"run-{number}/{SUMMARY}", CONTENT[:20_000])
        os.utime(own / f"run-{number}" / SUMMARY, (number, number))
    job = mindinsight_service.run("many", own, job_type="mindinsight")
    found = runs(mindinsight_service, job)
    assert (len(found), found["./run-0"]["cache_status"]) == (17, "NOT_IN_CACHE")
    reason = mindinsight_service.wait_for_reason(job["job_id"], "VIEWER_NOTE")["reason"]
    assert reason["text"].startswith("MindInsight keeps the 15 newest of the 17 runs loaded")
    with mindinsight_service.client() as client:  # as its page does when such a run is opened
        client.post(f"{job['service_url']}{CACHE}", json={"train_ids": ["./run-0"]})
    wait_until(lambda: steps(mindinsight_service, job, "./run-0"))


def test_a_file_that_its_writer_keeps_to_itself_is_shown(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]
) -> None:
    own = place(f"run/{SUMMARY}", CONTENT)
    (own / "run" / SUMMARY).chmod(0o400)
    job = mindinsight_service.run("mode-0400", own, job_type="mindinsight")
    assert len(steps(mindinsight_service, job, "./run")) == 100


def test_what_is_appended_appears(mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]) -> None:
    own = place(f"run/{SUMMARY}", CONTENT[:70_000])
    job = mindinsight_service.run("growing", own, job_type="mindinsight")
    assert 0 < len(steps(mindinsight_service, job, "./run")) < 100
    with (own / "run" / SUMMARY).open("ab") as file:
        file.write(CONTENT[70_000:])
    wait_until(lambda: len(steps(mindinsight_service, job, "./run")) == 100)


def test_a_rewritten_file_is_read_anew(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path], tmp_path: Path
) -> None:
    own = place(f"run/{SUMMARY}", CONTENT)
    job = mindinsight_service.run("rewritten", own, job_type="mindinsight")
    (tmp_path / "new").write_bytes(CONTENT[:70_000])
    shutil.move(tmp_path / "new", own / "run" / SUMMARY)
    wait_until(lambda: 0 < len(steps(mindinsight_service, job, "./run")) < 100)


def test_a_truncated_file_is_shown_as_far_as_it_goes_and_named(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]
) -> None:
    job = mindinsight_service.run("cut", place(f"run/{SUMMARY}", CONTENT[:-7]), job_type="mindinsight")
    assert len(steps(mindinsight_service, job, "./run")) == 99
    reason = mindinsight_service.wait_for_reason(job["job_id"], "VIEWER_NOTE")["reason"]
    assert reason["text"].startswith(f"run/{SUMMARY} can't be read from byte ")
    events = mindinsight_service.ask("GET", f"/{job['job_id']}/events").text
    assert f"{SUMMARY} can't be read from byte " in events


@pytest.mark.parametrize("length", [2**40, 2**62, 2**64 - 1])
def test_a_record_longer_than_any_file_is_told_and_what_comes_before_is_shown(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path], length: int
) -> None:
    at = third_record(CONTENT)[0] - 12
    damaged = CONTENT[:at] + length.to_bytes(8, "little") + CONTENT[at + 8 :]
    own = place(f"good/{SUMMARY}", CONTENT)
    job = mindinsight_service.run("impossible", place(f"bad/{SUMMARY}", damaged), job_type="mindinsight")
    reason = mindinsight_service.wait_for_reason(job["job_id"], "VIEWER_NOTE")["reason"]
    assert reason["text"].startswith(f"bad/{SUMMARY} can't be read from byte {at:,} on")
    assert [len(steps(mindinsight_service, job, f"./{run.name}")) for run in sorted(own.iterdir())] == [1, 100]


def test_runs_whose_names_are_too_long_side_by_side_are_shown_by_their_ends(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]
) -> None:
    own = place(f"{'é' * 120}/{'n' * 200}/a/{SUMMARY}", CONTENT)
    job = mindinsight_service.run("long-names", own, job_type="mindinsight")
    (run,) = runs(mindinsight_service, job)
    assert run.startswith("./…é")
    assert run.endswith("n--a")
    assert len(steps(mindinsight_service, job, run)) == 100


def test_a_damaged_record_is_left_out_and_its_file_named(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]
) -> None:
    start, end = third_record(CONTENT)
    damaged = CONTENT[:start] + b"\xff" * (end - start) + CONTENT[end:]
    job = mindinsight_service.run("damaged", place(f"run/{SUMMARY}", damaged), job_type="mindinsight")
    reason = mindinsight_service.wait_for_reason(job["job_id"], "VIEWER_NOTE")["reason"]
    assert reason["text"] == f"One record of run/{SUMMARY} can't be understood and is left out."
    assert len(steps(mindinsight_service, job, "./run")) == 99


ASTRAY = ("..", "./../..", "/etc", "./nothing", "%2e%2e", "./train_0/../../../..")
ASKING = ("profile/devices", "profile/parallel-strategy/graphs", "explainer/explain-job", "datasets/dataset_graph")


def test_nothing_outside_of_the_logs_is_shown_nor_where_they_lie(mindinsight_service: BelvedereProcess) -> None:
    job = mindinsight_service.run("astray", VALUES, job_type="mindinsight")
    for path in ASKING:
        for run in ASTRAY:
            asked = f"v1/mindinsight/{path}"
            answer = mindinsight_service.view(job["service_url"], asked, train_id=run, profile="profiler")
            assert answer.status_code == 400 or answer.json() == {}
            assert str(mindinsight_service.data) not in answer.text


def test_tensorboard_logs_are_told_with_the_viewer_that_shows_them(mindinsight_service: BelvedereProcess) -> None:
    job = mindinsight_service.run("mistaken", f"obs://{BUCKET}/rich/", job_type="mindinsight")
    assert "0 MindSpore summary files below" in job["reason"]["text"]
    assert "TensorBoard event files: did you mean tensorboard?" in job["reason"]["text"]


def test_mindspore_logs_are_told_with_the_viewer_that_shows_them(mindinsight_service: BelvedereProcess) -> None:
    job = mindinsight_service.run("mistaken", VALUES, job_type="tensorboard")
    assert "2 MindSpore summary files: did you mean mindinsight?" in job["reason"]["text"]


def test_both_kinds_stand_side_by_side(mindinsight_service: BelvedereProcess) -> None:
    mind = mindinsight_service.run("mind", VALUES, job_type="mindinsight")
    tensor = mindinsight_service.run("tensor", f"obs://{BUCKET}/rich/exp_0/", job_type="tensorboard")
    assert steps(mindinsight_service, mind)
    assert mindinsight_service.curve(tensor["service_url"])


def test_a_killed_viewer_comes_back(mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]) -> None:
    job = mindinsight_service.run("killed", place(f"run/{SUMMARY}", CONTENT), job_type="mindinsight")
    before = viewers(mindinsight_service)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: viewers(mindinsight_service) - before and len(steps(mindinsight_service, job, "./run")) == 100)


def test_a_killed_warm_parent_is_made_anew(mindinsight_service: BelvedereProcess) -> None:
    parent = wait_until(lambda: warm_parent(mindinsight_service))
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: warm_parent(mindinsight_service, other_than=parent))
    job = mindinsight_service.run("after", VALUES, job_type="mindinsight")
    assert steps(mindinsight_service, job)


def test_whichever_of_its_processes_are_killed_it_comes_back(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]
) -> None:
    job = mindinsight_service.run("all-killed", place(f"run/{SUMMARY}", CONTENT), job_type="mindinsight")
    count = len(viewers(mindinsight_service))
    killed = set(of_mindinsight(mindinsight_service))  # viewers, the warm parent, what it has forked ahead
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(viewers(mindinsight_service) - killed) == count)
    wait_until(lambda: len(steps(mindinsight_service, job, "./run")) == 100)
    wait_until(lambda: not set(of_mindinsight(mindinsight_service)) & killed)


def test_nothing_is_left_of_a_viewer_that_was_stopped(
    mindinsight_service: BelvedereProcess, place: Callable[[str, bytes], Path]
) -> None:
    work = mindinsight_service.data / "run" / "work"
    before, folders = viewers(mindinsight_service), set(work.iterdir())
    job = mindinsight_service.run("stopped", place(f"run/{SUMMARY}", CONTENT), job_type="mindinsight")
    (own,) = viewers(mindinsight_service) - before
    assert len(set(work.iterdir()) - folders) == 1
    mindinsight_service.act(job["job_id"], "stop")
    mindinsight_service.wait_for_status(job["job_id"], 12)
    assert own not in {process.pid for process in mindinsight_service.processes()}
    assert set(work.iterdir()) <= folders
