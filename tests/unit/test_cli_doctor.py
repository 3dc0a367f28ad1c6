"""What a look at the machine means."""

import json
import socket
from pathlib import Path

import pytest

from belvedere.cli import diagnosis, probes
from belvedere.cli.connection import port_in
from belvedere.cli.diagnosis import DataServer, Disk, Finding, Level, Port, Viewer
from belvedere.cli.main import run
from belvedere.client import Untrusted
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.server.settings import Settings


@pytest.fixture(autouse=True)
def no_viewers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever is installed on this machine is nothing of these tests'."""
    monkeypatch.setenv("BELVEDERE_VIEWERS_FOLDER", str(tmp_path / "viewers"))


def test_an_old_python_fails() -> None:
    assert diagnosis.of_python((3, 10)).level is Level.FAIL
    assert diagnosis.of_python((3, 11)).level is Level.OK


def test_on_arm_the_slow_loader_is_announced() -> None:
    found = diagnosis.of_data_server(DataServer(path=None, machine="aarch64"))
    assert found.level is Level.WARN
    assert "ARM" in found.text
    assert "slow" in found.text


def test_a_data_server_that_does_not_start_fails() -> None:
    found = diagnosis.of_data_server(DataServer(path="/x/server", machine="x86_64", fault="Permission denied"))
    assert (found.level, "Permission denied" in found.text) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("hard", "level"), [(None, Level.OK), (20_000, Level.OK), (4096, Level.WARN), (512, Level.FAIL)]
)
def test_few_open_files_are_told(hard: int | None, level: Level) -> None:
    assert diagnosis.of_file_limit(hard).level is level


@pytest.mark.parametrize(
    ("writable", "free", "level"),
    [(True, 10**10, Level.OK), (True, 10**9, Level.WARN), (True, 10**8, Level.FAIL), (False, 10**10, Level.FAIL)],
)
def test_the_data_folder_needs_rights_and_room(writable: bool, free: int, level: Level) -> None:
    assert diagnosis.of_disk(Disk(folder="/d", writable=writable, free=free)).level is level


@pytest.mark.parametrize(
    ("fault", "runs", "level"), [("", False, Level.OK), ("in use", True, Level.OK), ("in use", False, Level.FAIL)]
)
def test_a_port_may_be_held_by_the_service_only(fault: str, runs: bool, level: Level) -> None:
    found = diagnosis.of_port(Port(setting="viewer port", address="127.0.0.1:1", fault=fault), runs)
    assert found.level is level


@pytest.mark.parametrize(
    ("origin", "port"), [("http://127.0.0.1:8090", 8090), ("http://10.0.0.1:8090", 8090), ("https://b.example", None)]
)
def test_a_service_behind_a_proxy_does_not_tell_its_port(origin: str, port: int | None) -> None:
    assert port_in(origin, "10.0.0.1") == port


@pytest.mark.parametrize(
    ("is_stale", "steps"),
    [
        (True, "belvedere viewer install x"),
        (False, "belvedere viewer remove x, then belvedere viewer install x"),
    ],
)
def test_a_viewer_of_an_older_belvedere_need_not_be_removed_first(is_stale: bool, steps: str) -> None:
    found = diagnosis.of_viewer(Viewer(name="x", version="1", fault="it draws nothing", is_stale=is_stale), "/v")
    assert (found.level, found.text, found.remedy) == (Level.FAIL, "1: it draws nothing", f"Make it anew: {steps}")


def test_a_taken_port_names_the_option_that_changes_it() -> None:
    found = diagnosis.of_port(Port(setting="viewer port", address="127.0.0.1:1", fault="in use"), service_runs=False)
    assert "--viewer-port" in found.remedy


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (None, Level.OK),
        (ReasonCode.NO_SUCH_BUCKET, Level.OK),
        (ReasonCode.SOURCE_FORBIDDEN, Level.WARN),
        (ReasonCode.BAD_CREDENTIALS, Level.FAIL),
        (ReasonCode.SOURCE_UNREACHABLE, Level.FAIL),
    ],
)
def test_a_store_that_knows_no_such_bucket_is_well(code: ReasonCode | None, level: Level) -> None:
    answer = Reason(code=code, text="why") if code else None
    assert diagnosis.of_store("http://store", answer).level is level


@pytest.mark.parametrize(
    ("roots", "runs", "level"), [(1, False, Level.OK), (0, True, Level.INFO), (0, False, Level.WARN)]
)
def test_no_place_for_logs_is_told_before_the_service_runs(roots: int, runs: bool, level: Level) -> None:
    assert diagnosis.of_log_places(roots=roots, stores=0, service_runs=runs).level is level


@pytest.mark.parametrize(
    ("kept_by", "level"), [("cgroup v1", Level.OK), ("cgroup v2", Level.OK), ("watching", Level.INFO)]
)
def test_what_keeps_viewers_within_their_memory_is_told(kept_by: str, level: Level) -> None:
    assert diagnosis.of_memory_limits(kept_by, running=True).level is level


def test_without_a_host_the_doctor_says_what_it_would_find(tmp_path: Path) -> None:
    assert probes.memory_limits_of_host(tmp_path) is None
    assert probes.memory_limits_here(Settings(control_groups=False)) == "watching"


def test_only_a_failure_is_unhealthy() -> None:
    warning = Finding(check="x", level=Level.WARN, text="")
    failure = Finding(check="x", level=Level.FAIL, text="")
    assert diagnosis.diagnosis([warning]).healthy
    assert not diagnosis.diagnosis([warning, failure]).healthy


def test_the_data_server_of_this_machine_starts() -> None:
    assert probes.data_server().fault == ""


def test_a_port_in_use_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert probes.port("port", "127.0.0.1", listener.getsockname()[1]).fault


def test_a_folder_of_others_is_not_writable() -> None:
    assert not probes.disk(Path("/proc/belvedere")).writable


def test_the_command_speaks_json_and_exits_by_its_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["doctor", "--data", str(tmp_path / "data"), "--port", "0", "--viewer-port", "0", "--output", "json"]
    code = run(words)
    found = json.loads(capsys.readouterr().out)
    assert {"data server", "file limit", "data folder", "port", "service"} <= {f["check"] for f in found["findings"]}
    assert code == (0 if found["healthy"] else 1)


def test_a_wrong_setting_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BELVEDERE_PORT", "many")
    assert run(["doctor", "--data", str(tmp_path)]) == 1
    assert "fail  settings" in capsys.readouterr().out


def test_a_location_that_cannot_be_listed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(tmp_path), "--log-root", str(tmp_path), "--train-url", f"file://{tmp_path}/absent"]
    assert run(["doctor", *words, "--port", "0", "--viewer-port", "0"]) == 1
    assert "fail  log location" in capsys.readouterr().out


def test_the_service_of_the_data_folder_here_is_found_as_job_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    content = {"project_id": "p", "token": "t", "endpoint": "http://127.0.0.1:9"}
    (tmp_path / "data" / "bootstrap.json").write_text(json.dumps(content))
    run(["doctor", "--port", "0", "--viewer-port", "0"])
    printed = " ".join(capsys.readouterr().out.split())
    assert f"data folder {tmp_path}/data" in printed
    assert "http://127.0.0.1:9" in printed


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    assert probes.disk(tmp_path).writable
    assert list(tmp_path.iterdir()) == []


def test_an_empty_place_for_logs_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    words = ["--data", str(tmp_path), "--log-root", str(tmp_path), "--train-url", f"file://{tmp_path}/empty"]
    assert run(["doctor", *words, "--port", "0", "--viewer-port", "0"]) == 0
    assert "warn  log location" in capsys.readouterr().out


def test_a_service_of_an_unknown_authority_is_not_to_be_started() -> None:
    found = diagnosis.of_service("https://b.example", Untrusted("https://b.example can't be trusted: self-signed."))
    assert "SSL_CERT_FILE" in found.remedy
    assert "serve" not in found.remedy


def test_one_log_root_is_not_several() -> None:
    assert diagnosis.of_log_places(roots=1, stores=2, service_runs=False).text == "1 log root, 2 object stores"


def test_what_is_probably_not_meant_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--data", str(tmp_path), "--config", str(_readable_keys(tmp_path))])
    assert "warn  settings" in capsys.readouterr().out


def _readable_keys(folder: Path) -> Path:
    path = folder / "belvedere.toml"
    path.write_text('store_key = "k"\n')
    path.chmod(0o644)
    return path
