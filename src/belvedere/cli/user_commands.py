"""The commands of `belvedere user`."""

import os
import sys

import click

from belvedere.cli import options
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit, Failure
from belvedere.cli.output import Format, print_document, print_table
from belvedere.cli.session import connected
from belvedere.client import Client
from belvedere.contract.errors import RequestError
from belvedere.contract.identity import AddUser, ChangePassword, ChangeUser, UserShown
from belvedere.contract.identity_rules import user_name

PASSWORD_VARIABLE = "BELVEDERE_PASSWORD"  # noqa: S105 - its name
_REMEDIES = {
    Exit.NO_SUCH_JOB: "`belvedere user list` shows the users.",
    Exit.REFUSED: "`belvedere user list` shows the users.",
}
_HEADERS = ("USER", "KIND", "SIGNS IN BY", "STATE")

_name = click.argument("name")


@click.command()
@_name
@click.option("--service", is_flag=True, help="A service account: no password, but keys (`belvedere key add`).")
@click.option("--no-password", is_flag=True, help="They sign in at the OpenID provider.")
@click.option("--administrator", is_flag=True, help="May do everything everywhere.")
@options.output_option
@options.connection_options
def add(*, flags: Flags, name: str, service: bool, no_password: bool, administrator: bool, output: Format) -> None:
    """Add the user NAME. Give them a role by `belvedere project grant`.

    The password is asked for, or read from standard input, or taken from BELVEDERE_PASSWORD.
    """
    with connected(flags, _REMEDIES) as client:
        _require_free(client, name)
        password = None if service or no_password else _new_password()
        wanted = AddUser(name=name, password=password, service=service, administrator=administrator)
        made = client.people.add_user(wanted)
    _say(made, f"The user {name} is added. Give them a role by `belvedere project grant {name} editor`.", output)


@click.command("list")
@options.output_option
@options.connection_options
def list_users(*, flags: Flags, output: Format) -> None:
    """List all users."""
    with connected(flags, _REMEDIES) as client:
        found = client.people.users()
    if output is Format.TABLE:
        print_table(_HEADERS, [_row(user) for user in found.users], "No users.")
    else:
        print_document(found, output)


@click.command()
@_name
@options.output_option
@options.connection_options
def disable(*, flags: Flags, name: str, output: Format) -> None:
    """End all that is NAME's at once: tokens, sessions, open viewers. While disabled, their keys open nothing."""
    _enable(flags, name, output, enabled=False, text=f"The user {name} is disabled; nothing is open to them any more.")


@click.command()
@_name
@options.output_option
@options.connection_options
def enable(*, flags: Flags, name: str, output: Format) -> None:
    """Let NAME sign in again. Their keys work again; tokens and sessions of before don't."""
    _enable(flags, name, output, enabled=True, text=f"The user {name} may sign in again.")


@click.command()
@_name
@options.output_option
@options.connection_options
def untie(*, flags: Flags, name: str, output: Format) -> None:
    """Forget who NAME is at the OpenID provider.

    Their sessions end. Who signs in there by that name next is tied to it anew; if NAME has a password or keys, only
    with the setting oidc.tie_existing.
    """
    with connected(flags, _REMEDIES) as client:
        _say(client.people.change_user(name, ChangeUser(outside=False)), f"{name} is tied to nobody any more.", output)


@click.command()
@click.argument("name", required=False)
@options.connection_options
def password(*, flags: Flags, name: str | None) -> None:
    """Set the password of NAME (administrators), or without NAME change one's own.

    It is asked for, or read from standard input, or taken from BELVEDERE_PASSWORD. For one's own, the present one is
    asked for first, or read as the first line.
    """
    with connected(flags, _REMEDIES) as client:
        if name is None:
            present = _present_password()
            client.people.change_password(ChangePassword(password=present, new_password=_new_password()))
        else:
            client.people.change_user(name, ChangeUser(password=_new_password()))
    click.echo("The password is set. What was opened by the old one has ended.")


@click.command()
@options.output_option
@options.connection_options
def whoami(*, flags: Flags, output: Format) -> None:
    """Say who the token belongs to, and what they may do."""
    with connected(flags, _REMEDIES) as client:
        me = client.people.me()
    if output is not Format.TABLE:
        print_document(me, output)
        return
    what = "administrator" if me.administrator else me.role or "no role"
    here = next((each.name for each in me.projects if each.id == me.project_id), me.project_id)
    click.echo(f"{me.user}, {what} in project {here}")
    rows = [(each.name, each.id, each.role or "administrator") for each in me.projects]
    print_table(("PROJECT", "ID", "ROLE"), rows, "No projects.")


def _require_free(client: Client, name: str) -> None:
    """Refuse a name before a password is asked for; the service has the last word. Raises Failure, ClientError."""
    try:
        user_name(name, "NAME")
    except RequestError as error:
        raise Failure(Exit.USAGE, error.message) from error
    if name in {user.name for user in client.people.users().users}:
        raise Failure(Exit.REFUSED, f"There is a user named {name} already.", remedy=_REMEDIES[Exit.REFUSED])


def _enable(flags: Flags, name: str, output: Format, *, enabled: bool, text: str) -> None:
    with connected(flags, _REMEDIES) as client:
        _say(client.people.change_user(name, ChangeUser(enabled=enabled)), text, output)


def _present_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Present password", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


def _new_password() -> str:
    """From the variable, a terminal without echo (twice), or a pipe's next line. Raises Failure."""
    given = os.environ.get(PASSWORD_VARIABLE, "")
    if not given and sys.stdin.isatty():
        given = str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    elif not given:
        given = sys.stdin.readline().rstrip("\n")
    if not given:
        remedy = f"Set {PASSWORD_VARIABLE}, pipe the password in, or run this on a terminal."
        raise Failure(Exit.USAGE, "No password came.", remedy=remedy)
    return given


def _row(user: UserShown) -> tuple[str, ...]:
    kind = "service" if user.service else "administrator" if user.administrator else "user"
    return (user.name, kind, _ways(user), "enabled" if user.enabled else "disabled")


def _ways(user: UserShown) -> str:
    """How they sign in."""
    return " and ".join(["password"] * user.has_password + ["provider"] * user.outside) or _otherwise(user)


def _otherwise(user: UserShown) -> str:
    """How they are known without a password and a provider. Whether they have keys is not told here."""
    return "keys" if user.service else "token or keys" if user.administrator else "nothing yet"


def _say(user: UserShown, text: str, output: Format) -> None:
    if output is Format.TABLE:
        click.echo(text)
    else:
        print_document(user, output)
