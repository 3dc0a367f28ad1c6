"""The viewer that the documentation writes does all that viewers owe their host, and is shown by a service."""

import importlib
import re
from pathlib import Path

import pytest

from belvedere.testing.viewer import ViewerTrial
from belvedere.viewers.environments import Environments
from tests.support.service import running_service

pytestmark = pytest.mark.e2e
DOCUMENT = Path(__file__).parents[2] / "docs" / "how-to" / "viewers.md"
POINT = "[belvedere.viewers]\ntext = text_viewer.viewer:TextViewer\n"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the package as the documentation has it, as if it were installed there."""
    site = tmp_path / "site"
    (site / "text_viewer").mkdir(parents=True)
    (site / "text_viewer" / "__init__.py").touch()
    for file, code in re.findall(r"```python\n# (text_viewer/\w+\.py)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL):
        (site / file).write_text(code)
    info = site / "text_viewer-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: text-viewer\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINT)
    return site


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs" / "run").mkdir(parents=True)
    (tmp_path / "logs" / "run" / "notes.txt").write_text("it learns")
    return tmp_path / "logs"


def test_every_duty_is_done(package: Path, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setenv("PYTHONPATH", str(package))
    viewer = importlib.import_module("text_viewer.viewer").TextViewer()
    (tmp_path / "t").mkdir()
    ViewerTrial(viewer=viewer, environments=Environments(tmp_path / "none"), logs=logs).every_duty(tmp_path / "t")


def test_a_service_shows_its_jobs_and_tells_of_logs_that_are_not_its(package: Path, logs: Path, tmp_path: Path) -> None:
    with running_service(tmp_path, log_roots=(logs,), env={"PYTHONPATH": str(package)}) as service:
        job = service.run("notes", logs, job_type="Text")
        assert service.view(job["service_url"]).text == "it learns"
        mistaken = service.run("mistaken", logs, job_type="tensorboard")
        assert "1 text file: did you mean text?" in mistaken["reason"]["text"]
