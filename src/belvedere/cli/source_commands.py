"""The commands of `belvedere source`."""

import os

import click

from belvedere.cli import options
from belvedere.cli.completing import complete_sources, complete_stores
from belvedere.cli.connection import Flags
from belvedere.cli.output import Format, print_document, print_table
from belvedere.cli.session import connected
from belvedere.cli.values import log_location
from belvedere.contract.log_sources import PAGE_SIZE, LogFolder

_LOGS = {True: "logs", False: "", None: "?"}


@click.command("list")
@click.argument("url", shell_complete=complete_sources)
@click.option("--store", shell_complete=complete_stores, help="The object store that URL lies in, by its name.")
@click.option("--marker", help="Go on after the page that ended with this marker.")
@click.option("--page-size", type=click.IntRange(1, PAGE_SIZE), default=PAGE_SIZE, help="Folders in a page.")
@options.output_option
@options.connection_options
def list_sources(
    *, flags: Flags, url: str, store: str | None, marker: str | None, page_size: int, output: Format
) -> None:
    """List the folders directly below URL, and which of them hold logs: "?" where that takes a longer look."""
    with connected(flags) as client:
        found = client.log_sources(log_location(url, os.getcwd()), store=store, page_size=page_size, marker=marker)  # noqa: PTH109 - as the user calls it, symlinks kept
    if output is not Format.TABLE:
        print_document(found, output)
        return
    print_table(("URL", "HOLDS"), [_row(folder) for folder in found.folders], "No folders.")
    if found.has_logs:
        click.echo(f"There are logs in {found.url} itself.", err=True)
    if found.next_marker:
        click.echo(f"There are more: --marker {found.next_marker}", err=True)


def _row(folder: LogFolder) -> tuple[str, str]:
    return (folder.url, _LOGS[folder.has_logs])
