"""`belvedere serve`: run the service in this process."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from belvedere.server.cautions import cautions
from belvedere.server.main import Announcement, run_service
from belvedere.server.serving import AddressInUse
from belvedere.server.settings import SettingsError, load_settings


@click.command()
@click.option("--data", metavar="FOLDER", help="Database, mirrors and bootstrap.json. Default: the user's data folder.")
@click.option("--log-root", multiple=True, metavar="FOLDER", help="Folder below which logs may lie. May be repeated.")
@click.option("--host", metavar="ADDRESS", help="Address of the API and console. Default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API and console. Default: 8080.")
@click.option("--viewer-host", metavar="ADDRESS", help="Address of the viewers. Default: as --host.")
@click.option("--viewer-port", type=click.IntRange(0, 65535), help="Port of the viewers. Default: 8081.")
@click.option("--public-url", metavar="ORIGIN", help="Origin of the API and console as browsers see it.")
@click.option("--viewer-url", metavar="ORIGIN", help="Origin of the viewers as browsers see it.")
@click.option("--require-sandbox", is_flag=True, default=None, help="Refuse to start where viewers can't be confined.")
@click.option("--tls-cert", metavar="FILE", help="PEM file: the certificate with its chain. Both ports then speak TLS.")
@click.option("--tls-key", metavar="FILE", help="PEM file: the certificate's key.")
@click.option("--mirror-quota", metavar="SIZE", help="Disk for logs from object stores, like 20GiB. Default: 10GiB.")
@click.option("--log-format", type=click.Choice(["json", "text"]), help="Default: json.")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file with any of the settings.")
def serve(config: Path | None, **flags: object) -> None:
    """Run Belvedere: API, console, gateway and the viewer host.

    Settings come from these flags, then BELVEDERE_* variables, then the file, then defaults. Object stores are
    configured by variables (BELVEDERE_STORE_ENDPOINT, _ACCESS_KEY, _SECRET_KEY, _REGION, _ADDRESSING) or in the file,
    never on the command line. Ctrl-C ends the service and all viewers; SIGTERM ends the service alone, and the next
    start finds its viewers again.
    """
    chosen = config or config_from_environment()
    try:
        settings = load_settings(flags, os.environ, chosen)
        told = cautions(settings, os.environ, chosen)
        announce = partial(_announce, cautions=told, in_log=settings.log_format == "json")
        status = run_service(settings, announce=announce, cautions=told)
    except (SettingsError, AddressInUse) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    sys.exit(status)


def config_from_environment() -> Path | None:
    """The configuration file that the variable names."""
    named = os.environ.get("BELVEDERE_CONFIG")
    return Path(named) if named else None


def _announce(announcement: Announcement, *, cautions: Sequence[str], in_log: bool) -> None:
    """Tell a person where things are. The sign-in link is a secret: it goes to a terminal only.

    Where a program reads a log of JSON lines, these would be a fault in it, and the log says the same.
    """
    if in_log and not sys.stdout.isatty():
        return
    lines = [
        f"Belvedere {announcement.version} is up.",
        f"  API and console  {announcement.api_origin}/",
        f"  Viewers          {announcement.viewer_origin}/",
        f"  First identity   {announcement.bootstrap_file} (project id and token)",
    ]
    if sys.stdout.isatty():
        lines.append(f"  Sign in once at  {announcement.sign_in_url}")
    lines += [f"  Caution: {text}" for text in cautions]
    click.echo("\n".join(lines))
