"""Commands that bring a viewer up, or a browser to it: create, restart, open."""

import os
import sys
import webbrowser
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

import click

from belvedere.cli import options
from belvedere.cli.completing import complete_flavors, complete_job_types, complete_named_sources, complete_sources
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit, Failure
from belvedere.cli.job_sources import Choice, location_of
from belvedere.cli.output import Format, print_document, printable
from belvedere.cli.progress import progress
from belvedere.cli.session import connected, find_job, for_each
from belvedere.cli.values import parse_auto_stop, parse_source
from belvedere.client import Client, Outcome, Waited
from belvedere.contract.jobs import CreateJob, FlavorRef, JobDetails, ScheduleItem, Success


@click.command()
@click.argument("name")
@click.option(
    "--train-url",
    metavar="URL",
    shell_complete=complete_sources,
    help="Where the logs are: obs://bucket/run-1/, /folder or ./folder.",
)
@click.option(
    "--source",
    "named",
    type=options.Parsed("source", parse_source),
    multiple=True,
    metavar="NAME=URL",
    shell_complete=complete_named_sources,
    help="Several places instead, each under its name. * stands for a part of a folder's name: obs://bucket/exp-*/.",
)
@options.choosing_options
@click.option("--description", help="Up to 256 characters.")
@click.option(
    "--job-type",
    shell_complete=complete_job_types,
    help="Kind of viewer, such as mindinsight; TensorBoard unless said otherwise.",
)
@click.option("--flavor", shell_complete=complete_flavors, help="Resources of the viewer, by their code.")
@click.option(
    "--auto-stop",
    type=options.Parsed("duration", parse_auto_stop),
    help="Stop after so much running time: 2h, 30m, 90s, 24h at most, or never.",
)
@click.option("--tag", "tags", multiple=True, help="Repeat it for several.")
@click.option("--visibility", type=click.Choice(["project", "private"]), help="Who sees the job.")
@options.sleep_option
@options.waiting_options
@options.output_option
@options.connection_options
def create(  # noqa: PLR0913 - click hands over each option as an argument
    *,
    flags: Flags,
    name: str,
    train_url: str | None,
    named: tuple[tuple[str, str], ...],
    store: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    latest: int | None,
    description: str | None,
    job_type: str | None,
    flavor: str | None,
    auto_stop: ScheduleItem | None,
    tags: tuple[str, ...],
    visibility: str | None,
    sleep_after: int | Literal["never", "default"] | None,
    wait: bool,
    open_after: bool,
    timeout: timedelta | None,
    output: Format,
) -> None:
    """Post a visualization job: show the logs at URL.

    A URL that begins with ./ ../ or ~/ is a folder on this machine; it has to lie below one of the service's log roots.
    --store, --include, --exclude and --latest count for each --source.
    """
    if bool(train_url) is bool(named):
        raise click.UsageError("Say where the logs are: by --train-url, or by one --source or more.")
    chosen = Choice(store=store, include=include, exclude=exclude, latest=latest)
    sole = None if chosen.is_plain else chosen.source("", train_url or "")
    wanted = CreateJob(
        job_name=name,
        train_url=location_of(train_url) if train_url and not sole else None,
        store=store if train_url and not sole else None,
        sources=[chosen.source(*each) for each in named] or ([sole] if sole else None),
        job_desc=description,
        job_type=job_type,
        flavor=FlavorRef(flavor) if flavor else None,
        schedule=[auto_stop] if auto_stop else None,
        tags=list(tags) or None,
        visibility=visibility,
        sleep_after=None if sleep_after == "default" else sleep_after,
    )
    hint = folder_hint(train_url, location_of(train_url)) if train_url else ""
    with connected(flags, {Exit.USAGE: hint} if hint else {}) as client:
        created = client.create(wanted)
        if wait:
            _finish_waiting(client, created.job_id, timeout, output)
        elif output is Format.TABLE:
            click.echo(f"Job {created.job_id} ({created.job_name}) is created: {created.service_url}")
            if created.reason:
                click.echo(printable(created.reason.text), err=True)
        else:
            print_document(created, output)
        if open_after:
            _open(client, created.job_id)


@click.command()
@options.some_jobs
@options.waiting_options
@options.output_option
@options.connection_options
def restart(
    *, flags: Flags, jobs: tuple[str, ...], wait: bool, open_after: bool, timeout: timedelta | None, output: Format
) -> None:
    """Run ended jobs again under the same id and address, with their auto-stop time from the beginning."""

    def act(client: Client, job_id: int) -> None:
        client.restart(job_id)
        if wait:
            _finish_waiting(client, job_id, timeout, output)
        elif output is Format.TABLE:
            click.echo(f"Job {job_id} is being restarted.")
        else:
            print_document(Success(), output)
        if open_after:
            _open(client, job_id)

    for_each(flags, jobs, output, act)


@click.command("open")
@options.one_job
@click.option("--print", "print_only", is_flag=True, help="Only print the link. It works once, and not for long.")
@options.output_option
@options.connection_options
def open_job(*, flags: Flags, job: str, print_only: bool, output: Format) -> None:
    """Open a job's viewer in a browser by a link that signs in once.

    Whoever opens the link first is signed in as you: don't share it.
    """
    with connected(flags) as client:
        job_id = find_job(client, job)
        if output is not Format.TABLE:
            print_document(client.ticket(job_id), output)
        elif print_only:
            click.echo(client.ticket(job_id).url)
        else:
            _open(client, job_id)


def folder_hint(text: str, location: str) -> str:
    """What this machine's folders tell of a `text` that the service refused, sent as `location`; mostly nothing."""
    if location == text:
        is_here = "://" not in text and not text.startswith("/") and Path(text).is_dir()
        return f"If the folder here is meant, write --train-url ./{text}" if is_here else ""
    path = Path(location.removeprefix("file://"))
    if path.is_file():
        return f"{path} is a file: name its folder, {path.parent}"
    return "" if path.exists() else f"There is no folder {path} on this machine."


def _open(client: Client, job_id: int) -> None:
    link = client.ticket(job_id)
    if has_browser(os.environ, sys.platform) and webbrowser.open(link.url):
        click.echo(f"Job {job_id} opens in the browser.", err=True)
    else:
        click.echo(f"No browser here. Open this within {link.expires_in} seconds; it works once:", err=True)
        click.echo(link.url)


def has_browser(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a browser would open in a window, rather than take over the terminal or another machine's screen."""
    return platform == "darwin" or bool(
        environ.get("BROWSER") or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    )


def _finish_waiting(client: Client, job_id: int, timeout: timedelta | None, output: Format) -> None:
    """Wait until the job runs and print it. Raises Failure when it doesn't."""
    seconds = None if timeout is None else timeout.total_seconds()
    try:
        with progress() as report:
            waited = client.wait(job_id, timeout=seconds, on_progress=report)
    except KeyboardInterrupt:
        remedy = f"Watch it by `belvedere job show {job_id}`, end it by `belvedere job stop {job_id}`."
        raise Failure(Exit.INTERRUPTED, f"Interrupted; job {job_id} goes on.", remedy=remedy) from None
    if output is not Format.TABLE:
        print_document(waited.job, output)
    elif waited.outcome is Outcome.REACHED:
        click.echo(f"Job {job_id} ({waited.job.job_name}) is running: {waited.job.service_url}")
        if waited.job.reason and sys.stderr.isatty():  # elsewhere the last line of the progress has told it
            click.echo(waited.job.reason.text, err=True)
    failure = failure_of_waiting(waited)
    if failure:
        raise failure


def failure_of_waiting(waited: Waited) -> Failure | None:
    """The failure that an outcome means, if it means one."""
    job = waited.job
    match waited.outcome:
        case Outcome.REACHED:
            return None
        case Outcome.MISSED:
            message = f"Job {job.job_id} ({job.job_name}) does not run: {_because(job)}"
            return Failure(Exit.JOB_FAILED, message, remedy=f"See `belvedere job events {job.job_id}`.")
        case Outcome.TIMED_OUT:
            message = f"Job {job.job_id} ({job.job_name}) is not running yet: {_because(job)}"
            remedy = f"It goes on; `belvedere job show {job.job_id}` says how far it is."
            return Failure(Exit.TIMED_OUT, message, remedy=remedy)


def _because(job: JobDetails) -> str:
    return f"{job.status_name}. {job.reason.text} ({job.reason.code})" if job.reason else f"{job.status_name}."
