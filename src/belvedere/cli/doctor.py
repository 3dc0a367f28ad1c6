"""`belvedere doctor`: what is missing on this machine, and what to do."""

import os
from pathlib import Path

import click

from belvedere.cli import diagnosis, options, probes
from belvedere.cli.connection import Bootstrap, Flags, current, find_bootstrap, port_in
from belvedere.cli.diagnosis import Diagnosis, Finding, Level
from belvedere.cli.exits import Exit
from belvedere.cli.output import Format, aligned, print_document, printable
from belvedere.cli.serve import config_from_environment
from belvedere.cli.values import log_location
from belvedere.host.walls import parse_users, what_is_lacking
from belvedere.server.cautions import cautions
from belvedere.server.settings import Settings, SettingsError, load_settings


@click.command()
@click.option("--data", metavar="FOLDER", help="Data folder, as for `serve`.")
@click.option("--log-root", multiple=True, metavar="FOLDER", help="As for `serve`.")
@click.option("--port", type=click.IntRange(0, 65535), help="As for `serve`.")
@click.option("--viewer-port", type=click.IntRange(0, 65535), help="As for `serve`.")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="As for `serve`.")
@click.option("--train-url", metavar="URL", help="Try to list this log location, as the service would.")
@options.output_option
def doctor(config: Path | None, train_url: str | None, output: Format, **flags: object) -> int:
    """Say what is missing on this machine, and what to do.

    Looks at what `belvedere serve` with the same flags and variables would need. Changes nothing. Exit code 1 if
    something has to be done before it works.
    """
    config = config or config_from_environment()
    try:
        settings = load_settings(flags, os.environ, config)
        told = [diagnosis.of_caution(text) for text in cautions(settings, os.environ, config)]
    except SettingsError as error:
        found = diagnosis.diagnosis([*_of_machine(), diagnosis.of_settings(str(error))])
    else:
        found = diagnosis.diagnosis([*_of_machine(), *told, *_of_settings(settings, train_url)])
    _print(found, output)
    return Exit.OK if found.healthy else Exit.UNEXPECTED


def _of_machine() -> list[Finding]:
    return [
        diagnosis.of_python(diagnosis.this_python()),
        diagnosis.of_data_server(probes.data_server()),
        diagnosis.of_file_limit(probes.file_limit()),
        diagnosis.of_kernel(probes.kernel()),
        *([diagnosis.of_chromium(probes.chromium())] if probes.is_checkout() else []),
    ]


def _of_settings(settings: Settings, train_url: str | None) -> list[Finding]:
    bootstrap = find_bootstrap(settings.data or None, {**os.environ, "BELVEDERE_DATA": ""}, Path.cwd())
    folder = bootstrap.path.parent if bootstrap else settings.data_folder
    connection = current(Flags(data=str(folder))) if bootstrap else None
    fault = probes.service(connection) if connection else None
    running = connection is not None and fault is None
    findings = [
        diagnosis.of_disk(probes.disk(folder)),
        _of_memory_limits(settings, folder),
        diagnosis.of_walls(what_is_lacking(parse_users(settings.viewer_users)), required=settings.require_sandbox),
        *_of_ports(settings, bootstrap.content if bootstrap and running else None),
        diagnosis.of_log_places(roots=len(settings.log_root), stores=len(settings.object_stores), service_runs=running),
    ]
    findings += [
        diagnosis.of_viewer(found, str(settings.environments.folder)) for found in probes.viewers(settings.environments)
    ]
    findings += [
        diagnosis.of_store(store.endpoint, probes.store(name, settings))
        for name, store in settings.object_stores.items()
    ]
    if train_url:
        location = log_location(train_url, str(Path.cwd()))
        fault_there, refused = probes.train_url(location, settings)
        findings.append(diagnosis.of_train_url(location, fault_there, refused=refused))
    return [*findings, diagnosis.of_service(connection.endpoint if connection else None, fault)]


def _of_ports(settings: Settings, running: Bootstrap | None) -> list[Finding]:
    """Those of the service that runs, where its origins tell them; else those that the next would take."""
    origins = (running.endpoint, running.viewer_url) if running else ("", "")
    viewer_host = settings.viewer_host or settings.host
    wanted = [("port", settings.host, settings.port), ("viewer port", viewer_host, settings.viewer_port)]
    return [
        diagnosis.of_port(probes.port(name, host, port_in(origin, host) or number), running is not None)
        for (name, host, number), origin in zip(wanted, origins, strict=True)
    ]


def _of_memory_limits(settings: Settings, folder: Path) -> Finding:
    """What the host that runs says; without one, what the next would find."""
    told = probes.memory_limits_of_host(folder)
    return diagnosis.of_memory_limits(told or probes.memory_limits_here(settings), running=bool(told))


def _print(found: Diagnosis, output: Format) -> None:
    if output is not Format.TABLE:
        print_document(found, output)
        return
    rows = [(finding.level.value, finding.check, printable(finding.text)) for finding in found.findings]
    for finding, line in zip(found.findings, aligned(rows).splitlines(), strict=True):
        colour = {Level.WARN: "yellow", Level.FAIL: "red", Level.OK: "green"}.get(finding.level)
        click.echo(click.style(line[:4], fg=colour) + line[4:])
        if finding.remedy:
            click.echo(f"      {finding.remedy}")
