"""The group `belvedere job sources`: a job's log sources, while it runs."""

import os
from collections.abc import Callable, Sequence

import click
import msgspec

from belvedere.cli import options
from belvedere.cli.completing import complete_named_sources, complete_source_names
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit, Failure
from belvedere.cli.output import Format, choice_text, print_document, print_table, source_text
from belvedere.cli.session import connected, find_job
from belvedere.cli.values import log_location, name_for, parse_source
from belvedere.client import Client, Refused
from belvedere.contract.jobs import JobSource, JobSources, JobSourceState

_PRECONDITION_FAILED = 412
_TRIES = 5  # somebody else may be changing them too


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say of the sources that are named beside them."""

    store: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    latest: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether everything is shown."""
        return not (self.include or self.exclude or self.latest)

    def source(self, name: str, url: str) -> JobSource:
        """A source as it is sent."""
        return JobSource(
            name=name,
            url=location_of(url),
            store=self.store,
            include=list(self.include) or None,
            exclude=list(self.exclude) or None,
            latest=self.latest,
        )


def location_of(url: str) -> str:
    """A URL as the service understands it."""
    return log_location(url, os.getcwd())  # noqa: PTH109 - as the user calls it, symlinks kept


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def sources() -> None:
    """Show a job's log sources, attach others and detach some. A job that runs goes on meanwhile."""


@sources.command("list")
@options.one_job
@options.output_option
@options.connection_options
def list_sources(*, flags: Flags, job: str, output: Format) -> None:
    """List where a job's logs come from, and how far each source has been read."""
    with connected(flags) as client:
        found = client.sources(find_job(client, job)).sources
    _print(found, output)


@sources.command()
@options.one_job
@click.argument(
    "named",
    metavar="NAME=URL...",
    type=options.Parsed("source", parse_source),
    nargs=-1,
    required=True,
    shell_complete=complete_named_sources,
)
@options.choosing_options
@options.output_option
@options.connection_options
def attach(
    *,
    flags: Flags,
    job: str,
    named: tuple[tuple[str, str], ...],
    store: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    latest: int | None,
    output: Format,
) -> None:
    """Show further logs in a job, each under its name. A name that the job has already gets the new URL.

    In one folder's name * stands for any text: exp=obs://bucket/exp-*/ shows all of them, and new ones as they appear.
    """
    chosen = Choice(store=store, include=include, exclude=exclude, latest=latest)
    fresh = [chosen.source(*each) for each in named]

    def add(present: Sequence[JobSource]) -> Sequence[JobSource]:
        by_name = {source.name.lower(): source for source in [*_with_names(present, fresh), *fresh]}
        return list(by_name.values())

    with connected(flags) as client:
        _print(_change(client, find_job(client, job), add), output)


@sources.command()
@options.one_job
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_source_names)
@options.output_option
@options.connection_options
def detach(*, flags: Flags, job: str, names: tuple[str, ...], output: Format) -> None:
    """Show some of a job's logs no longer. Nothing is deleted where they lie."""
    gone = {name.lower() for name in names}

    def remove(present: Sequence[JobSource]) -> Sequence[JobSource]:
        known = {source.name.lower() for source in present}
        for name in names:
            if name.lower() not in known:
                has = ", ".join(source.name for source in present if source.name) or "one without a name"
                raise Failure(Exit.USAGE, f"The job has no source named {name!r}.", remedy=f"It has: {has}.")
        left = [source for source in present if source.name.lower() not in gone]
        if not left:
            remedy = "Attach another first, or delete the job by `belvedere job delete`."
            raise Failure(Exit.USAGE, "A job needs one source at least.", remedy=remedy)
        return left

    with connected(flags) as client:
        _print(_change(client, find_job(client, job), remove), output)


def _change(client: Client, job_id: int, change: Callable[[Sequence[JobSource]], Sequence[JobSource]]) -> JobSources:
    """Read, change and write; again if somebody else wrote in between."""
    for left in reversed(range(_TRIES)):
        read = client.sources(job_id)
        wanted = change([_as_sent(each) for each in read.sources.sources])
        try:
            return client.set_sources(job_id, wanted, if_match=read.etag)
        except Refused as error:
            if error.status != _PRECONDITION_FAILED or not left:
                raise
    raise AssertionError("the last try returns or raises")


def _as_sent(state: JobSourceState) -> JobSource:
    return JobSource(
        name=state.name,
        url=state.url,
        store=state.store or None,
        include=state.include or None,
        exclude=state.exclude or None,
        latest=state.latest,
    )


def _with_names(present: Sequence[JobSource], fresh: Sequence[JobSource]) -> list[JobSource]:
    """Beside others the job's sole source needs a name, if it has none."""
    named = []
    for source in present:
        if not source.name:
            name = name_for(source.url, [each.name for each in fresh])
            click.echo(f"The runs of {source.url} are shown below {name}/ from now on.", err=True)
            source = msgspec.structs.replace(source, name=name)  # noqa: PLW2901 - the same one, named
        named.append(source)
    return named


def _print(found: JobSources, output: Format) -> None:
    if output is not Format.TABLE:
        print_document(found, output)
        return
    print_table(("NAME", "LOGS", "CHOSEN", "READ", "REASON"), [_row(source) for source in found.sources], "No sources.")


def _row(source: JobSourceState) -> tuple[str, ...]:
    progress = source.progress
    return (
        source.name or "-",
        f"{source.url} in {source.store}" if source.store else source.url,
        choice_text(source) or "everything",
        source_text(msgspec.structs.replace(progress, reason=None)) if progress else "-",
        source.reason.text if source.reason else "",
    )
