"""The documents and the program say the same."""

import re
from pathlib import Path

import click
import msgspec
import pytest

from belvedere.cli.exits import Exit
from belvedere.cli.job_share import share
from belvedere.cli.job_sources import sources
from belvedere.cli.jobs import job
from belvedere.cli.main import cli
from belvedere.cli.sources import source
from belvedere.cli.stores import store
from belvedere.cli.viewers import viewer
from belvedere.server import metrics
from belvedere.server.oidc_settings import OidcSettings
from belvedere.server.settings import Settings, StoreSettings

DOCS = Path(__file__).parents[2] / "docs"
CLI = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
SETTINGS = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
NAMES = [field.name for field in msgspec.structs.fields(Settings) if field.name not in {"store", "oidc"}]
STORE_NAMES = [f"store.{field.name}" for field in msgspec.structs.fields(StoreSettings)]


def test_every_exit_code_is_documented_and_no_other() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", CLI, re.MULTILINE)}
    assert documented == {code.value for code in Exit}


@pytest.mark.parametrize("group", [cli, job, share, sources, source, store, viewer])
def test_every_command_is_documented(group: click.Group) -> None:
    context = click.Context(group)
    prefix = {cli: "belvedere", share: "belvedere job share", sources: "belvedere job sources"}.get(
        group, f"belvedere {group.name}"
    )
    missing = [name for name in group.list_commands(context) if f"| `{prefix} {name}" not in CLI]
    assert missing == []


@pytest.mark.parametrize("group", [cli, job, share, sources, source, store, viewer])
def test_every_command_can_be_imported_and_says_what_it_does(group: click.Group) -> None:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert command.help


OIDC_NAMES = [f"oidc.{name}" for name in OidcSettings.__struct_fields__]


@pytest.mark.parametrize("name", NAMES + STORE_NAMES + OIDC_NAMES)
def test_every_setting_is_documented_once(name: str) -> None:
    assert len(re.findall(rf"^\| `{re.escape(name)}` \|", SETTINGS, re.MULTILINE)) == 1


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"^\| `([\w.]+)` \|", SETTINGS, re.MULTILINE))
    assert documented == {*NAMES, *STORE_NAMES, *OIDC_NAMES}


def test_every_flag_of_serve_is_documented_with_its_setting() -> None:
    serve = cli.get_command(click.Context(cli), "serve")
    assert serve is not None
    flags = {option for param in serve.params for option in param.opts if option.startswith("--")}
    assert {flag for flag in flags if f"`{flag}`" not in SETTINGS} == set()


def test_every_metric_is_documented() -> None:
    text = (DOCS / "how-to" / "operate.md").read_text(encoding="utf-8")
    source = Path(metrics.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r'"(belvedere_\w+)"', source))
    assert names
    assert {name for name in names if f"| `{name}` |" not in text} == set()


def test_what_a_newcomer_types_one_after_the_other_makes_jobs_of_different_names() -> None:
    told = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    told += (DOCS / "tutorial" / "first-job.md").read_text(encoding="utf-8")
    names = re.findall(r'job create (\S+)|"job_name": "([^"]+)"', told)
    assert len(names) == 4
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("page", ["../README.md", "tutorial/first-job.md"])
def test_a_newcomer_is_told_how_to_sign_in(page: str) -> None:
    told = (DOCS / page).read_text(encoding="utf-8")
    assert "Sign in once at" in told
    assert "belvedere user password admin" in told
