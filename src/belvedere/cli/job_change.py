"""Commands that change or end jobs: update, stop, delete."""

import sys
from collections.abc import Sequence
from typing import Literal

import click
from msgspec import UNSET

from belvedere.cli import options
from belvedere.cli.connection import Flags
from belvedere.cli.output import Format, print_document
from belvedere.cli.session import for_each
from belvedere.cli.values import parse_auto_stop
from belvedere.client import Client
from belvedere.contract.jobs import ScheduleItem, Success, UpdateJob


@click.command()
@options.some_jobs
@click.option("--description", help="Up to 256 characters; an empty one removes it.")
@click.option(
    "--auto-stop",
    type=options.Parsed("duration", parse_auto_stop),
    help="Stop after so much running time in all: 2h, 30m, 90s, 24h at most, or never. Extends a running job.",
)
@click.option("--tag", "tags", multiple=True, help="Replaces all tags; repeat it for several.")
@click.option("--no-tags", is_flag=True, help="Remove all tags.")
@click.option("--visibility", type=click.Choice(["project", "private"]), help="Who sees the job.")
@options.sleep_option
@click.option("--if-match", metavar="ETAG", help="Only if the job still has this ETag, as `job show` prints it.")
@options.output_option
@options.connection_options
def update(  # noqa: PLR0913 - click hands over each option as an argument
    *,
    flags: Flags,
    jobs: tuple[str, ...],
    description: str | None,
    auto_stop: ScheduleItem | None,
    tags: tuple[str, ...],
    no_tags: bool,
    visibility: str | None,
    sleep_after: int | Literal["never", "default"] | None,
    if_match: str | None,
    output: Format,
) -> None:
    """Change jobs. What isn't named stays as it is."""
    if tags and no_tags:
        raise click.UsageError("--tag and --no-tags exclude each other.")
    changes = UpdateJob(
        job_desc=UNSET if description is None else description,
        schedule=UNSET if auto_stop is None else [auto_stop],
        tags=list(tags) if tags or no_tags else UNSET,
        visibility=UNSET if visibility is None else visibility,
        sleep_after=UNSET if sleep_after is None else None if sleep_after == "default" else sleep_after,
    )
    if changes == UpdateJob():
        raise click.UsageError(
            "Nothing to change: name a --description, --auto-stop, --tag, --visibility or --sleep-after."
        )

    def act(client: Client, job_id: int) -> None:
        client.update(job_id, changes, if_match=if_match)
        _say(f"Job {job_id} is updated.", output)

    for_each(flags, jobs, output, act)


@click.command()
@options.some_jobs
@options.output_option
@options.connection_options
def stop(*, flags: Flags, jobs: tuple[str, ...], output: Format) -> None:
    """Stop jobs. Their definition stays, and they can be restarted under the same address."""

    def act(client: Client, job_id: int) -> None:
        client.stop(job_id)
        _say(f"Job {job_id} is being stopped.", output)

    for_each(flags, jobs, output, act)


@click.command()
@options.some_jobs
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@options.output_option
@options.connection_options
def delete(*, flags: Flags, jobs: tuple[str, ...], yes: bool, output: Format) -> None:
    """Stop and forget jobs. Their logs are not touched."""
    _confirm(jobs, yes)

    def act(client: Client, job_id: int) -> None:
        client.delete(job_id)
        _say(f"Job {job_id} is being deleted.", output)

    for_each(flags, jobs, output, act)


def _confirm(jobs: Sequence[str], yes: bool) -> None:
    """Ask a person; a script has said what it wants."""
    if not yes and sys.stdin.isatty():
        which = f"job {jobs[0]}" if len(jobs) == 1 else f"{len(jobs)} jobs"
        click.confirm(f"Delete {which}?", abort=True, err=True)


def _say(text: str, output: Format) -> None:
    if output is Format.TABLE:
        click.echo(text)
    else:
        print_document(Success(), output)
