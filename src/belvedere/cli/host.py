"""`belvedere host`: the viewer host alone, as `serve` starts it by itself."""

from pathlib import Path

import click

from belvedere.host.main import ORPHAN_GRACE, POLL_SECONDS, run_host


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Data folder of the service that will ask for viewers.",
)
@click.option(
    "--orphan-grace",
    type=click.FloatRange(min=0),
    default=ORPHAN_GRACE,
    show_default=True,
    help="Seconds without a question after which it ends.",
)
@click.option(
    "--poll-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=POLL_SECONDS,
    show_default=True,
    help="Seconds between two looks at a log source.",
)
@click.option("--cold", is_flag=True, help="Keep no warm parent; viewers start slower.")
def host(data: Path, orphan_grace: float, poll_seconds: float, cold: bool) -> int:
    """Run a viewer host: the process that owns mirrors and viewers.

    One for each data folder: if one runs there already, this ends at once. It answers on a unix socket in that folder.
    """
    return run_host(data, orphan_grace=orphan_grace, poll_seconds=poll_seconds, warm=not cold)
