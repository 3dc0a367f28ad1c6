"""Which service a command talks to."""

import json
from pathlib import Path

import pytest

from belvedere.cli.connection import Flags, resolve_connection
from belvedere.cli.exits import Exit, Failure

ALL = {"BELVEDERE_ENDPOINT": "http://env", "BELVEDERE_TOKEN": "env-token", "BELVEDERE_PROJECT_ID": "env-project"}


def write_bootstrap(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    content = {"project_id": f"{name}-project", "token": f"{name}-token", "endpoint": f"http://{name}", "more": 1}
    (folder / "bootstrap.json").write_text(json.dumps(content))
    return folder


def test_flags_come_before_the_environment(tmp_path: Path) -> None:
    found = resolve_connection(Flags(endpoint="http://flag", token="flag-token"), ALL, tmp_path)
    assert (found.endpoint, found.token, found.project_id) == ("http://flag", "flag-token", "env-project")


def test_the_environment_comes_before_a_bootstrap_file(tmp_path: Path) -> None:
    write_bootstrap(tmp_path / "data", "file")
    assert resolve_connection(Flags(), ALL, tmp_path).endpoint == "http://env"


def test_the_folder_named_by_a_flag_comes_first(tmp_path: Path) -> None:
    flag, env = write_bootstrap(tmp_path / "a", "flag"), write_bootstrap(tmp_path / "b", "env")
    found = resolve_connection(Flags(data=str(flag)), {"BELVEDERE_DATA": str(env)}, tmp_path)
    assert (found.endpoint, found.token, found.project_id) == ("http://flag", "flag-token", "flag-project")


def test_a_folder_named_by_a_flag_overrides_the_environment(tmp_path: Path) -> None:
    folder = write_bootstrap(tmp_path / "a", "flag")
    assert resolve_connection(Flags(data=str(folder)), ALL, tmp_path).token == "flag-token"


def test_then_the_folder_of_the_environment(tmp_path: Path) -> None:
    env = write_bootstrap(tmp_path / "env", "env")
    write_bootstrap(tmp_path / "data", "here")
    assert resolve_connection(Flags(), {"BELVEDERE_DATA": str(env)}, tmp_path).endpoint == "http://env"


def test_then_the_data_folder_here(tmp_path: Path) -> None:
    write_bootstrap(tmp_path / "data", "here")
    write_bootstrap(tmp_path / "xdg" / "belvedere", "own")
    assert resolve_connection(Flags(), {"XDG_DATA_HOME": str(tmp_path / "xdg")}, tmp_path).endpoint == "http://here"


@pytest.mark.parametrize("variable", ["XDG_DATA_HOME", "HOME"])
def test_then_the_users_own(tmp_path: Path, variable: str) -> None:
    below = "belvedere" if variable == "XDG_DATA_HOME" else ".local/share/belvedere"
    write_bootstrap(tmp_path / "u" / below, "own")
    assert resolve_connection(Flags(), {variable: str(tmp_path / "u")}, tmp_path).endpoint == "http://own"


def test_finding_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        resolve_connection(Flags(endpoint="http://x"), {"HOME": str(tmp_path)}, tmp_path)
    assert caught.value.exit_code is Exit.USAGE
    assert "token, project not given" in caught.value.message
    for word in ("belvedere serve", "--data", "BELVEDERE_TOKEN", "BELVEDERE_PROJECT_ID"):
        assert word in caught.value.remedy


def test_a_token_that_was_come_across_goes_to_no_other_endpoint(tmp_path: Path) -> None:
    write_bootstrap(tmp_path / "data", "here")
    with pytest.raises(Failure, match="belongs to http://here"):
        resolve_connection(Flags(endpoint="http://elsewhere"), {}, tmp_path)


def test_a_folder_that_was_named_may_be_used_with_another_endpoint(tmp_path: Path) -> None:
    write_bootstrap(tmp_path / "data", "here")
    found = resolve_connection(Flags(endpoint="http://tunnel", data="data"), {}, tmp_path)
    assert (found.endpoint, found.token) == ("http://tunnel", "here-token")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bootstrap.json").write_text("{")
    with pytest.raises(Failure, match=r"bootstrap\.json is no bootstrap file"):
        resolve_connection(Flags(), {}, tmp_path)


def test_no_repr_shows_a_token(tmp_path: Path) -> None:
    found = resolve_connection(Flags(), ALL, tmp_path)
    assert "env-token" not in f"{found!r} {Flags(token='env-token')!r}"


def test_a_refusal_names_what_the_token_is_from(tmp_path: Path) -> None:
    file = write_bootstrap(tmp_path / "data", "here") / "bootstrap.json"
    found = resolve_connection(Flags(), {"BELVEDERE_TOKEN": "abc"}, tmp_path)
    assert found.origin == f"The connection is from {file}, its token from BELVEDERE_TOKEN."
    assert resolve_connection(Flags(), {}, tmp_path).origin == f"The connection is from {file}."


def test_a_refusal_names_the_flags_that_were_given(tmp_path: Path) -> None:
    found = resolve_connection(Flags(endpoint="http://flag", token="abc"), ALL, tmp_path)
    assert found.origin == "The connection is from --endpoint, its token from --token."


@pytest.mark.parametrize("environ", [{}, ALL])
def test_an_endpoint_without_a_scheme_is_told_how_to_be_written(tmp_path: Path, environ: dict[str, str]) -> None:
    write_bootstrap(tmp_path / "data", "here")
    with pytest.raises(Failure, match="neither http:// nor https://") as caught:
        resolve_connection(Flags(endpoint="127.0.0.1:8080"), environ, tmp_path)
    assert (caught.value.exit_code, caught.value.remedy) == (Exit.USAGE, "Write http://127.0.0.1:8080")
