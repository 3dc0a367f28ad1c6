"""The commands of `belvedere store`."""

import os
import sys
from collections.abc import Mapping
from typing import Literal

import click

from belvedere.cli import options
from belvedere.cli.completing import complete_stores
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit, Failure
from belvedere.cli.output import Format, print_document, print_table
from belvedere.cli.session import connected
from belvedere.contract.log_stores import AddLogStore, LogStore, UpdateLogStore

SECRET_VARIABLE = "BELVEDERE_SECRET_KEY"  # noqa: S105 - its name
_REMEDIES = {
    Exit.NO_SUCH_JOB: "`belvedere store list` shows the stores that this project sees.",
    Exit.REFUSED: "`belvedere store list` shows the stores, and how many jobs name each.",
}
_HEADERS = ("NAME", "ENDPOINT", "REGION", "ACCESS KEY", "FROM", "JOBS", "")

_name = click.argument("name", shell_complete=complete_stores)
_access_key = click.option("--access-key", metavar="KEY", help="The public half of the keys.")
_anonymous = click.option("--anonymous", is_flag=True, help="Send no keys: for public buckets.")


@click.command()
@click.argument("name")
@click.option("--store-endpoint", required=True, metavar="URL", help="Its address, like https://obs.example.org.")
@_access_key
@_anonymous
@click.option("--region", default="us-east-1", show_default=True, help="Region that requests are signed for.")
@click.option("--addressing", type=click.Choice(["path", "virtual-host"]), default="path", show_default=True)
@click.option("--allow-http", is_flag=True, help="Allow a plain http:// address.")
@click.option("--shared", is_flag=True, help="For all projects; administrators only.")
@options.output_option
@options.connection_options
def add(  # noqa: PLR0913 - click hands over each option as an argument
    *,
    flags: Flags,
    name: str,
    store_endpoint: str,
    access_key: str | None,
    anonymous: bool,
    region: str,
    addressing: Literal["path", "virtual-host"],
    allow_http: bool,
    shared: bool,
    output: Format,
) -> None:
    """Add an object store under NAME.

    Its secret key is asked for, or read from standard input, or taken from BELVEDERE_SECRET_KEY.
    """
    if store_endpoint.startswith("http://") and not allow_http:
        message = f"{store_endpoint}: plain http:// shows the logs to the network."
        raise Failure(Exit.USAGE, message, remedy="Use https://, or say --allow-http if it is meant.")
    access, secret = _keys(access_key, anonymous=anonymous)
    wanted = AddLogStore(
        name=name,
        endpoint=store_endpoint,
        access_key=access,
        secret_key=secret,
        region=region,
        addressing=addressing,
        allow_http=allow_http,
        shared=shared,
    )
    with connected(flags, _REMEDIES) as client:
        _say(
            client.add_log_store(wanted), f"The store {name} is added. Try it by `belvedere store test {name}`.", output
        )


@click.command("list")
@options.output_option
@options.connection_options
def list_stores(*, flags: Flags, output: Format) -> None:
    """List the object stores that the project's jobs may read from; never their secret keys."""
    with connected(flags, _REMEDIES) as client:
        found = client.log_stores()
    if output is Format.TABLE:
        print_table(_HEADERS, [_row(store) for store in found.log_stores], "No stores.")
    else:
        print_document(found, output)


@click.command()
@_name
@click.option("--bucket", help="Look into this bucket too.")
@options.output_option
@options.connection_options
def test(*, flags: Flags, name: str, bucket: str | None, output: Format) -> None:
    """Ask the store NAME whether it accepts the keys; exit code 1 if not."""
    with connected(flags, _REMEDIES) as client:
        tried = client.try_log_store(name, bucket)
    if output is not Format.TABLE:
        print_document(tried, output)
    elif tried.works:
        click.echo(f"The store {name} can be used.")
    if tried.reason:
        raise Failure(Exit.UNEXPECTED, f"The store {name} can't be used: {tried.reason.text} ({tried.reason.code})")


@click.command()
@_name
@_access_key
@_anonymous
@options.output_option
@options.connection_options
def rotate(*, flags: Flags, name: str, access_key: str | None, anonymous: bool, output: Format) -> None:
    """Give the store NAME new keys. Running jobs go on with them, without a restart.

    The secret key is asked for, or read from standard input, or taken from BELVEDERE_SECRET_KEY.
    """
    with connected(flags, _REMEDIES) as client:
        if access_key is None and not anonymous:
            raise click.UsageError("Name the new --access-key, or say --anonymous.")
        access, secret = _keys(access_key, anonymous=anonymous)
        changed = client.update_log_store(name, UpdateLogStore(access_key=access, secret_key=secret))
        _say(changed, f"The store {name} has new keys.", output)


@click.command()
@_name
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@options.connection_options
def remove(*, flags: Flags, name: str, yes: bool) -> None:
    """Forget the store NAME and its keys. Not while jobs name it; what it holds is not touched."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"Remove the store {name}?", abort=True, err=True)
    with connected(flags, _REMEDIES) as client:
        client.remove_log_store(name)
        click.echo(f"The store {name} is removed.")


def _keys(access_key: str | None, *, anonymous: bool) -> tuple[str, str]:
    """The pair of keys; two empty ones for none. Raises Failure, UsageError."""
    if anonymous:
        if access_key:
            raise click.UsageError("--access-key and --anonymous exclude each other.")
        return "", ""
    if not access_key:
        raise click.UsageError("Name the --access-key, or say --anonymous for public buckets.")
    return access_key, _secret(os.environ)


def _secret(environ: Mapping[str, str]) -> str:
    """The secret key, from the variable, a terminal without echo, or a pipe's first line. Raises Failure."""
    given = environ.get(SECRET_VARIABLE, "").strip()
    if not given and sys.stdin.isatty():
        given = str(click.prompt("Secret key", hide_input=True, err=True)).strip()
    elif not given:
        given = sys.stdin.readline().strip()
    if not given:
        remedy = f"Set {SECRET_VARIABLE}, pipe the key in, or run this on a terminal."
        raise Failure(Exit.USAGE, "No secret key came.", remedy=remedy)
    return given


def _row(store: LogStore) -> tuple[str, ...]:
    note = "" if store.usable else "its keys can't be decrypted"
    keys = store.access_key or "(none)"
    return (store.name, store.endpoint, store.region, keys, store.origin, str(store.jobs), note)


def _say(store: LogStore, text: str, output: Format) -> None:
    if output is Format.TABLE:
        click.echo(text)
    else:
        print_document(store, output)
