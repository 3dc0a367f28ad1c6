"""`belvedere user …`, `project …` and `key …` against the API itself."""

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from belvedere.cli.main import run
from belvedere.identity.records import Outsider
from tests.support.api import OTHER_PROJECT, PROJECT
from tests.support.served import ServedApi, served_api

Words = Callable[..., tuple[int, str, str]]
PASSWORD = "hush-hush-hush"


@pytest.fixture(name="served")
def _served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedApi]:
    with served_api(tmp_path) as served:
        for name, value in served.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("BELVEDERE_PASSWORD", raising=False)
        yield served


@pytest.fixture
def cli(served: ServedApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Words:
    """Run `belvedere` with these words and this standard input: exit code, standard output, standard error."""
    del served

    def call(*words: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = run([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_user_is_added_with_a_password_from_a_pipe_and_listed(cli: Words, served: ServedApi) -> None:
    code, out, err = cli("user", "add", "ann", typed=f"{PASSWORD}\n")
    assert (code, err, "project grant ann" in out) == (0, "", True)
    made = served.do(served.api.identities.find_user("ann"))
    assert made
    assert served.do(served.api.people.tokens._passwords.is_right(made, PASSWORD))
    assert "ann" in cli("user", "list")[1]


def test_a_password_comes_from_the_variable_and_never_from_nowhere(cli: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = cli("user", "add", "ann")
    assert (code, "BELVEDERE_PASSWORD" in err) == (2, True)
    monkeypatch.setenv("BELVEDERE_PASSWORD", PASSWORD)
    code, out, err = cli("user", "add", "ann", "-o", "json")
    assert (code, json.loads(out)["has_password"], PASSWORD in out + err) == (0, True, False)


@pytest.mark.parametrize(
    ("name", "code", "told"), [("Ann!", 2, "lower-case"), ("admin", 5, "a user named admin already")]
)
def test_a_name_that_will_not_do_is_refused_before_a_password_is_asked_for(
    cli: Words, name: str, code: int, told: str
) -> None:
    answer = cli("user", "add", name)
    assert (answer[0], told in answer[2], "No password came" in answer[2]) == (code, True, False)


def test_the_list_says_how_each_is_known(cli: Words) -> None:
    cli("user", "add", "robot", "--service")
    cli("user", "add", "ann", "--no-password")
    rows = {line.split()[0]: re.split(" {2,}", line)[2] for line in cli("user", "list")[1].splitlines()[1:]}
    assert (rows["admin"], rows["robot"], rows["ann"]) == ("token or keys", "keys", "nothing yet")


def test_who_may_not_is_told_whom_to_ask_and_nothing_of_tokens(
    cli: Words, served: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELVEDERE_TOKEN", served.api.tokens[f"colleague@{PROJECT}"])
    code, _, err = cli("user", "list")
    assert (code, "Ask an administrator" in err, "Check the token" in err) == (4, True, False)


def test_a_role_that_there_is_not_is_told_with_those_that_there_are(cli: Words) -> None:
    code, _, err = cli("project", "grant", "ann", "boss")
    assert (code, "'ROLE'" in err, "'owner', 'editor', 'viewer'" in err) == (2, True, True)


def test_a_users_whole_life(cli: Words, served: ServedApi) -> None:
    assert cli("user", "add", "robot", "--service")[0] == 0
    assert "robot is viewer" in cli("project", "grant", "robot", "viewer")[1]
    assert cli("project", "grant", "robot", "editor", "--in", OTHER_PROJECT[:4])[0] == 0
    assert json.loads(cli("project", "members", "-o", "json")[1])["members"][-1]["role"] == "viewer"
    assert cli("user", "disable", "robot")[0] == 0
    assert "disabled" in cli("user", "list")[1]
    assert cli("user", "enable", "robot")[0] == 0
    assert cli("project", "revoke", "robot")[0] == 0
    code, _, err = cli("project", "revoke", "robot")
    assert (code, "no member" in err) == (3, True)
    assert served.do(served.api.identities.memberships("robot"))[0].project_id == OTHER_PROJECT


def test_ones_own_password_is_changed_by_two_lines(cli: Words, served: ServedApi) -> None:
    assert cli("user", "password", "admin", typed=f"{PASSWORD}\n")[0] == 0
    assert cli("user", "password", typed=f"{PASSWORD}\nanother one\n")[0] == 0
    code, _, err = cli("user", "password", typed=f"{PASSWORD}\nanother one\n")
    assert (code, "not the present password" in err) == (2, True)
    assert served.token  # which never ends, and goes on


def test_the_last_administrator_stays(cli: Words) -> None:
    code, _, err = cli("user", "disable", "admin")
    assert (code, "last administrator" in err) == (5, True)


def test_a_key_is_made_told_once_and_removed(cli: Words, served: ServedApi) -> None:
    code, out, _ = cli("key", "add", "--user", "colleague", "--description", "nightly", "-o", "json")
    made = json.loads(out)["credential"]
    assert code == 0
    assert served.do(served.api.keys.is_pair(made["access"], made["secret"]))
    listed = cli("key", "list", "--user", "colleague")[1]
    assert ("nightly" in listed, made["secret"] in listed) == (True, False)
    assert cli("key", "remove", made["access"])[0] == 0
    assert cli("key", "remove", made["access"])[0] == 3


def test_projects_are_added_renamed_and_listed(cli: Words) -> None:
    assert cli("project", "add", "vision", "--description", "Eyes")[0] == 0
    assert cli("project", "rename", "vision", "sight")[0] == 0
    assert "sight" in cli("project", "list")[1]
    assert cli("project", "add", "sight")[0] == 5
    assert cli("project", "rename", "vision", "x")[0] == 3


def test_whoami_says_who_and_what(cli: Words) -> None:
    _, out, _ = cli("user", "whoami")
    assert out.startswith(f"admin, administrator in project {PROJECT[:4]}")


def test_a_projects_quotas_are_shown_and_set_one_by_one(cli: Words) -> None:
    assert cli("project", "quota")[1].splitlines()[1].split() == ["jobs", "100", "(0", "used)", "the", "settings"]
    assert cli("project", "quota", "--jobs", "7")[0] == 0
    found = json.loads(cli("project", "quota", "--running", "2", "-o", "json")[1])
    assert (found["jobs"], found["running_jobs"], found["defaults"]) == (
        7,
        2,
        ["awake_viewers", "memory_bytes", "mirror_bytes"],
    )
    found = json.loads(cli("project", "quota", "--jobs", "default", "-o", "json")[1])
    assert (found["jobs"], found["running_jobs"], found["defaults"]) == (
        100,
        2,
        ["jobs", "awake_viewers", "memory_bytes", "mirror_bytes"],
    )


@pytest.mark.parametrize(
    ("words", "shown", "sent"),
    [
        (("--memory", "2GiB"), "2GiB", ("memory_bytes", 2 * 2**30)),
        (("--mirrors", "1500000000"), "1.397GiB", ("mirror_bytes", 1_500_000_000)),
        (("--running", "none"), "none", ("running_jobs", 0)),
        (("--awake", "unlimited"), "no limit", ("awake_viewers", 1_000_000)),
        (("--memory", "unlimited"), "no limit", ("memory_bytes", 2**50)),
    ],
)
def test_a_quota_is_a_size_or_a_word(cli: Words, words: tuple[str, ...], shown: str, sent: tuple[str, int]) -> None:
    code, out, _ = cli("project", "quota", *words)
    (row,) = (line for line in out.splitlines() if "administrator" in line)
    assert (code, re.split(" {2,}", row)[1]) == (0, shown)
    assert json.loads(cli("project", "quota", "-o", "json")[1])[sent[0]] == sent[1]


@pytest.mark.parametrize(("option", "example"), [("--jobs", "7"), ("--memory", "2GiB")])
def test_what_is_no_quota_is_told_with_what_is(cli: Words, option: str, example: str) -> None:
    code, _, err = cli("project", "quota", option, "many")
    assert (code, f"write it like {example}, or none, unlimited, default." in err) == (2, True)


@pytest.mark.parametrize("named", [OTHER_PROJECT, OTHER_PROJECT[:4]], ids=["id", "name"])
def test_another_project_is_entered_by_its_id_or_name_and_left_again(cli: Words, served: ServedApi, named: str) -> None:
    url = "/bucket/run-1/"
    assert cli("job", "create", "there", "--train-url", url, "--project", named)[0] == 0
    assert "there" in cli("job", "list", "--project", named)[1]
    assert "there" not in cli("job", "list", "--project", PROJECT)[1]
    assert "there" not in cli("job", "list")[1]
    traces = [trace.name for trace in served.do(served.api.traces()) if trace.name in {"login", "logout"}]
    assert traces == ["login", "logout"] * 2


def test_a_project_that_one_may_not_enter_is_as_absent_as_none(
    cli: Words, served: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELVEDERE_TOKEN", served.api.tokens[f"colleague@{PROJECT}"])
    theirs = cli("job", "list", "--project", OTHER_PROJECT)
    none = cli("job", "list", "--project", "no-such")
    assert (theirs[0], none[0]) == (4, 4)
    assert theirs[2].replace(OTHER_PROJECT, "no-such") == none[2]


def test_an_administrator_who_is_no_member_is_told_so(cli: Words) -> None:
    lines = cli("project", "list")[1].splitlines()
    assert all("administrator" in line for line in lines[1:] if line.strip())


def test_a_user_of_the_provider_needs_no_password_and_is_untied(cli: Words, served: ServedApi) -> None:
    assert cli("user", "add", "ann", "--no-password")[0] == 0
    assert "nothing yet" in cli("user", "list")[1]
    her = Outsider(issuer="https://id.example", subject="1")
    assert served.do(served.api.identities.add_outsider(her, "ann"))
    assert "provider" in cli("user", "list")[1]
    assert cli("user", "untie", "ann")[0] == 0
    assert served.do(served.api.identities.find_outsider(her)) is None
    assert "provider" not in cli("user", "list")[1]
