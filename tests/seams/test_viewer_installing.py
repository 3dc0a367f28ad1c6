"""Making environments for viewers, from a folder of wheels: no network takes part."""

import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from belvedere.testing.viewer import ViewerTrial
from belvedere.viewers import installing
from belvedere.viewers.base import Environment
from belvedere.viewers.environments import Environments
from belvedere.viewers.installing import InstallFailed, Wish, check, install, is_stale, remove
from belvedere.viewers.mindinsight.viewer import MindInsight
from belvedere.viewers.pip_settings import for_uv
from belvedere.viewers.tensorboard.viewer import TensorBoard
from tests.support.disks import small_disk
from tests.support.installed import installed
from tests.support.wheels import write_wheel

ROOT = Path(__file__).parents[2]


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
    modules["slow_viewer.py"] = "import time\ntime.sleep(0.5)"
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


@pytest.fixture
def careful() -> Iterator[None]:
    """What is made is nobody else's to read."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="viewers are other users where root installs them")
@pytest.mark.usefixtures("careful")
def test_a_careful_roots_viewers_can_be_read_by_those_who_show_them(environments: Environments, wheels: Path) -> None:
    made = install(environments, Wish(viewer=Tiny(), wheels=wheels), print)
    found = [environments.folder / "tiny" / made.folder]
    found += found[0].rglob("*")
    assert len(found) > 10
    assert [path for path in found if not path.is_symlink() and path.stat().st_mode & 0o044 != 0o044] == []
    assert [path for path in found if path.is_dir() and path.stat().st_mode & 0o055 != 0o055] == []


def test_what_is_installed_already_stays_as_it_is(environments: Environments, wheels: Path) -> None:
    wish = Wish(viewer=Tiny(), wheels=wheels)
    assert len(told_by(environments, wish)) == 3
    assert told_by(environments, wish) == ["tiny 1.5 is installed already"]
    assert not is_stale(environments, Tiny())


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
    with pytest.raises(InstallFailed, match=r"(?s)tiny-viewer.*`pip download`"):
        install(environments, Wish(viewer=Tiny(), wheels=tmp_path / "empty"), print)


@pytest.mark.parametrize(
    ("last_word", "later"),
    [("making an environment", 0.2), ("installing its packages", 0.0), ("looking whether", 0.2)],
)
def test_killed_anywhere_it_is_not_installed_and_the_next_try_ends_well(
    environments: Environments, wheels: Path, last_word: str, later: float
) -> None:
    script = (
        "from tests.seams.test_viewer_installing import *\n"
        f"wish = Wish(viewer=Tiny('slow_viewer'), wheels=Path({str(wheels)!r}))\n"
        f"install(Environments(Path({str(environments.folder)!r})), wish, lambda text: print(text, flush=True))"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as installing:
        assert installing.stdout is not None
        while last_word not in installing.stdout.readline():
            assert installing.poll() is None
        time.sleep(later)
        installing.kill()
    assert (environments.names(), environments.version_of(Tiny())) == ([], None)
    assert install(environments, Wish(viewer=Tiny("slow_viewer"), wheels=wheels), print).version == "1.5"
    assert environments.program_of(Tiny()).is_guest
    left = {path.name.partition("-")[0] for path in (environments.folder / "tiny").iterdir()}
    assert left == {"env", "install.lock", "viewer.json"}


def test_the_program_that_a_killed_installation_has_left_is_waited_for(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from belvedere.viewers import installing\n"
        "with installing._alone(Path(sys.argv[1]), print) as lock:\n"
        '    left = \'import os, time; os.write(1, b"x"); time.sleep(1); open("ended", "w")\'\n'
        "    import threading; threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "    installing._run([sys.executable, '-c', left], kept=(lock,))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "tiny")], cwd=tmp_path, check=False)
    assert not (tmp_path / "ended").exists()
    with installing._alone(tmp_path / "tiny", print):
        assert (tmp_path / "ended").exists()


def test_of_two_at_once_one_waits_and_finds_it_done(environments: Environments, wheels: Path) -> None:
    wish = Wish(viewer=Tiny("slow_viewer"), wheels=wheels)
    with ThreadPoolExecutor(2) as both:
        told = [each.result() for each in [both.submit(told_by, environments, wish) for _ in range(2)]]
    words = "\n".join(itertools.chain(*told))
    assert words.count("installing its packages") == 1
    assert "waiting for another installation of it\ntiny 1.5 is installed already" in words


def test_taking_it_away_waits_until_it_is_made(environments: Environments, wheels: Path) -> None:
    wish = Wish(viewer=Tiny("slow_viewer"), wheels=wheels)
    begun = threading.Event()
    with ThreadPoolExecutor(1) as beside:
        made = beside.submit(install, environments, wish, lambda _: begun.set())
        begun.wait()
        assert remove(environments, "tiny")
        assert made.result().version == "1.5"
    assert environments.names() == []


def spoil_packages(environment: Path) -> None:
    (site,) = environment.glob("lib/python*/site-packages")
    shutil.rmtree(site)


def spoil_python(environment: Path) -> None:
    (environment / "bin" / "python").unlink()


@pytest.mark.parametrize("spoil", [spoil_packages, spoil_python])
def test_an_environment_of_which_a_part_is_gone_is_made_anew(
    environments: Environments, wheels: Path, spoil: Callable[[Path], None]
) -> None:
    wish = Wish(viewer=Tiny(), wheels=wheels)
    made = install(environments, wish, print)
    spoil(environments.folder / "tiny" / made.folder)
    assert is_stale(environments, Tiny())
    assert "tiny: a part of it is missing" in told_by(environments, wish)
    assert told_by(environments, wish) == ["tiny 1.5 is installed already"]


def test_what_an_earlier_try_left_spoilt_is_begun_anew(environments: Environments, wheels: Path) -> None:
    wish = Wish(viewer=Tiny(), wheels=wheels)
    made = install(environments, wish, print)
    (environments.folder / "tiny" / "viewer.json").unlink()
    for file in (environments.folder / "tiny" / made.folder).rglob("tiny_viewer.py"):
        file.unlink()  # it may be a link to the installer's own
        file.write_text("cut o")
    assert "tiny: what an earlier try has left is no good" in told_by(environments, wish)
    assert environments.version_of(Tiny()) == "1.5"


def test_without_a_network_it_says_what_helps(environments: Environments, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_FIND_LINKS", "")
    with pytest.raises(InstallFailed, match="Check the network, name a mirror as for pip"):
        install(environments, Wish(viewer=Tiny()), print)


def test_on_a_full_disk_it_says_so(tmp_path: Path, wheels: Path) -> None:
    (tmp_path / "disk").mkdir()
    with (
        small_disk(tmp_path / "disk", "16k") as disk,
        pytest.raises(InstallFailed, match="The disk is full"),
    ):
        install(Environments(disk), Wish(viewer=Tiny(), wheels=wheels), print)


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null"])
def test_a_folder_that_cant_be_written_to_is_named(place: str) -> None:
    with pytest.raises(InstallFailed, match=rf"{place}.* Set viewers_folder to a folder that this user may write to"):
        install(Environments(Path(place)), Wish(viewer=Tiny()), print)


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
