"""Environments of viewers' own: what is found there, and how our programs run in them."""

import subprocess
import sys
import venv
from pathlib import Path

import msgspec
import pytest

import belvedere
from belvedere.viewers import guest
from belvedere.viewers.base import Environment, ViewerType
from belvedere.viewers.environments import MANIFEST, Environments, Installed, NotInstalled, default_viewers_folder
from belvedere.viewers.tensorboard.viewer import TensorBoard


class Elsewhere(TensorBoard):
    """Needs an environment."""

    @property
    def environment(self) -> Environment | None:
        return Environment(name="elsewhere", requirements="", distribution="elsewhere")


def install(folder: Path, name: str) -> Path:
    python = folder / name / "env-1" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    manifest = Installed(version="1.0", folder="env-1", asked="…")
    (folder / name / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return python


def test_a_viewer_of_our_own_environment_runs_in_our_interpreter(tmp_path: Path) -> None:
    program = Environments(tmp_path).program_of(TensorBoard())
    assert (program.python, program.is_guest) == (sys.executable, False)


def test_a_viewer_that_is_not_installed_names_the_command_that_installs_it(tmp_path: Path) -> None:
    viewer: ViewerType = Elsewhere()
    with pytest.raises(NotInstalled, match="belvedere viewer install elsewhere"):
        Environments(tmp_path).program_of(viewer)


def test_an_installed_viewer_runs_in_its_own_interpreter(tmp_path: Path) -> None:
    python = install(tmp_path, "elsewhere")
    program = Environments(tmp_path).program_of(Elsewhere())
    assert (program.python, program.is_guest) == (str(python), True)


def test_an_environment_without_its_interpreter_is_not_installed(tmp_path: Path) -> None:
    install(tmp_path, "elsewhere").unlink()
    assert Environments(tmp_path).python_of("elsewhere") is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]"])
def test_a_manifest_that_cant_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    install(tmp_path, "elsewhere")
    (tmp_path / "elsewhere" / MANIFEST).write_bytes(content)
    assert Environments(tmp_path).names() == []


def test_all_data_folders_of_a_user_share_the_viewers() -> None:
    assert default_viewers_folder({"XDG_DATA_HOME": "/x"}) == Path("/x/belvedere-viewers")
    assert default_viewers_folder({"HOME": "/home/me"}) == Path("/home/me/.local/share/belvedere-viewers")


def test_who_has_no_home_at_all_has_no_viewers_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user without an entry in /etc/passwd
    folder = default_viewers_folder({})
    assert folder.is_absolute()
    assert Environments(folder).names() == []


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the standard library and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


def run_as_guest(python: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    lent = f"belvedere={Path(belvedere.__file__).parent}"
    command = [str(python), "-P", str(guest.__file__), lent, "--", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("module", ["belvedere.viewers.kit", "belvedere.viewers.words", "belvedere.host.warm"])
def test_what_programs_need_of_us_needs_the_standard_library_alone(bare: Path, module: str) -> None:
    done = run_as_guest(bare, module, "--help")
    assert done.returncode == 0, done.stderr


def test_a_guest_gets_our_package_and_nothing_that_lies_beside_it(bare: Path) -> None:
    done = run_as_guest(bare, "belvedere.viewers.base")
    assert "No module named 'msgspec'" in done.stderr
