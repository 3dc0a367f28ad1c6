"""`belvedere viewer`, where nothing gets so far as to be installed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
import pytest

from belvedere.cli.completing import complete_viewers
from belvedere.cli.main import run
from belvedere.viewers.environments import MANIFEST, Environments, Installed
from belvedere.viewers.installing import InstallFailed, Wish, is_stale
from belvedere.viewers.registry import viewer_types


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nope"], "There is no viewer called 'nope'"),
        ([""], "There is no viewer called ''"),
        (["tensorboard"], "tensorboard comes with belvedere"),
        (["mindinsight==2.3.0"], "mindinsight has no other versions"),
        (["netron", "--with", "x"], "netron has no other versions and takes no further packages"),
        (["tensorboard==2.20.0"], "needs a job type of its own: --as TYPE"),
        (["tensorboard==2.20.0", "--as", "../evil"], "needs a job type of its own: --as TYPE"),
        (["tensorboard==2.20.0", "--as", "tensorboard"], "needs a job type of its own: --as TYPE"),
        (["tensorboard==2.20.0", "--as", "netron"], "netron is another kind of viewer"),
        (["tensorboard==2.20.0", "--as", "x", "--with", "--index-url=http://evil"], "is no package"),
        (["tensorboard==2.20.0", "--as", "x", "--with", "a\n-r /etc/passwd"], "is no package"),
    ],
)
def test_what_cant_be_installed_is_told(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["viewer", "install", *words, "--viewers-folder", str(tmp_path)]) != 0
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_who_installs_what_is_there_hears_how_to_get_another_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["viewer", "install", "tensorboard", "--viewers-folder", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("belvedere: tensorboard comes with belvedere: there is nothing to install.\n")
    assert "belvedere viewer install tensorboard==2.20.0 --as tensorboard-2.20" in told


def test_what_was_made_from_other_requirements_is_stale(tmp_path: Path) -> None:
    (tmp_path / "netron").mkdir()
    made = Installed(version="8.0", folder="env-1", asked="otherwise")
    (tmp_path / "netron" / MANIFEST).write_bytes(msgspec.json.encode(made))
    assert is_stale(Environments(tmp_path), viewer_types()["netron"])


@pytest.mark.parametrize("name", ["nope", "../x", "", "/"])
def test_what_is_not_installed_cant_be_taken_away(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["viewer", "remove", name, "--viewers-folder", str(tmp_path)]) == 2
    assert f"{name} is not installed" in capsys.readouterr().err


def test_the_list_says_where_it_looked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["viewer", "list", "--viewers-folder", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert re.search("(?m)^mindinsight +not installed$", told.out)
    assert "`belvedere viewer install NAME` installs mindinsight" in told.err
    assert f"Installed viewers are looked for in {tmp_path}." in told.err
    run(["viewer", "list", "--viewers-folder", str(tmp_path), "-o", "json"])
    assert json.loads(capsys.readouterr().out)["folder"] == str(tmp_path)


def fake_install(result: Installed | InstallFailed) -> Callable[..., Installed]:
    """One that says what the real one says of what is there already, or fails."""

    def install(environments: Environments, wish: Wish, tell: Callable[[str], None]) -> Installed:
        if isinstance(result, InstallFailed):
            raise result
        tell(f"{wish.environment.name} {result.version} is installed already")
        return result

    return install


def test_what_is_there_already_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Installed(version="8.0", folder="env-1", asked="1")
    monkeypatch.setattr("belvedere.cli.viewer_commands.install", fake_install(there))
    assert run(["viewer", "install", "netron", "--viewers-folder", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "netron 8.0 is installed already\n"


def test_the_installers_words_come_without_its_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = InstallFailed("ERROR: No such version.\nERROR: No package x.\n  Check the network.")
    monkeypatch.setattr("belvedere.cli.viewer_commands.install", fake_install(failed))
    assert run(["viewer", "install", "netron", "--viewers-folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "belvedere: No such version.\nNo package x.\n  Check the network.\n"


def test_the_doctor_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELVEDERE_VIEWERS_FOLDER", str(tmp_path))
    run(["doctor", "--data", str(tmp_path), "--port", "0", "--viewer-port", "0"])
    assert f"not installed in {tmp_path}" in capsys.readouterr().out


def test_viewers_are_completed() -> None:
    option = click.Option(["--x"])
    found = complete_viewers(click.Context(click.Command("install")), option, "Mi")
    assert [(each.value, each.help) for each in found] == [("mindinsight", "MindInsight")]
