"""`belvedere job …` against the API itself: what it prints, and what it exits with."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from belvedere.cli.main import run
from belvedere.client import Client, VersionedSources
from belvedere.contract.errors import LogSourceForbidden, LogSourceRefused
from belvedere.contract.jobs import JobSource
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import End, Run
from tests.support.api import Api
from tests.support.served import ServedApi, served_api

Words = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="served")
def _served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedApi]:
    with served_api(tmp_path) as served:
        for name, value in served.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("BROWSER", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        yield served


@pytest.fixture
def job(served: ServedApi, capsys: pytest.CaptureFixture[str]) -> Words:
    """Run `belvedere job` with these words: exit code, standard output, standard error."""
    del served

    def call(*words: object) -> tuple[int, str, str]:
        code = run(["job", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def created(job: Words, name: str = "run-1", *words: str) -> int:
    code, out, _ = job("create", name, "--train-url", "/bucket/run-1/", "--output", "json", *words)
    assert code == 0
    return int(json.loads(out)["job_id"])


def test_create_prints_id_and_address(job: Words) -> None:
    code, out, err = job("create", "run-1", "--train-url", "obs://bucket/run-1/")
    assert (code, err) == (0, "")
    assert out.startswith("Job 1 (run-1) is created: https://viewers.example/modelarts2/tensorboard/")


def test_create_says_what_the_check_of_the_logs_found(job: Words, served: ServedApi) -> None:
    served.api.world.source_says = Reason(code=ReasonCode.SOURCE_UNREACHABLE, text="The store doesn't answer.")
    code, out, err = job("create", "run-1", "--train-url", "obs://bucket/run-1/")
    assert (code, out.startswith("Job 1 (run-1) is created"), err) == (0, True, "The store doesn't answer.\n")


def test_a_wrong_token_is_refused_with_where_it_is_from(job: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELVEDERE_TOKEN", "abc")
    code, _, err = job("list")
    assert (code, "The connection is from BELVEDERE_ENDPOINT, its token from BELVEDERE_TOKEN." in err) == (4, True)


def test_create_sends_every_option(job: Words, served: ServedApi) -> None:
    options = ["--description", "d", "--job-type", "mindinsight", "--flavor", "large", "--auto-stop", "90m",
               "--tag", "a", "--tag", "b", "--visibility", "private", "--sleep-after", "15m"]  # fmt: skip
    details = served.do(served.api.details(created(job, "run-1", *options)))
    assert details["schedule"][0]["duration"] == 90
    assert (details["job_desc"], details["job_type"], details["flavor"]) == ("d", "mindinsight", {"code": "large"})
    assert (details["tags"], details["visibility"], details["sleep_after"]) == (["a", "b"], "private", 900)


def test_a_local_folder_is_sent_as_an_absolute_location(
    job: Words, served: ServedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, out, _ = job("create", "run-1", "--train-url", "./logs/run 1", "-o", "json")
    details = served.do(served.api.details(json.loads(out)["job_id"]))
    assert details["train_url"] == f"file://{tmp_path}/logs/run 1"


async def end_up(api: Api, end: End | None, note: Reason | None = None) -> None:
    """Be the reconciler: bring the first job up, or make it fail."""
    while not (jobs := await api.everything()):  # noqa: ASYNC110 - a database tells nobody
        await asyncio.sleep(0.01)
    now, reason = api.world.now, Reason(code=ReasonCode.NO_SUCH_BUCKET, text="The bucket is not there.")
    running = Run(submitted_at=now, running_since=now, first_ran_at=now, note=note)
    await api.write(jobs[0].id, run=Run(ended_at=now, end=end, end_reason=reason) if end else running)


def test_create_that_waits_returns_when_the_job_runs(job: Words, served: ServedApi) -> None:
    served.meanwhile(end_up(served.api, None))
    code, out, _ = job("create", "run-1", "--train-url", "/bucket/x/", "--wait")
    assert code == 0
    assert out.startswith("Job 1 (run-1) is running: https://viewers.example/")


def test_what_a_running_job_has_to_tell_is_told_once(job: Words, served: ServedApi) -> None:
    note = Reason(code=ReasonCode.NOTHING_TO_SHOW, text="There is nothing yet.")
    served.meanwhile(end_up(served.api, None, note))
    code, _, err = job("create", "run-1", "--train-url", "/bucket/x/", "--wait")
    assert (code, err.count("There is nothing yet.")) == (0, 1)


def test_waiting_for_a_job_that_fails_is_exit_7_with_the_reason(job: Words, served: ServedApi) -> None:
    served.meanwhile(end_up(served.api, End.SOURCE))
    code, out, err = job("create", "run-1", "--train-url", "/bucket/x/", "--wait", "-o", "json")
    assert (code, json.loads(out)["job_id"]) == (7, 1)
    assert "The bucket is not there. (NO_SUCH_BUCKET)" in err


def test_interrupting_leaves_the_job_and_says_so(job: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.cli.progress.describe", _interrupt)
    code, _, err = job("create", "run-1", "--train-url", "/bucket/x/", "--wait")
    assert code == 130
    assert "job 1 goes on" in err
    assert job("show", "1")[0] == 0


def _interrupt(_: object) -> str:
    raise KeyboardInterrupt


def test_waiting_too_long_is_exit_8_and_leaves_the_job(job: Words) -> None:
    code, out, err = job("create", "run-1", "--train-url", "/bucket/x/", "--wait", "--timeout", "0s")
    assert (code, out) == (8, "")
    assert "Job 1 (run-1) is not running yet: INIT." in err
    assert "It goes on" in err


def test_list_is_aligned_plain_text_in_a_pipe(job: Words) -> None:
    created(job, "first")
    created(job, "second")
    code, out, _ = job("list")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["ID", "NAME", "TYPE", "STATUS", "CREATED", "RAN", "STOPS", "IN", "LOGS"]
    assert [line.split()[1] for line in lines[1:]] == ["second", "first"]


def test_a_job_that_waits_is_told_what_it_will_run_not_when_it_stops(job: Words) -> None:
    created(job, "run-1", "--auto-stop", "2h")
    assert "2h 00m once it runs" in job("list")[1]


def test_no_jobs_are_told_so_and_only_that(job: Words) -> None:
    assert job("list") == (0, "", "No jobs.\n")


def test_a_type_that_there_is_not_is_told_with_those_that_there_are(job: Words) -> None:
    assert job("list", "--type", "tensorboard") == (0, "", "No jobs.\n")
    code, out, err = job("list", "--type", "tensorbord")
    assert (code, out, "There are tensorboard, " in err) == (2, "", True)


def test_list_as_json_is_the_apis_answer(job: Words) -> None:
    created(job)
    _, out, _ = job("list", "--output", "json")
    answer = json.loads(out)
    assert (answer["is_success"], answer["job_total_count"], answer["jobs"][0]["job_name"]) == (True, 1, "run-1")


def test_list_as_yaml_says_the_same(job: Words) -> None:
    created(job)
    _, as_json, _ = job("list", "-o", "json")
    _, as_yaml, _ = job("list", "-o", "yaml")
    assert yaml.safe_load(as_yaml) == json.loads(as_json)


def test_list_stops_at_its_limit_and_says_what_is_left(job: Words) -> None:
    for _ in range(3):
        created(job)
    _, out, err = job("list", "--limit", "2")
    assert (len(out.splitlines()), err) == (3, "1 more: use --limit or --all.\n")


def test_list_can_be_narrowed(job: Words) -> None:
    created(job, "a", "--tag", "x")
    created(job, "b")
    _, out, _ = job("list", "--status", "starting", "--tag", "x", "--owner", "admin", "--type", "tensorboard",
                    "--since", "2020-01-01", "--search", "run", "-o", "json")  # fmt: skip
    assert [row["job_name"] for row in json.loads(out)["jobs"]] == ["a"]


def test_show_knows_a_job_by_its_name(job: Words) -> None:
    job_id = created(job, "by-name")
    code, out, _ = job("show", "by-name")
    assert (code, out.splitlines()[0].split()) == (0, ["Job:", str(job_id), "(by-name)"])


def test_show_tells_why(job: Words, served: ServedApi) -> None:
    job_id = created(job)
    reason = Reason(code=ReasonCode.NO_SUCH_BUCKET, text="The bucket is not there.")
    now = served.api.world.now
    served.do(served.api.write(job_id, run=Run(ended_at=now, end=End.SOURCE, end_reason=reason)))
    _, out, _ = job("show", job_id)
    assert "The bucket is not there. (NO_SUCH_BUCKET)" in out


def test_a_name_of_several_jobs_is_refused_with_their_ids(job: Words) -> None:
    first, second = created(job, "twin"), created(job, "twin")
    code, _, err = job("stop", "twin")
    assert code == 2
    assert f"{first}, {second}" in err


def test_a_number_that_is_a_name_can_be_said(job: Words) -> None:
    job_id = created(job, "4711")
    assert job("show", "4711")[0] == 3
    assert f"{job_id} (4711)" in job("show", "name:4711")[1]


def test_control_characters_of_others_do_not_reach_the_terminal(job: Words, served: ServedApi) -> None:
    job_id = created(job)
    served.do(served.api.write(job_id, description="\x1b[2Jgone"))
    assert "\x1b" not in job("show", job_id)[1]


def test_update_changes_what_it_names(job: Words, served: ServedApi) -> None:
    job_id = created(job, "run-1", "--tag", "old")
    job("update", job_id, "--description", "new", "--auto-stop", "never", "--no-tags")
    details = served.do(served.api.details(job_id))
    assert (details["job_desc"], details["tags"], details["remaining_duration"]) == ("new", [], None)


def test_update_with_an_old_etag_is_exit_5(job: Words) -> None:
    job_id = created(job)
    etag = next(line.split()[1] for line in job("show", job_id)[1].splitlines() if line.startswith("ETag:"))
    assert job("update", job_id, "--description", "a", "--if-match", etag)[0] == 0
    assert job("update", job_id, "--description", "b", "--if-match", etag)[0] == 5


def test_an_update_of_nothing_is_exit_2(job: Words) -> None:
    assert job("update", created(job))[0] == 2


def test_several_jobs_are_stopped_although_one_is_not_there(job: Words, served: ServedApi) -> None:
    first, second = created(job), created(job)
    code, out, err = job("stop", first, 4711, second)
    assert code == 3
    assert out.splitlines() == [f"Job {first} is being stopped.", f"Job {second} is being stopped."]
    assert "4711" in err
    assert served.do(served.api.details(second))["status"] == 9


def test_a_verb_that_the_state_forbids_is_exit_5_in_the_services_words(job: Words) -> None:
    code, _, err = job("restart", created(job))
    assert code == 5
    assert err.startswith("belvedere: This job can't be resubmit. job status: 1 (ModelArts.0105)\n")
    assert "Request id: " in err


def test_delete_does_not_ask_a_script(job: Words, served: ServedApi) -> None:
    job_id = created(job)
    assert job("delete", job_id)[0] == 0
    assert served.do(served.api.details(job_id))["status"] == 9


def test_logs_are_printed_line_by_line(job: Words, served: ServedApi) -> None:
    served.api.world.log_lines = ["one", "two\x1b[31m"]
    code, out, _ = job("logs", created(job))
    assert (code, out) == (0, "one\ntwo\N{REPLACEMENT CHARACTER}[31m\n")


def test_a_viewer_that_has_printed_nothing_is_told_apart_from_the_lines(job: Words) -> None:
    code, out, err = job("logs", created(job))
    assert (code, out, err) == (0, "", "The viewer of job 1 has printed no lines.\n")


def test_a_refused_folder_that_is_here_is_offered(
    job: Words, served: ServedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs" / "run-2").mkdir(parents=True)
    served.api.world.source_says = LogSourceRefused("The bucket does not exist.")
    code, _, err = job("create", "run-2", "--train-url", "logs/run-2")
    assert (code, "write --train-url ./logs/run-2" in err) == (2, True)


def test_following_ends_with_the_job(job: Words, served: ServedApi) -> None:
    served.api.world.log_lines = ["one", "two"]
    code, out, _ = job("logs", served.do(served.api.ended()), "--follow", "--tail", "1")
    assert (code, out) == (0, "two\n")


def test_events_are_told(job: Words) -> None:
    assert "created" in job("events", created(job))[1]


def test_open_prints_only_the_link(job: Words) -> None:
    code, out, err = job("open", created(job), "--print")
    assert (code, err) == (0, "")
    assert out.startswith("https://viewers.example/")
    assert len(out.splitlines()) == 1


def test_open_without_a_browser_prints_the_link(job: Words) -> None:
    code, out, err = job("open", created(job))
    assert (code, out[:8]) == (0, "https://")
    assert "No browser here" in err


def test_an_unknown_job_is_exit_3(job: Words) -> None:
    assert job("show", "4711")[0] == 3
    assert job("show", "nobody")[0] == 3


def test_a_bad_request_is_exit_2(job: Words) -> None:
    assert job("create", "a b", "--train-url", "/bucket/")[0] == 2


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--flavor", "huge", ("huge", "default, large", "ModelArts.2763")),
        ("--sleep-after", "0s", ("sleep_after", "10 to 86400")),
        ("--sleep-after", "365d", ("sleep_after", "10 to 86400")),
        ("--sleep-after", "-5m", ("--sleep-after", "no duration")),
    ],
)
def test_a_flavor_or_sleep_that_cannot_be_is_told_with_what_can(
    job: Words, option: str, value: str, words: tuple[str, ...]
) -> None:
    code, _, err = job("create", "run-1", "--train-url", "/bucket/", option, value)
    assert code == 2
    assert [word for word in words if word not in err] == []


def test_a_wrong_option_is_exit_2(job: Words) -> None:
    code, _, err = job("list", "--limit", "none")
    assert code == 2
    assert "belvedere job list --help" in err


def test_a_wrong_project_is_exit_4(job: Words) -> None:
    code, _, err = job("list", "--project", "no-such")
    assert code == 4
    assert "BELVEDERE_ENDPOINT" in err


def test_logs_closed_to_the_stores_keys_are_no_matter_of_the_token(job: Words, served: ServedApi) -> None:
    served.api.world.source_says = LogSourceForbidden("The object store does not accept the secret key.")
    code, _, err = job("create", "run-2", "--train-url", "/bucket/run-2/")
    assert (code, "store test" in err, "token" in err) == (2, True, False)


def test_a_wrong_token_is_exit_4_and_not_repeated(job: Words) -> None:
    code, out, err = job("list", "--token", "wrong-and-secret")
    assert code == 4
    assert "wrong-and-secret" not in out + err


def test_nobody_there_is_exit_6(job: Words) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code, _, err = job("stop", "1", "--endpoint", f"http://127.0.0.1:{port}")
    assert code == 6
    assert "belvedere serve" in err


def test_with_json_the_error_is_json_too(job: Words) -> None:
    code, out, err = job("show", "4711", "--output", "json")
    error = json.loads(err)
    assert (code, out, error["exit_code"], error["error_code"]) == (3, "", 3, "ModelArts.0015")
    assert error["request_id"]


def test_completion_offers_names_that_are_unique_and_ids_otherwise(
    served: ServedApi, job: Words, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del served
    created(job, "alone")
    twins = [created(job, "twin"), created(job, "twin")]
    monkeypatch.setenv("_BELVEDERE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "belvedere job show ")
    monkeypatch.setenv("COMP_CWORD", "3")
    with pytest.raises(SystemExit):
        run([])
    offered = {line.split(",")[1] for line in capsys.readouterr().out.splitlines()}
    assert offered == {"alone", *map(str, twins)}


def test_several_sources_are_created_attached_and_detached(job: Words, served: ServedApi) -> None:
    places = ["--source", "a=/bucket/a/", "--source", "b=/bucket/b-*/"]
    code, out, _ = job("create", "many", *places, "--latest", "3", "-o", "json")
    assert code == 0
    job_id = json.loads(out)["job_id"]
    code, out, err = job("sources", "attach", "many", "c=/bucket/c/", "--exclude", "**/debug", "--store", "minio")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", "a", "b", "c"]
    assert "/bucket/c/ in minio" in out
    assert "not **/debug" in out
    assert job("sources", "detach", "many", "A", "c")[0] == 0
    sources = served.do(served.api.details(job_id))["sources"]
    assert [(each["name"], each["url"], each["latest"]) for each in sources] == [("b", "/bucket/b-*/", 3)]


def test_a_source_without_a_name_gets_one_beside_others(job: Words) -> None:
    created(job)
    code, out, err = job("sources", "attach", "run-1", "other=/bucket/other/", "-o", "json")
    assert code == 0
    assert err == "The runs of /bucket/run-1/ are shown below run-1/ from now on.\n"
    assert [each["name"] for each in json.loads(out)["sources"]] == ["run-1", "other"]


def test_attaching_a_name_again_gives_it_the_new_place(job: Words) -> None:
    job("create", "many", "--source", "a=/bucket/a/")
    _, out, _ = job("sources", "attach", "many", "A=/bucket/new/", "-o", "json")
    assert [(each["name"], each["url"]) for each in json.loads(out)["sources"]] == [("A", "/bucket/new/")]


def test_one_place_may_be_chosen_from_without_a_name(job: Words, served: ServedApi) -> None:
    created(job, "run-1", "--latest", "5", "--include", "exp-*")
    (source,) = served.do(served.api.details(1))["sources"]
    assert (source["name"], source["latest"], source["include"]) == ("", 5, ["exp-*"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("create", "x"), "--train-url"),
        (("create", "x", "--train-url", "/b/", "--source", "a=/b/"), "--train-url"),
        (("create", "x", "--source", "/b/"), "NAME=URL"),
        (("create", "x", "--source", "a b=/b/"), "NAME=URL"),
        (("sources", "detach", "run-1", "none"), "no source named 'none'"),
        (("sources", "attach", "run-1", "x"), "NAME=URL"),
    ],
)
def test_what_makes_no_sense_of_sources_is_refused(job: Words, words: tuple[str, ...], told: str) -> None:
    created(job)
    code, _, err = job(*words)
    assert code == 2
    assert told in err


def test_the_last_source_stays(job: Words) -> None:
    job("create", "many", "--source", "a=/bucket/a/")
    code, _, err = job("sources", "detach", "many", "a")
    assert code == 2
    assert "one source at least" in err


def test_a_change_in_between_is_taken_into_account(
    job: Words, served: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    job("create", "many", "--source", "a=/bucket/a/")
    read = Client.sources

    def read_then_be_overtaken(client: Client, job_id: int) -> VersionedSources:
        found = read(client, job_id)
        monkeypatch.setattr(Client, "sources", read)
        client.set_sources(job_id, [JobSource(name="a", url="/bucket/a/"), JobSource(name="b", url="/bucket/b/")])
        return found

    monkeypatch.setattr(Client, "sources", read_then_be_overtaken)
    _, out, _ = job("sources", "attach", "many", "c=/bucket/c/", "-o", "json")
    assert [each["name"] for each in json.loads(out)["sources"]] == ["a", "b", "c"]
    del served


def test_show_names_every_source(job: Words) -> None:
    job("create", "many", "--source", "a=/bucket/a/", "--source", "b=/bucket/b/", "--latest", "2")
    _, out, _ = job("show", "many")
    assert "a = /bucket/a/ (latest 2)" in out
    assert "b = /bucket/b/ (latest 2)" in out
    _, out, _ = job("list")
    assert "/bucket/a/ and 1 more" in out
