"""The commands of `belvedere job share`."""

import os
import sys
from datetime import timedelta

import click

from belvedere.cli import options
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit
from belvedere.cli.lazy import LazyGroup
from belvedere.cli.output import Format, print_document, print_table
from belvedere.cli.session import connected, find_job
from belvedere.cli.values import parse_duration, zoned_text
from belvedere.contract.jobs import Success
from belvedere.contract.shares import CreateShare, Share

PASSWORD_VARIABLE = "BELVEDERE_SHARE_PASSWORD"  # noqa: S105 - its name
_REMEDIES = {Exit.NO_SUCH_JOB: "`belvedere job list` shows the jobs, `belvedere job share list JOB` a job's links."}
_HEADERS = ("SHARE", "FOR", "UNTIL", "PASSWORD", "OPENED", "MADE BY")

share = LazyGroup(
    "share",
    {
        "create": ("belvedere.cli.job_share:create", "Make a link; it is printed this once."),
        "list": ("belvedere.cli.job_share:list_shares", "List a job's links, without what opens them."),
        "revoke": ("belvedere.cli.job_share:revoke", "End a link, and whatever was opened by it."),
    },
    help="""Links by which anybody may look at a job, without an account, until they expire or are revoked.""",
)


@click.command()
@options.one_job
@click.option(
    "--expires-in",
    type=options.Parsed("duration", parse_duration),
    help="How long it works: 1m to 90d; a week if not said.",
)
@click.option("--password", "with_password", is_flag=True, help="Ask for a password that whoever opens it has to know.")
@click.option("--note", help="For whom it is; shown in the list.")
@options.output_option
@options.connection_options
def create(
    *, flags: Flags, job: str, expires_in: timedelta | None, with_password: bool, note: str | None, output: Format
) -> None:
    """Make a link by which anybody may look at JOB, and print it: it is told this once.

    A password is asked for, or read from standard input, or taken from BELVEDERE_SHARE_PASSWORD.
    """
    wanted = CreateShare(
        expires_in=None if expires_in is None else int(expires_in.total_seconds()),
        password=_password() if with_password else None,
        note=note,
    )
    with connected(flags, _REMEDIES) as client:
        made = client.share(find_job(client, job), wanted)
    if output is Format.TABLE:
        click.echo(made.url)
        click.echo(f"It works until {zoned_text(made.share.expire_time)}.", err=True)
    else:
        print_document(made, output)


@click.command("list")
@options.one_job
@options.output_option
@options.connection_options
def list_shares(*, flags: Flags, job: str, output: Format) -> None:
    """List the links to JOB, the newest first, without what opens them."""
    with connected(flags, _REMEDIES) as client:
        found = client.share_list(find_job(client, job))
    if output is Format.TABLE:
        print_table(_HEADERS, [_row(each) for each in found.shares], "No share links.")
    else:
        print_document(found, output)


@click.command()
@options.one_job
@click.argument("share_id", metavar="SHARE")
@options.output_option
@options.connection_options
def revoke(*, flags: Flags, job: str, share_id: str, output: Format) -> None:
    """End the link SHARE to JOB, as `list` names it, and whatever was opened by it."""
    with connected(flags, _REMEDIES) as client:
        client.revoke_share(find_job(client, job), share_id)
    if output is Format.TABLE:
        click.echo(f"The link {share_id} is revoked.")
    else:
        print_document(Success(), output)


def _password() -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given:
        return given
    if sys.stdin.isatty():
        return str(click.prompt("Password for the link", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _row(each: Share) -> tuple[str, ...]:
    return (
        each.share_id,
        each.note,
        "expired" if each.is_expired else zoned_text(each.expire_time),
        "yes" if each.has_password else "no",
        str(each.uses),
        each.created_by,
    )
