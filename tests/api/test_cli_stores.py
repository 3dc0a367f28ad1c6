"""`belvedere store …` and `belvedere source …` against the API itself."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from belvedere.cli.completing import complete_flavors, complete_job_types, complete_sources, complete_stores
from belvedere.cli.main import run
from belvedere.contract.log_sources import LogFolder
from tests.support.api import PROJECT
from tests.support.served import ServedApi, served_api

Words = Callable[..., tuple[int, str, str]]
SECRET = "hush-hush-hush"
WHERE = ("--store-endpoint", "https://minio.example")


@pytest.fixture(name="served")
def _served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedApi]:
    with served_api(tmp_path) as served:
        for name, value in served.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("BELVEDERE_SECRET_KEY", raising=False)
        yield served


@pytest.fixture
def store(served: ServedApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Words:
    """Run `belvedere store` with these words and this standard input: exit code, standard output, standard error."""
    del served

    def call(*words: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = run(["store", *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def secret_of(served: ServedApi) -> str:
    return served.api.world.published[f"{PROJECT}/minio"].secret_key


def test_a_secret_comes_from_a_pipe(store: Words, served: ServedApi) -> None:
    code, out, err = store("add", "minio", *WHERE, "--access-key", "AK", typed=f"{SECRET}\n")
    assert (code, err) == (0, "")
    assert "store test minio" in out
    assert secret_of(served) == SECRET


def test_a_secret_comes_from_the_variable(store: Words, served: ServedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELVEDERE_SECRET_KEY", SECRET)
    assert store("add", "minio", *WHERE, "--access-key", "AK", typed="not this")[0] == 0
    assert secret_of(served) == SECRET


def test_no_option_takes_a_secret(store: Words) -> None:
    assert "secret-key" not in store("add", "--help")[1]
    assert store("add", "minio", *WHERE, "--access-key", "AK", "--secret-key", SECRET)[0] == 2


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--access-key", "AK"), "No secret key came"),
        ((), "--anonymous"),
        (("--access-key", "AK", "--anonymous"), "exclude each other"),
    ],
)
def test_what_is_missing_is_said(store: Words, words: tuple[str, ...], wanted: str) -> None:
    code, _, err = store("add", "minio", *WHERE, *words)
    assert (code, wanted in err) == (2, True)


def test_an_anonymous_store_needs_no_secret(store: Words, served: ServedApi) -> None:
    assert store("add", "minio", *WHERE, "--anonymous", "--shared", "--region", "north")[0] == 0
    assert served.api.world.published["minio"].region == "north"


def test_the_list_tells_whose_they_are_and_no_secret(store: Words) -> None:
    store("add", "minio", *WHERE, "--access-key", "AK", typed=SECRET)
    code, out, _ = store("list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["default", "minio"]
    assert SECRET not in out
    assert SECRET not in store("list", "-o", "json")[1]


def test_plain_http_is_to_be_allowed_by_the_option(store: Words) -> None:
    plain = ("add", "minio", "--store-endpoint", "http://127.0.0.1:9", "--anonymous")
    code, _, err = store(*plain)
    assert (code, "--allow-http" in err) == (2, True)
    assert store(*plain, "--allow-http")[0] == 0


def test_rotate_sends_new_keys(store: Words, served: ServedApi) -> None:
    store("add", "minio", *WHERE, "--access-key", "AK", typed=SECRET)
    assert store("rotate", "minio", "--access-key", "AK2", typed="newer")[0] == 0
    assert secret_of(served) == "newer"


@pytest.mark.parametrize(("secret", "code", "word"), [(SECRET, 0, "can be used"), ("wrong", 1, "BAD_CREDENTIALS")])
def test_test_is_a_sentence_and_an_exit_code(store: Words, secret: str, code: int, word: str) -> None:
    store("add", "minio", *WHERE, "--access-key", "AK", typed=secret)
    ended, out, err = store("test", "minio", "--bucket", "logs")
    assert (ended, word in out + err) == (code, True)
    ended, out, _ = store("test", "minio", "-o", "json")
    assert (ended, json.loads(out)["works"]) == (code, code == 0)


def test_remove_forgets_it_unless_it_is_in_use(store: Words, served: ServedApi) -> None:
    store("add", "minio", *WHERE, "--anonymous")
    job_id = served.do(served.api.create(store="minio"))
    code, _, err = store("remove", "minio")
    assert (code, "in use by 1 job" in err, "store list" in err) == (5, True, True)
    job = served.do(served.api.store.find(job_id))
    assert job is not None
    served.do(served.api.client.delete(f"/visualization-jobs/{job_id}"))
    assert store("remove", "default")[0] == 4


def test_an_unknown_store_is_exit_3(store: Words) -> None:
    code, _, err = store("test", "none")
    assert (code, "store list" in err) == (3, True)


def test_sources_are_listed_with_what_they_hold(served: ServedApi, capsys: pytest.CaptureFixture[str]) -> None:
    served.api.world.folders = [
        LogFolder(name=name, url=f"/b/{name}/", has_logs=holds) for name, holds in (("a", True), ("c", None))
    ]
    assert run(["source", "list", "/b/", "--store", "minio"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["URL", "HOLDS"], ["/b/a/", "logs"], ["/b/c/", "?"]
    ]  # fmt: skip
    assert served.api.world.browsed is not None
    assert (served.api.world.browsed.url, served.api.world.browsed.store) == ("/b/", "minio")


@pytest.mark.parametrize(
    ("typed", "asked", "offered"),
    [("/b/", "/b/", ["/b/run-1/", "/b/run-2/"]), ("/b/run-1", "/b/", ["/b/run-1/"]), ("/b", None, []),
     ("obs://", None, [])],
)  # fmt: skip
def test_urls_are_completed_below_the_last_slash(
    served: ServedApi, typed: str, asked: str | None, offered: list[str]
) -> None:
    world = served.api.world
    world.folders = [LogFolder(name=name, url=f"/b/{name}/") for name in ("run-1", "run-2")]
    context = click.Context(click.Command("create"))
    found = complete_sources(context, click.Option(["--train-url"]), typed)
    assert [item.value for item in found] == offered
    assert (world.browsed.url if world.browsed else None) == asked


def test_stores_flavors_and_installed_viewers_are_completed(served: ServedApi) -> None:
    del served
    context = click.Context(click.Command("create"))
    option = click.Option(["--x"])
    assert [item.value for item in complete_stores(context, option, "de")] == ["default"]
    assert [item.value for item in complete_flavors(context, option, "l")] == ["large"]
    assert [item.value for item in complete_job_types(context, option, "")] == ["tensorboard", "mindinsight"]
