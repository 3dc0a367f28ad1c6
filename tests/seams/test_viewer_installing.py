"""Making environments for viewers, from a folder of wheels: no network takes part."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from belvedere.testing.viewer import ViewerTrial
from belvedere.viewers.base import Environment
from belvedere.viewers.environments import Environments
from belvedere.viewers.installing import InstallFailed, Wish, check, install, remove
from belvedere.viewers.mindinsight.viewer import MindInsight
from belvedere.viewers.pip_settings import for_uv
from belvedere.viewers.tensorboard.viewer import TensorBoard
from tests.support.installed import installed
from tests.support.wheels import write_wheel


class Tiny(TensorBoard):
    """A viewer of one package, which is its own check."""

    def __init__(self, check: str = "tiny_viewer") -> None:
        super().__init__("tiny")
        self._check = check

    @property
    def environment(self) -> Environment | None:
        return Environment(
            name="tiny", requirements="tiny-viewer==1.5\n", distribution="tiny-viewer", check=self._check
        )


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    modules = {"tiny_viewer.py": "", "broken_viewer.py": "import sys\nsys.exit('it draws nothing')"}
    return write_wheel(tmp_path / "wheels", "tiny-viewer", "1.5", modules).parent


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "viewers")


def told_by(environments: Environments, wish: Wish) -> list[str]:
    told: list[str] = []
    install(environments, wish, told.append)
    return told


def test_a_viewer_is_installed_from_a_folder_of_wheels(environments: Environments, wheels: Path) -> None:
    made = install(environments, Wish(viewer=Tiny(), wheels=wheels), print)
    assert made.version == environments.version_of(Tiny()) == "1.5"
    assert environments.program_of(Tiny()).is_guest


def test_what_is_installed_already_stays_as_it_is(environments: Environments, wheels: Path) -> None:
    wish = Wish(viewer=Tiny(), wheels=wheels)
    assert len(told_by(environments, wish)) == 3
    assert told_by(environments, wish) == ["tiny 1.5 is installed already"]


def test_what_was_broken_off_counts_for_nothing_and_is_gone_on_with(environments: Environments, wheels: Path) -> None:
    wish = Wish(viewer=Tiny(), wheels=wheels)
    install(environments, wish, print)
    (environments.folder / "tiny" / "viewer.json").unlink()  # as if killed before the last step
    assert environments.version_of(Tiny()) is None
    assert not any("making" in line for line in told_by(environments, wish))
    assert environments.version_of(Tiny()) == "1.5"


def test_a_viewer_that_shows_nothing_is_not_installed(environments: Environments, wheels: Path) -> None:
    with pytest.raises(InstallFailed, match="it draws nothing"):
        install(environments, Wish(viewer=Tiny("broken_viewer"), wheels=wheels), print)
    assert environments.version_of(Tiny()) is None


def test_a_missing_wheel_is_named(environments: Environments, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InstallFailed, match="tiny-viewer"):
        install(environments, Wish(viewer=Tiny(), wheels=tmp_path / "empty"), print)


def test_what_is_removed_is_gone(environments: Environments, wheels: Path) -> None:
    install(environments, Wish(viewer=Tiny(), wheels=wheels), print)
    assert remove(environments, "tiny")
    assert environments.names() == []
    assert not remove(environments, "tiny")


def test_uv_is_told_what_pip_is_told_and_keeps_what_it_was_told_itself() -> None:
    environ = {"PIP_INDEX_URL": "https://mirror/simple", "PIP_CERT": "/ca", "SSL_CERT_FILE": "/mine"}
    assert for_uv(environ, lambda setting: {"find-links": "/wheels"}.get(setting, "")) == {
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_FIND_LINKS": "/wheels",
    }


def test_a_mindinsight_with_a_numpy_that_drops_histograms_is_found_out(tmp_path: Path) -> None:
    """Our own numpy is such a one: it stands here before the one that MindInsight was installed with."""
    assert int(np.__version__.partition(".")[0]) >= 2
    environment = MindInsight().environment
    python = installed().python_of("mindinsight")
    assert environment is not None
    assert python is not None
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bad"], check=True)
    (site,) = (tmp_path / "bad").glob("lib/python*/site-packages")
    ours = Path(np.__file__).parent
    for package in (ours, ours.with_name("numpy.libs")):
        (site / package.name).symlink_to(package)
    (theirs,) = python.parents[1].glob("lib/python*/site-packages")
    (site / "theirs.pth").write_text(str(theirs))
    with pytest.raises(InstallFailed, match="histograms, images, tensors, lineage compared are left out"):
        check(tmp_path / "bad" / "bin" / "python", environment)


def test_a_viewer_whose_program_says_nothing_fails_its_trial(
    environments: Environments, wheels: Path, tmp_path: Path
) -> None:
    class Mute(Tiny):
        program = "tiny_viewer"

    install(environments, Wish(viewer=Tiny(), wheels=wheels), print)
    trial = ViewerTrial(viewer=Mute(), environments=environments, logs=tmp_path)
    with pytest.raises(AssertionError, match="it ended before it said serving"):
        trial.shows_and_ends_with_its_input(tmp_path / "scratch")
