"""What commands print: tables for people, JSON and YAML for programs.

Names and descriptions are other people's words: control characters never reach the terminal.
"""

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum

import click
import msgspec

from belvedere.cli.values import bytes_text, clock_text, duration_text, zoned_text
from belvedere.contract.jobs import JobDetails, JobSourceState, SourceProgress
from belvedere.contract.statuses import JobStatus


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Row = Sequence[str]
_BEFORE_RUNNING = frozenset({JobStatus.INIT, JobStatus.SUBMIT_TRYING, JobStatus.WAITING})


def print_document(value: msgspec.Struct, output: Format) -> None:
    """The API's answer as one JSON or YAML document."""
    if output is Format.JSON:
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
        return
    import yaml  # noqa: PLC0415 - 40 ms that only YAML should cost

    click.echo(
        yaml.safe_dump(msgspec.to_builtins(value), sort_keys=False, allow_unicode=True, explicit_start=True), nl=False
    )


def print_table(headers: Row, rows: Sequence[Row], none: str) -> None:
    """A table on a terminal, plain aligned columns in a pipe; without rows the sentence `none`, on standard error."""
    if not rows:
        click.echo(none, err=True)
        return
    rows = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        click.echo(aligned([headers, *rows]))
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Names and values, one pair a line."""
    click.echo(aligned([(f"{name}:", printable(value)) for name, value in pairs]))


def aligned(rows: Sequence[Row]) -> str:
    """Rows as lines, with columns two spaces apart and nothing behind the last one."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def printable(text: str) -> str:
    """The text on one line, with control characters replaced."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in {"Cc", "Cs"} else c for c in text)


LIST_HEADERS = ("ID", "NAME", "TYPE", "STATUS", "CREATED", "RAN", "STOPS IN", "LOGS")


def list_row(job: JobDetails) -> Row:
    """One line of a list."""
    return (
        str(job.job_id),
        job.job_name,
        job.job_type,
        status_text(job),
        zoned_text(job.create_time),
        duration_text(job.duration),
        stops_text(job),
        job.train_url if len(job.sources) < 2 else f"{job.train_url} and {len(job.sources) - 1} more",
    )


def detail_pairs(job: JobDetails, etag: str) -> list[tuple[str, str]]:
    """All that a person wants to know of one job."""
    pairs = [
        ("Job", f"{job.job_id} ({job.job_name})"),
        ("Status", f"{status_text(job)} ({job.status})"),
        ("Reason", f"{job.reason.text} ({job.reason.code})" if job.reason else ""),
        ("Address", job.service_url),
        *(("Logs", logs_text(source)) for source in job.sources),
        ("Read", source_text(job.source) if job.source else ""),
        ("Type", job.job_type),
        ("Flavor", job.flavor.code),
        ("Created", zoned_text(job.create_time)),
        ("Running since", zoned_text(job.started_time)),
        ("Ended", zoned_text(job.ended_time)),
        ("Ran for", duration_text(job.duration)),
        ("Stops in", stops_text(job)),
        ("Sleeps after", sleep_text(job.sleep_after)),
        ("Description", job.job_desc),
        ("Tags", " ".join(job.tags)),
        ("Owner", job.owner),
        ("Visibility", job.visibility),
        ("Allowed", " ".join(job.allowed)),
        ("Attempt", str(job.attempt)),
        ("ETag", etag),
    ]
    return [(name, value) for name, value in pairs if value not in {"", "-"}]


def status_text(job: JobDetails) -> str:
    """The status, and whether it is one of a viewer that a click has to wake."""
    return f"{job.status_name}, asleep" if job.asleep else job.status_name


def stops_text(job: JobDetails) -> str:
    """How long until it stops by itself; before it runs, how long it then will."""
    left = duration_text(job.remaining_duration)
    is_to_run = JobStatus(job.status) in _BEFORE_RUNNING and job.remaining_duration is not None
    return f"{left} once it runs" if is_to_run else left


def logs_text(source: JobSourceState) -> str:
    """One of a job's log sources: its name, where it is, what is chosen of it, and what there is to tell of it."""
    name = f"{source.name} = " if source.name else ""
    store = f" in {source.store}" if source.store else ""
    chosen = f" ({choice_text(source)})" if choice_text(source) else ""
    return f"{name}{source.url}{store}{chosen}" + (f": {source.reason.text}" if source.reason and source.name else "")


def choice_text(source: JobSourceState) -> str:
    """Which of a source's runs are shown, "" for all."""
    parts = [
        *(f"only {pattern}" for pattern in source.include),
        *(f"not {pattern}" for pattern in source.exclude),
        *([f"latest {source.latest}"] if source.latest else []),
    ]
    return ", ".join(parts)


def sleep_text(sleep_after: int | str | None) -> str:
    """How long the viewer stays awake without anybody looking; nothing where the service's default counts."""
    return duration_text(sleep_after * 1000) if isinstance(sleep_after, int) else sleep_after or ""


def source_text(source: SourceProgress) -> str:
    """How far the logs have been read."""
    told = ", ".join((source.state, *amount_words(source), *outlook_words(source)))
    return f"{told}: {source.reason.text}" if source.reason else told


def amount_words(source: SourceProgress) -> Iterator[str]:
    """How much is there, of how much if that is known."""
    if source.state == "listing":
        yield f"{source.files_done} files so far"
        yield bytes_text(source.bytes_done)
    else:
        yield f"{source.files_done} of {source.files_total} files"
        yield f"{bytes_text(source.bytes_done)} of {bytes_text(source.bytes_total)}"


def outlook_words(source: SourceProgress) -> Iterator[str]:
    """When the logs changed last, and when they are looked at again."""
    if source.changed_at:
        yield f"last change {zoned_text(source.changed_at)}"
    if source.next_look_at:
        yield f"next {'try' if source.failures else 'look'} {clock_text(source.next_look_at)}"
    if source.gives_up_at:
        yield f"given up at {clock_text(source.gives_up_at)} unless it answers"
