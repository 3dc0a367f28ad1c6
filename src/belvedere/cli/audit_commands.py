"""The commands of `belvedere audit`."""

import functools
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import click
import msgspec

from belvedere.cli import options
from belvedere.cli.connection import Flags
from belvedere.cli.exits import Exit
from belvedere.cli.output import Format, Row, print_document, print_table
from belvedere.cli.session import connected
from belvedere.cli.values import parse_since, zoned_text
from belvedere.client.audit import AuditQuery
from belvedere.contract.audit import RATINGS, AuditList, AuditTrace, TraceName

_REMEDIES = {Exit.NOT_AUTHORISED: "Owners read their project's audit, administrators all of it (--all-projects)."}
_HEADERS = ("TIME", "WHAT", "RESULT", "TO", "BY", "FROM", "TOLD")
_NAMES = [each.value for each in TraceName]
_Command = Callable[..., object]


def _query_options(command: _Command) -> _Command:
    """Add the conditions; the command gets them as `query`."""
    since = options.Parsed("time", lambda text: parse_since(text, datetime.now(UTC)))

    @click.option("--job", type=int, metavar="ID", help="Only what was done to this job.")
    @click.option("--user", default="", metavar="NAME", help="Only what this user did.")
    @click.option("--name", type=click.Choice(_NAMES), metavar="NAME", help="Only traces that are called so: login, …")
    @click.option("--rating", type=click.Choice(RATINGS), metavar="RATING", help=_RATING)
    @click.option("--from", "source_ip", default="", metavar="ADDRESS", help="Only what came from this address.")
    @click.option("--request", "request_id", default="", metavar="ID", help="Only what this request did.")
    @click.option("--since", type=since, metavar="TIME", help="Only later ones: 7d, 2h, or 2026-01-31.")
    @click.option("--all-projects", is_flag=True, help="Of all projects, and of none; administrators only.")
    @functools.wraps(command)
    def with_query(
        *,
        job: int | None,
        user: str,
        name: str | None,
        rating: str | None,
        source_ip: str,
        request_id: str,
        since: datetime | None,
        all_projects: bool,
        **rest: object,
    ) -> object:
        query = AuditQuery(
            job_id=job,
            user=user,
            trace_name=name or "",
            trace_rating=rating or "",
            source_ip=source_ip,
            request_id=request_id,
            time_from=since,
            all_projects=all_projects,
        )
        return command(query=query, **rest)

    return with_query


_RATING = "Only these: normal (done), warning (refused), incident (a fault of the service)."


@click.command("list")
@_query_options
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="So many, the newest first.")
@options.output_option
@options.connection_options
def list_traces(*, flags: Flags, query: AuditQuery, limit: int, output: Format) -> None:
    """List who did what, the newest first."""
    with connected(flags, _REMEDIES) as client:
        found = list(itertools.islice(client.traces(msgspec.structs.replace(query, page_size=min(limit, 1000))), limit))
    if output is Format.TABLE:
        print_table(_HEADERS, [_row(trace) for trace in found], "No traces.")
    else:
        print_document(AuditList(traces=found), output)


@click.command()
@_query_options
@click.option("--after", type=int, metavar="TRACE_ID", help="Go on behind this trace, as the last export ended with.")
@click.option("--limit", type=click.IntRange(1), help="So many at most; all without it.")
@options.connection_options
def export(*, flags: Flags, query: AuditQuery, after: int | None, limit: int | None) -> None:
    """Print all traces, the oldest first, one JSON object a line."""
    pages = msgspec.structs.replace(query, oldest_first=True, page_size=min(limit or 1000, 1000))
    with connected(flags, _REMEDIES) as client:
        for trace in itertools.islice(client.traces(pages, after=after), limit):
            click.echo(msgspec.json.encode(trace))


def _row(trace: AuditTrace) -> Row:
    return (
        zoned_text(trace.time),
        trace.trace_name,
        "done" if trace.trace_rating == "normal" else trace.code or trace.trace_rating,
        " ".join(text for text in (trace.resource_id, trace.resource_name) if text),
        " ".join(text for text in (trace.user, f"({trace.signed_by})" if trace.signed_by else "") if text),
        trace.source_ip,
        trace.message,
    )
