"""The commands of `belvedere project`."""

from collections.abc import Callable
from typing import Literal

import click
from click.core import ParameterSource

from belvedere.cli import options
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit, Failure
from belvedere.cli.output import Format, print_document, print_table
from belvedere.cli.session import connected
from belvedere.client import Client
from belvedere.contract.iam import IamProject
from belvedere.contract.identity import (
    QUOTA_MOST,
    QUOTA_MOST_BYTES,
    AddProject,
    ProjectQuotas,
    ProjectShown,
    SetQuotas,
)
from belvedere.contract.sizes import parse_size, shown_size

_REMEDIES = {
    Exit.NO_SUCH_JOB: "`belvedere project list` shows the projects, `belvedere user list` the users.",
    Exit.REFUSED: "`belvedere project list` shows the projects.",
}
_project = click.option("--in", "project_named", metavar="PROJECT", help="Id or name; the connection's if not said.")


@click.command()
@click.argument("name")
@click.option("--description", default="", help="A word about it.")
@options.output_option
@options.connection_options
def add(*, flags: Flags, name: str, description: str, output: Format) -> None:
    """Add the project NAME. It has no members yet; administrators may enter it."""
    with connected(flags, _REMEDIES) as client:
        made = client.people.add_project(AddProject(name=name, description=description))
    _say(made, f"The project {name} is added: {made.id}", output)


@click.command("list")
@options.output_option
@options.connection_options
def list_projects(*, flags: Flags, output: Format) -> None:
    """List the projects that one may enter."""
    with connected(flags, _REMEDIES) as client:
        me = client.people.me()
    if output is Format.TABLE:
        print_table(
            ("PROJECT", "ID", "ROLE"),
            [(each.name, each.id, each.role or "administrator") for each in me.projects],
            "No projects.",
        )
    else:
        print_document(me, output)


@click.command()
@click.argument("named", metavar="PROJECT")
@click.argument("name")
@options.output_option
@options.connection_options
def rename(*, flags: Flags, named: str, name: str, output: Format) -> None:
    """Give PROJECT another NAME. Its id stays, and so do all addresses."""
    with connected(flags, _REMEDIES) as client:
        found = _found(client, named)
        changed = client.people.change_project(found.id, AddProject(name=name, description=found.description))
    _say(changed, f"The project is called {name} now.", output)


def _quota(most: int, read: Callable[[str], int], example: str) -> Callable[[str], int | None]:
    """A parser of quotas: None for what the settings say; it raises ValueError with a sentence for people."""
    words = {"none": 0, "unlimited": most, "default": None}

    def parse(text: str) -> int | None:
        try:
            return words[text] if text in words else read(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no quota: write it like {example}, or {', '.join(words)}.") from error

    return parse


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError
    return int(text)


_number = options.Parsed("number", _quota(QUOTA_MOST, _count, "7"))
_size = options.Parsed("size", _quota(QUOTA_MOST_BYTES, parse_size, "2GiB"))
_MOST = {name: QUOTA_MOST_BYTES if name.endswith("_bytes") else QUOTA_MOST for name in SetQuotas.__struct_fields__}
_QUOTAS = {
    "jobs": "jobs",
    "running": "running_jobs",
    "awake": "awake_viewers",
    "memory": "memory_bytes",
    "mirrors": "mirror_bytes",
}


_WHAT = {
    "jobs": "jobs",
    "running_jobs": "running jobs",
    "awake_viewers": "awake viewers",
    "memory_bytes": "their memory",
    "mirror_bytes": "mirrored logs",
}


@click.command()
@_project
@click.option("--jobs", type=_number, help="Jobs, running or not.")
@click.option("--running", type=_number, help="Jobs that run at the same time.")
@click.option("--awake", type=_number, help="Viewers that are awake.")
@click.option("--memory", type=_size, help="What they take together, like 2GiB.")
@click.option("--mirrors", type=_size, help="Mirrored logs on disk, like 20GiB.")
@options.output_option
@options.connection_options
@click.pass_context
def quota(
    context: click.Context, /, *, flags: Flags, project_named: str | None, output: Format, **limits: int | None
) -> None:
    """Show what a project may have. Administrators set it by --jobs, --running, --awake, --memory and --mirrors.

    Each takes a number or size, none, unlimited, or default for what the settings say. 0 is none.
    """
    given = {name for name in limits if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    with connected(flags, _REMEDIES) as client:
        project_id = _id_of(client, project_named)
        found = client.people.quotas(project_id)
        if given:
            wanted = {field: limits[name] if name in given else _own(found, field) for name, field in _QUOTAS.items()}
            found = client.people.set_quotas(project_id, SetQuotas(**wanted))
    if output is Format.TABLE:
        print_table(("WHAT", "QUOTA", "SAID BY"), [_quota_row(found, name) for name in _QUOTAS.values()], "No quotas.")
    else:
        print_document(found, output)


def _quota_row(quotas: ProjectQuotas, name: str) -> tuple[str, str, str]:
    used = f" ({quotas.jobs_used} used)" if name == "jobs" else ""
    return _WHAT[name], _quota_text(name, getattr(quotas, name)) + used, _whose(quotas, name)


def _quota_text(name: str, quota: int | None) -> str:
    if quota is None or quota >= _MOST[name]:
        return "no limit"
    if not quota:
        return "none"
    return shown_size(quota) if name.endswith("_bytes") else str(quota)


def _own(quotas: ProjectQuotas, name: str) -> int | None:
    own: int | None = None if name in quotas.defaults else getattr(quotas, name)
    return own


def _whose(quotas: ProjectQuotas, name: str) -> str:
    return "the settings" if name in quotas.defaults else "an administrator"


@click.command()
@_project
@options.output_option
@options.connection_options
def members(*, flags: Flags, project_named: str | None, output: Format) -> None:
    """List a project's members and their roles. Administrators may enter every project, and are no members of it."""
    with connected(flags, _REMEDIES) as client:
        found = client.people.members(_id_of(client, project_named))
    if output is Format.TABLE:
        print_table(("USER", "ROLE"), [(each.user, each.role) for each in found.members], "No members.")
    else:
        print_document(found, output)


@click.command()
@click.argument("user")
@click.argument("role", metavar="ROLE", type=click.Choice(["owner", "editor", "viewer"]))
@_project
@options.output_option
@options.connection_options
def grant(
    *, flags: Flags, user: str, role: Literal["owner", "editor", "viewer"], project_named: str | None, output: Format
) -> None:
    """Give USER a ROLE (owner, editor or viewer) in a project, in place of the one that they had. It counts at once."""
    with connected(flags, _REMEDIES) as client:
        given = client.people.give_role(_id_of(client, project_named), user, role)
    if output is Format.TABLE:
        click.echo(f"{user} is {role} now.")
    else:
        print_document(given, output)


@click.command()
@click.argument("user")
@_project
@options.connection_options
def revoke(*, flags: Flags, user: str, project_named: str | None) -> None:
    """Take USER's role in a project away. Their tokens and sessions for it end at once."""
    with connected(flags, _REMEDIES) as client:
        client.people.remove_member(_id_of(client, project_named), user)
    click.echo(f"{user} is no member any more.")


def _id_of(client: Client, named: str | None) -> str:
    """The id of a project by id or name, or of the connection's. Raises Failure."""
    return client.project_id if named is None else _found(client, named).id


def _found(client: Client, named: str) -> IamProject:
    """The project of that id or name. Raises Failure."""
    found = [each for each in client.people.projects() if named in {each.id, each.name}]
    if not found:
        raise Failure(Exit.NO_SUCH_JOB, f"There is no project {named!r}.", remedy=_REMEDIES[Exit.NO_SUCH_JOB])
    return found[0]


def _say(project: ProjectShown, text: str, output: Format) -> None:
    if output is Format.TABLE:
        click.echo(text)
    else:
        print_document(project, output)
