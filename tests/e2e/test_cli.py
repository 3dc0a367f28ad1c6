"""`belvedere` as a real command, against a real service: from a folder of logs to a viewer and back."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.service import BelvedereProcess, running_service
from tests.support.visiting import visitor

pytestmark = pytest.mark.e2e
SAMPLES = Path(__file__).parents[2] / "demo" / "logs"
LIMIT = 120.0  # seconds


class CommandLine:
    """Runs `belvedere` in a folder whose ./data is the service's."""

    def __init__(self, service: BelvedereProcess, folder: Path) -> None:
        self.service = service
        self.folder = folder
        hidden = ("BELVEDERE_", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        self.env["BELVEDERE_VIEWERS_FOLDER"] = str(folder / "viewers")  # and none that this machine happens to have

    def __call__(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "belvedere.cli.main", *map(str, words)],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )

    def ok(self, *words: object) -> str:
        done = self(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def belvedere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    folder = tmp_path_factory.mktemp("cli")
    shutil.copytree(SAMPLES, folder / "logs" / "run-1")
    (folder / "logs" / "empty").mkdir()
    with running_service(folder, log_roots=(folder / "logs",)) as service:
        yield CommandLine(service, folder)


def test_a_local_folder_becomes_a_running_viewer(belvedere: CommandLine) -> None:
    out = belvedere.ok("job", "create", "first", "--train-url", "./logs/run-1", "--auto-stop", "1h", "--wait")
    assert "(first) is running: http://127.0.0.1:" in out


def test_the_link_that_open_prints_leads_into_the_viewer_once(belvedere: CommandLine) -> None:
    belvedere.ok("job", "create", "linked", "--train-url", "./logs/run-1", "--wait")
    link = belvedere.ok("job", "open", "linked", "--print").strip()
    with visitor(follow_redirects=True, timeout=LIMIT) as browser:
        assert "TensorBoard" in browser.get(link).text
    with visitor(follow_redirects=True, timeout=LIMIT) as stranger:
        assert stranger.get(link, headers={"Accept": "text/html"}).status_code == 401
    assert urlsplit(link).port == belvedere.service.viewer_port


def test_a_job_is_stopped_restarted_and_deleted(belvedere: CommandLine) -> None:
    job_id = json.loads(belvedere.ok("job", "create", "cycle", "--train-url", "./logs/run-1", "--wait", "-o", "json"))[
        "job_id"
    ]
    belvedere.ok("job", "stop", job_id)
    belvedere.service.wait_for_status(job_id, 12)
    assert "is running" in belvedere.ok("job", "restart", job_id, "--wait")
    belvedere.ok("job", "delete", job_id)


def test_a_place_that_does_not_exist_is_told_at_once(belvedere: CommandLine) -> None:
    done = belvedere("job", "create", "absent", "--train-url", "./logs/absent")
    assert done.returncode == 2
    assert "absent" in done.stderr


def test_events_tell_the_jobs_story(belvedere: CommandLine) -> None:
    belvedere.ok("job", "create", "story", "--train-url", "./logs/run-1", "--wait")
    kinds = [event["kind"] for event in json.loads(belvedere.ok("job", "events", "story", "-o", "json"))["events"]]
    assert kinds[0] == "created"
    assert "running" in kinds


def test_the_doctor_finds_the_service(belvedere: CommandLine) -> None:
    service = belvedere.service
    found = json.loads(belvedere.ok("doctor", "--data", "data", "-o", "json"))
    texts = {finding["check"]: finding["text"] for finding in found["findings"] if finding["level"] == "ok"}
    assert "service" in texts
    assert texts["port"] == f"127.0.0.1:{service.port} is held, by the service that runs here"
    assert texts["viewer port"] == f"127.0.0.1:{service.viewer_port} is held, by the service that runs here"


def test_on_a_terminal_delete_asks(belvedere: CommandLine) -> None:
    belvedere.ok("job", "create", "asked", "--train-url", "./logs/run-1")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "belvedere.cli.main", "job", "delete", "asked"],
        cwd=belvedere.folder,
        env=belvedere.env,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.write(controller, b"n\n")
    _, err = process.communicate(timeout=LIMIT)
    os.close(controller)
    os.close(terminal)
    assert process.returncode == 130
    assert b"Delete job asked?" in err
    assert "asked" in belvedere.ok("job", "list")


@pytest.mark.parametrize("words", [["--help"], ["job", "--help"], ["completion", "bash"]])
def test_help_imports_neither_http_nor_tables_nor_the_server(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom belvedere.cli.main import run\n"
        f"run({words!r})\n"
        "print([m for m in ('httpx2', 'rich', 'yaml', 'msgspec', 'belvedere.server') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=LIMIT
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_job_commands_do_not_import_the_server(belvedere: CommandLine) -> None:
    code = (
        "import sys\nfrom belvedere.cli.main import run\nrun(['job', 'list'])\n"
        "print([m for m in sys.modules if m.startswith(('belvedere.server', 'belvedere.store', 'starlette'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=belvedere.folder,
        env=belvedere.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion_script(belvedere: CommandLine, shell: str) -> None:
    assert "_BELVEDERE_COMPLETE" in belvedere.ok("completion", shell)
