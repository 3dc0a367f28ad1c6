"""What a person sees while waiting for a job: a bar on a terminal, a line per change elsewhere. On standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from belvedere.cli.output import amount_words, outlook_words, printable
from belvedere.cli.values import bytes_text
from belvedere.contract.jobs import JobDetails, SourceProgress

Report = Callable[[JobDetails], None]


@contextmanager
def progress() -> Iterator[Report]:
    """Give what `Client.wait` calls at each look."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("Waiting", total=None)

        def report(job: JobDetails) -> None:
            source = job.source
            total = source.bytes_total if source and source.bytes_total and source.state != "listing" else None
            done = source.bytes_done if source else 0
            bar.update(task, description=Text(describe(job)).plain, total=total, completed=done)

        yield report


def _lines() -> Report:
    """Print a line when the status, the reason or the step of reading changes: not for every byte."""
    last: list[object] = []

    def report(job: JobDetails) -> None:
        state = [job.status, job.reason, job.source.state if job.source else None]
        if state != last:
            last[:] = state
            click.echo(describe(job), err=True)

    return report


def describe(job: JobDetails) -> str:
    """One line, and the reason if there is one.

    Like ``Starting: copying 3 of 12 files, 3.4 MB of 20.1 MB, 1.2 MB/s, 14 s left``.
    """
    text = f"{job.status_name}{_reading(job)}"
    return printable(f"{text}. {job.reason.text}" if job.reason else text)


def _reading(job: JobDetails) -> str:
    source = job.source
    if source is None:
        return ""
    if not source.files_total:
        return ", ".join((f": {source.state}", *outlook_words(source)))
    files, *sizes = amount_words(source)
    return ", ".join((f": {source.state} {files}", *sizes, *_pace(source), *outlook_words(source)))


def _pace(source: SourceProgress) -> Iterator[str]:
    if source.state == "copying" and source.rate:
        yield f"{bytes_text(source.rate)}/s"
    if source.state == "copying" and source.seconds_left is not None:
        yield f"{source.seconds_left} s left"
