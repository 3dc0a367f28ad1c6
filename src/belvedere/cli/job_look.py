"""Commands that only look: list, show, logs, events."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from msgspec.structs import replace

from belvedere.cli import options
from belvedere.cli.completing import complete_job_types
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit, Failure
from belvedere.cli.following import new_lines
from belvedere.cli.output import (
    LIST_HEADERS,
    Format,
    detail_pairs,
    list_row,
    print_document,
    print_pairs,
    print_table,
    printable,
)
from belvedere.cli.session import connected, find_job, for_each
from belvedere.cli.values import STATUS_WORDS, parse_since, parse_statuses, zoned_text
from belvedere.client import Client, ListQuery
from belvedere.client.waiting import ENDINGS
from belvedere.contract.jobs import JobEvents, JobList, JobLogs
from belvedere.contract.limits import PAGE_SIZE
from belvedere.contract.listing import SORT_KEYS, TAIL, TAIL_DEFAULT
from belvedere.contract.statuses import JobStatus

FOLLOW_PAUSE = 1.0  # seconds

_STATUS_HELP = f"Several with commas: {', '.join(STATUS_WORDS)}, or ModelArts' names and numbers."


def _since(text: str) -> datetime:
    return parse_since(text, datetime.now(UTC))


@click.command("list")
@click.option("--status", type=options.Parsed("status", parse_statuses), default=(), help=_STATUS_HELP)
@click.option("--search", default="", help="Text in name, description or log location.")
@click.option("--tag", "tags", multiple=True, help="Has this tag; repeat it for jobs that have them all.")
@click.option("--owner", default="", help="Created by this user.")
@click.option("--type", "job_type", default="", shell_complete=complete_job_types, help="tensorboard, …")
@click.option("--since", type=options.Parsed("time", _since), help="Created since: 2h or 7d ago, or a date.")
@click.option("--sort", type=click.Choice(SORT_KEYS), default=SORT_KEYS[0], show_default=True)
@click.option("--order", type=click.Choice(["asc", "desc"]), default="desc", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many jobs.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@options.output_option
@options.connection_options
def list_jobs(  # noqa: PLR0913 - click hands over each option as an argument
    *,
    flags: Flags,
    status: tuple[JobStatus, ...],
    search: str,
    tags: tuple[str, ...],
    owner: str,
    job_type: str,
    since: datetime | None,
    sort: str,
    order: str,
    limit: int,
    everything: bool,
    output: Format,
) -> None:
    """List the project's jobs, the newest first."""
    query = ListQuery(
        statuses=status,
        search=search,
        tags=tags,
        owner=owner,
        job_type=job_type,
        created_from=since,
        sort=sort,
        descending=order == "desc",
    )
    with connected(flags) as client:
        found = collect(client, query, None if everything else limit)
        if job_type and not found.jobs:
            _require_type(client, job_type)
    if output is not Format.TABLE:
        print_document(found, output)
        return
    print_table(LIST_HEADERS, [list_row(job) for job in found.jobs], "No jobs.")
    if more := found.job_total_count - len(found.jobs):
        click.echo(f"{more} more: use --limit or --all.", err=True)


def _require_type(client: Client, job_type: str) -> None:
    """Raise Failure for a type that no job can have."""
    types = [each.job_type for each in client.viewer_types()]
    if job_type not in types:
        raise Failure(Exit.USAGE, f"There is no job type {job_type!r}.", remedy=f"There are {', '.join(types)}.")


def collect(client: Client, query: ListQuery, limit: int | None) -> JobList:
    """As many pages as it takes, as one answer; `next_marker` is None when nothing follows."""
    query = replace(query, page_size=min(limit or PAGE_SIZE, PAGE_SIZE))
    found = client.page(query)
    while found.next_marker and (limit is None or len(found.jobs) < limit):
        page = client.page(query, found.next_marker)
        found = replace(page, jobs=[*found.jobs, *page.jobs])
    return replace(found, jobs=found.jobs[:limit])


@click.command()
@options.some_jobs
@options.output_option
@options.connection_options
def show(*, flags: Flags, jobs: tuple[str, ...], output: Format) -> None:
    """Show jobs in full: status and its reason, address, how far the logs are read, what is allowed."""

    def act(client: Client, job_id: int) -> None:
        found = client.get_versioned(job_id)
        if output is Format.TABLE:
            print_pairs(detail_pairs(found.job, found.etag))
        else:
            print_document(found.job, output)

    for_each(flags, jobs, output, act)


@click.command()
@options.one_job
@options.output_option
@options.connection_options
def events(*, flags: Flags, job: str, output: Format) -> None:
    """Print what happened to a job, oldest first."""
    with connected(flags) as client:
        found = client.events(find_job(client, job))
    if output is not Format.TABLE:
        print_document(JobEvents(events=list(found)), output)
        return
    rows = [(zoned_text(event.time), str(event.attempt), event.kind, event.text) for event in found]
    print_table(("TIME", "ATTEMPT", "EVENT", "WHAT"), rows, "Nothing has happened yet.")


@click.command()
@options.one_job
@click.option("--tail", type=click.IntRange(1, TAIL), default=TAIL_DEFAULT, show_default=True, help="So many lines.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the job ends.")
@options.output_option
@options.connection_options
def logs(*, flags: Flags, job: str, tail: int, follow: bool, output: Format) -> None:
    """Print the last lines of a job's viewer, oldest first."""
    if follow and output is not Format.TABLE:
        raise click.UsageError("--follow prints lines as they come: it can't be one JSON or YAML document.")
    with connected(flags) as client:
        job_id = find_job(client, job)
        lines = client.logs(job_id, TAIL if follow else tail)
        if output is not Format.TABLE:
            print_document(JobLogs(lines=list(lines)), output)
            return
        _print_lines(lines[-tail:])
        if not lines:
            click.echo(f"The viewer of job {job_id} has printed no lines.", err=True)
        if follow:
            _follow(client, job_id, lines)


def _follow(client: Client, job_id: int, lines: tuple[str, ...]) -> None:
    while True:
        ended = client.get(job_id).status in ENDINGS  # asked first, so that the last lines are not missed
        now = client.logs(job_id, TAIL)
        _print_lines(new_lines(lines, now))
        if ended:
            return
        lines = now
        time.sleep(FOLLOW_PAUSE)


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(printable(line.rstrip("\n").replace("\t", "    ")))
