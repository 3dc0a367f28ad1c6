"""The commands of `belvedere viewer`: they work on this machine, not on a service."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click
import msgspec

from belvedere.cli import options
from belvedere.cli.completing import complete_viewers
from belvedere.cli.exits import Exit, Failure
from belvedere.cli.output import Format, print_document, print_table
from belvedere.cli.serve import config_from_environment
from belvedere.server.settings import SettingsError, load_settings
from belvedere.viewers.base import HasVersions, ViewerType
from belvedere.viewers.environments import MANIFEST, Environments
from belvedere.viewers.installing import InstallFailed, Wish, check, install, remove
from belvedere.viewers.registry import NAME, viewer_types

_PACKAGE: Final = re.compile(r"[A-Za-z0-9./~]")  # an option of pip's would begin with a hyphen, a comment with a #
_CALLS: Final = re.compile(r"^(?:error|warning): *", re.MULTILINE | re.IGNORECASE)
_Command = TypeVar("_Command", bound=Callable[..., object])


class ViewerHere(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer of this machine."""

    name: str
    title: str
    installed: bool
    version: str
    where: str  # its environment; "" for the service's own
    description: str


class ViewersHere(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. `folder`: where installed ones are looked for."""

    folder: str
    viewers: list[ViewerHere]


def _folder_option(command: _Command) -> _Command:
    return click.option("--viewers-folder", metavar="FOLDER", help="Where viewers are installed. Default: the user's.")(
        command
    )


@click.command("install")
@click.argument("requirement", metavar="NAME", shell_complete=complete_viewers)
@click.option("--as", "name", metavar="TYPE", help="The job type of another version, such as tensorboard-2.20.")
@click.option("--with", "extras", multiple=True, metavar="PACKAGE", help="A package beside it, such as a plug-in.")
@click.option(
    "--wheels",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="FOLDER",
    help="Take packages from this folder alone, without a network.",
)
@_folder_option
def install_viewer(
    requirement: str, name: str | None, extras: tuple[str, ...], wheels: Path | None, viewers_folder: str | None
) -> None:
    """Install the viewer NAME in an environment of its own, and look whether it shows what it should.

    NAME may have a version (tensorboard==2.20.0): then --as names the job type of this version. Packages come from
    where pip is told to take them. It may be broken off and begun again; what is installed already stays.
    """
    environments = _environments(viewers_folder)
    wish = _wish(environments, requirement, name, extras, wheels)
    began, before = time.monotonic(), _made_at(environments, wish)
    try:
        made = install(environments, wish, lambda text: click.echo(text, err=True))
    except InstallFailed as failed:
        raise _not_installed(failed) from failed
    if _made_at(environments, wish) != before:  # else it was there already, which has been told
        seconds = time.monotonic() - began
        words = f"is ready, after {seconds:.0f} s. No restart is needed."
        click.echo(f"{wish.environment.name} {made.version} {words}", err=True)


@click.command("list")
@click.option("--check", "checks", is_flag=True, help="Look whether each shows what it should: some seconds.")
@options.output_option
@_folder_option
def list_viewers(*, checks: bool, output: Format, viewers_folder: str | None) -> None:
    """List the viewers that this machine knows: which are installed, in which version, and where."""
    environments = _environments(viewers_folder)
    found = [_here(viewer, environments) for viewer in viewer_types(environments).values()]
    if output is not Format.TABLE:
        print_document(ViewersHere(folder=str(environments.folder), viewers=found), output)
    else:
        rows = [(each.name, each.version or "not installed", each.where) for each in found]
        print_table(("TYPE", "VERSION", "WHERE"), rows, "No viewers.")
        if lacking := [each.name for each in found if not each.installed]:
            click.echo(f"`belvedere viewer install NAME` installs {' or '.join(lacking)}.", err=True)
        click.echo(f"Installed viewers are looked for in {environments.folder}.", err=True)
    if checks:
        _check_all(environments)


@click.command("remove")
@click.argument("name")
@_folder_option
def remove_viewer(name: str, viewers_folder: str | None) -> None:
    """Take the environment of the viewer NAME away. Its running jobs fail when they are next started."""
    environments = _environments(viewers_folder)
    try:
        was_there = bool(NAME.fullmatch(name)) and remove(environments, name)
    except InstallFailed as failed:
        raise Failure(Exit.UNEXPECTED, str(failed)) from failed
    if not was_there:
        raise Failure(Exit.USAGE, f"{name} is not installed.", remedy="See `belvedere viewer list`.")
    click.echo(f"{name} is removed.", err=True)


def _made_at(environments: Environments, wish: Wish) -> int | None:
    """When the viewer's manifest was written, in nanoseconds; None if there is none."""
    try:
        return (environments.folder / wish.environment.name / MANIFEST).stat().st_mtime_ns
    except OSError:
        return None


def _not_installed(failed: InstallFailed) -> Failure:
    """The installer's last words without its calls of "error:", and behind them what to do."""
    words, _, remedy = str(failed).rpartition("\n  ")
    told = _CALLS.sub("", words or remedy)
    return Failure(Exit.UNEXPECTED, told, remedy=remedy if words else "")


def _environments(folder: str | None) -> Environments:
    try:
        return load_settings({"viewers_folder": folder}, os.environ, config_from_environment()).environments
    except SettingsError as error:
        raise Failure(Exit.USAGE, str(error)) from error


def _wish(
    environments: Environments, requirement: str, name: str | None, extras: tuple[str, ...], wheels: Path | None
) -> Wish:
    kind, _, version = requirement.partition("==")
    viewer = viewer_types(environments).get(kind.lower())
    if viewer is None:
        known = ", ".join(viewer_types(environments))
        raise Failure(Exit.USAGE, f"There is no viewer called {kind!r}.", remedy=f"Known are {known}.")
    if not (version or extras or name):
        if viewer.environment is None:
            raise _comes_along(viewer)
        return Wish(viewer=viewer, wheels=wheels)
    if name in viewer_types():
        remedy = f"{name} is another kind of viewer. Such as --as {viewer.name}-next."
        raise Failure(Exit.USAGE, "Another version needs a job type of its own: --as TYPE.", remedy=remedy)
    if odd := [each for each in (requirement, *extras) if not _PACKAGE.match(each) or "\n" in each]:
        raise Failure(Exit.USAGE, f"{odd[0]!r} is no package.", remedy="Such as NAME, NAME==1.0 or a wheel's path.")
    return _wish_for_version(viewer, requirement, name, extras, wheels)


def _comes_along(viewer: ViewerType) -> Failure:
    other = f"belvedere viewer install {viewer.name}==2.20.0 --as {viewer.name}-2.20"
    remedy = f"Another version can stand beside it, such as: {other}" if isinstance(viewer, HasVersions) else ""
    return Failure(Exit.USAGE, f"{viewer.name} comes with belvedere: there is nothing to install.", remedy=remedy)


def _wish_for_version(
    viewer: ViewerType, requirement: str, name: str | None, extras: tuple[str, ...], wheels: Path | None
) -> Wish:
    if not isinstance(viewer, HasVersions):
        raise Failure(Exit.USAGE, f"{viewer.name} has no other versions and takes no further packages.")
    if name is None or not NAME.fullmatch(name) or name == viewer.name:
        remedy = f"Such as --as {viewer.name}-next: a letter, then letters, digits, periods and hyphens, 32 at most."
        raise Failure(Exit.USAGE, "Another version needs a job type of its own: --as TYPE.", remedy=remedy)
    requirements = (requirement, *extras)
    version = viewer.version(name, requirements)
    return Wish(viewer=version, kind=viewer.name, requirements=requirements, wheels=wheels)


def _here(viewer: ViewerType, environments: Environments) -> ViewerHere:
    python = environments.python_of(viewer.environment.name) if viewer.environment else None
    return ViewerHere(
        name=viewer.name,
        title=viewer.title,
        installed=viewer.environment is None or python is not None,
        version=environments.version_of(viewer) or "",
        where=str(python.parents[1]) if python else "",
        description=viewer.description,
    )


def _check_all(environments: Environments) -> None:
    for viewer in viewer_types(environments).values():
        python = environments.python_of(viewer.environment.name) if viewer.environment else None
        if viewer.environment and python:
            try:
                check(python, viewer.environment)
            except InstallFailed as failed:
                raise _not_installed(failed) from failed
            click.echo(f"{viewer.name} shows what it should.", err=True)
