"""`belvedere audit …` against the API itself."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from belvedere.cli.main import run
from tests.support.served import ServedApi, served_api

Words = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="served")
def _served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedApi]:
    with served_api(tmp_path) as served:
        for name, value in served.environ.items():
            monkeypatch.setenv(name, value)
        served.do(served.api.create("run-1"))
        served.do(served.api.create("run-2"))
        served.do(served.api.client.post("/visualization-jobs/4711/stop"))
        yield served


@pytest.fixture
def cli(served: ServedApi, capsys: pytest.CaptureFixture[str]) -> Words:
    del served

    def call(*words: str) -> tuple[int, str, str]:
        code = run([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_list_says_who_did_what_and_what_was_refused(cli: Words) -> None:
    code, out, _ = cli("audit", "list")
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 4)
    assert "stopModelArtsTensorboardJob" in lines[1]
    assert "ModelArts.0015" in lines[1]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ +stop", lines[1])
    assert "admin (token)" in lines[3]


def test_the_list_can_be_narrowed(cli: Words) -> None:
    out = cli("audit", "list", "--job", "2", "--user", "admin", "-o", "json")[1]
    assert [trace["resource_name"] for trace in json.loads(out)["traces"]] == ["run-2"]
    assert len(cli("audit", "list", "--rating", "warning")[1].splitlines()) == 2
    assert len(cli("audit", "list", "--limit", "1")[1].splitlines()) == 2
    assert len(cli("audit", "list", "--name", "stopModelArtsTensorboardJob")[1].splitlines()) == 2


def test_the_export_is_json_lines_the_oldest_first(cli: Words) -> None:
    code, out, _ = cli("audit", "export", "--all-projects")
    traces = [json.loads(line) for line in out.splitlines()]
    assert (code, [trace["resource_id"] for trace in traces]) == (0, ["1", "2", "4711"])


def test_the_export_ends_where_it_is_told_to(cli: Words) -> None:
    whole = cli("audit", "export")[1].splitlines()
    assert len(whole) > 1
    assert cli("audit", "export", "--limit", "1")[1].splitlines() == whole[:1]


def test_the_export_goes_on_behind_a_trace(cli: Words) -> None:
    traces = [json.loads(line) for line in cli("audit", "export")[1].splitlines()]
    again = [json.loads(line) for line in cli("audit", "export", "--after", str(traces[0]["trace_id"]))[1].splitlines()]
    assert again == traces[1:]
