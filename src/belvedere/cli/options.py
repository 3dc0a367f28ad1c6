"""Options that many commands share."""

import functools
from collections.abc import Callable
from typing import Generic, TypeVar

import click

from belvedere.cli.completing import complete_jobs, complete_stores
from belvedere.cli.connection import Flags
from belvedere.cli.output import Format
from belvedere.cli.values import parse_duration, parse_sleep_after

_Value = TypeVar("_Value")
_Command = Callable[..., None]


class Parsed(click.ParamType[_Value, str], Generic[_Value]):
    """A value read by a function that raises ValueError with a sentence for people."""

    def __init__(self, name: str, parse: Callable[[str], _Value]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: str | _Value, param: click.Parameter | None, ctx: click.Context | None) -> _Value:
        """Read a text; what was read before stays as it is."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def connection_options(command: _Command) -> _Command:
    """Add --endpoint, --token, --project and --data; the command gets them as `flags`."""

    @click.option("--endpoint", metavar="URL", help="Address of the service. [BELVEDERE_ENDPOINT]")
    @click.option(
        "--token",
        metavar="TOKEN",
        help="Better as BELVEDERE_TOKEN or in bootstrap.json: other users of this machine can see command lines.",
    )
    @click.option("--project", metavar="PROJECT", help="Project, by name or id. [BELVEDERE_PROJECT_ID, the id]")
    @click.option(
        "--data",
        metavar="FOLDER",
        help="Data folder whose bootstrap.json says the rest. [BELVEDERE_DATA; else ./data, else the user's own]",
    )
    @functools.wraps(command)
    def with_flags(
        *, endpoint: str | None, token: str | None, project: str | None, data: str | None, **rest: object
    ) -> None:
        command(flags=Flags(endpoint=endpoint, token=token, project=project, data=data), **rest)

    return with_flags


def _as_format(_: click.Context, __: click.Parameter, value: str) -> Format:
    return Format(value)


output_option = click.option(
    "--output",
    "-o",
    type=click.Choice([each.value for each in Format]),
    default=Format.TABLE.value,
    show_default=True,
    callback=_as_format,
    help="json and yaml print the API's answer.",
)

sleep_option = click.option(
    "--sleep-after",
    type=Parsed("duration", parse_sleep_after),
    help="Let the viewer sleep when nobody has looked for so long, like 15m; never, or default. A click wakes it.",
)

wait_options = (
    click.option("--wait", is_flag=True, help="Return when the viewer answers, or say why it doesn't (exit code 7)."),
    click.option("--open", "open_after", is_flag=True, help="Open the viewer in a browser, already signed in."),
    click.option(
        "--timeout",
        type=Parsed("duration", parse_duration),
        help="With --wait: give up after so long, like 90s or 5m (exit code 8). The job goes on.",
    ),
)


def waiting_options(command: _Command) -> _Command:
    """Add --wait, --open and --timeout."""
    for option in reversed(wait_options):
        command = option(command)
    return command


source_options = (
    click.option("--store", shell_complete=complete_stores, help="The object store that URL lies in, by its name."),
    click.option("--include", multiple=True, metavar="PATTERN", help="Only what matches, like run-* or */train."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Nothing that matches, like **/debug."),
    click.option("--latest", type=click.IntRange(min=1), metavar="N", help="Only the N runs that changed last."),
)


def choosing_options(command: _Command) -> _Command:
    """Add --store, --include, --exclude and --latest."""
    for option in reversed(source_options):
        command = option(command)
    return command


one_job = click.argument("job", metavar="JOB", shell_complete=complete_jobs)
some_jobs = click.argument("jobs", metavar="JOB...", nargs=-1, required=True, shell_complete=complete_jobs)
