"""The commands of `belvedere key`."""

import click

from belvedere.cli import options
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit
from belvedere.cli.output import Format, print_document, print_table
from belvedere.cli.session import connected
from belvedere.contract.iam import KeyAnswer, KeysAnswer

_REMEDIES = {Exit.NO_SUCH_JOB: "`belvedere key list` shows the keys; `--user NAME` another's."}
_user = click.option("--user", metavar="NAME", help="Another user's, or a service account's; administrators only.")


@click.command()
@_user
@click.option("--description", default="", help="What it is for.")
@options.output_option
@options.connection_options
def add(*, flags: Flags, user: str | None, description: str, output: Format) -> None:
    """Make an access key. Both halves are printed; the secret one this once."""
    with connected(flags, _REMEDIES) as client:
        made = client.people.add_key(user=user, description=description)
    if output is Format.TABLE:
        click.echo(f"access_key: {made.access}\nsecret_key: {made.secret}")
        click.echo("Keep the secret key: it is not told again.", err=True)
    else:
        print_document(KeyAnswer(made), output)


@click.command("list")
@_user
@options.output_option
@options.connection_options
def list_keys(*, flags: Flags, user: str | None, output: Format) -> None:
    """List access keys, the oldest first; never their secrets."""
    with connected(flags, _REMEDIES) as client:
        found = client.people.keys(user)
    if output is Format.TABLE:
        rows = [(key.access, key.user_name, key.create_time[:10], key.description) for key in found]
        print_table(("ACCESS KEY", "USER", "MADE", "FOR"), rows, "No keys.")
    else:
        print_document(KeysAnswer(list(found)), output)


@click.command()
@click.argument("access_key")
@options.connection_options
def remove(*, flags: Flags, access_key: str) -> None:
    """Remove ACCESS_KEY; it opens nothing from now on."""
    with connected(flags, _REMEDIES) as client:
        client.people.remove_key(access_key)
    click.echo(f"The key {access_key} is removed.")
