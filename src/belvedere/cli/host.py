"""`belvedere host`: run a viewer host in this process."""

from pathlib import Path

import click

from belvedere.host.main import ORPHAN_GRACE, POLL_SECONDS, run_host


@click.command()
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), required=True, help="The data folder.")
@click.option("--orphan-grace", default=ORPHAN_GRACE, show_default=True, help="Seconds it outlives its service.")
@click.option("--poll-seconds", default=POLL_SECONDS, show_default=True, help="Pause between looks at a log source.")
@click.option("--cold", is_flag=True, help="Keep no warm parent: less memory, slower starts.")
def host(data: Path, orphan_grace: float, poll_seconds: float, cold: bool) -> int:
    """Run a viewer host. `belvedere serve` starts one by itself; run it yourself to see what it does."""
    return run_host(data, orphan_grace=orphan_grace, poll_seconds=poll_seconds, warm=not cold)
