"""Which service to talk to: flags, then ``BELVEDERE_*`` variables, then a data folder's ``bootstrap.json``.

The token of a file that was merely found is sent nowhere but to the file's own endpoint.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from belvedere.cli.exits import Exit, Failure


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """The connection as far as the command line names it. Its repr hides the token."""

    endpoint: str | None = None
    token: str | None = None
    project: str | None = None
    data: str | None = None

    def __repr__(self) -> str:
        return f"Flags(endpoint={self.endpoint!r}, project={self.project!r}, data={self.data!r})"


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send requests, and as whom. Its repr hides the token."""

    endpoint: str
    project_id: str
    token: str
    found_in: str  # for people: where the endpoint was named
    token_in: str  # and where the token was
    is_asked_for: bool = False  # the project was, by --project: the token may be for another one

    def __repr__(self) -> str:
        return f"Connection(endpoint={self.endpoint!r}, project_id={self.project_id!r})"

    @property
    def origin(self) -> str:
        """A sentence for people: what named the endpoint and the token."""
        token = "" if self.token_in == self.found_in else f", its token from {self.token_in}"
        return f"The connection is from {self.found_in}{token}."


class Bootstrap(msgspec.Struct, frozen=True, kw_only=True):
    """What the service wrote for its first clients."""

    project_id: str
    token: str
    endpoint: str
    viewer_url: str = ""

    def __repr__(self) -> str:
        return f"Bootstrap(endpoint={self.endpoint!r}, project_id={self.project_id!r})"


class FoundBootstrap(msgspec.Struct, frozen=True, kw_only=True):
    """A bootstrap file. `named`: its folder was asked for, rather than come across."""

    content: Bootstrap
    path: Path
    named: bool


def resolve_connection(flags: Flags, environ: Mapping[str, str], working_folder: Path) -> Connection:
    """The connection in force. Reads a bootstrap file if something is missing. Raises Failure."""
    variables = {} if flags.data else environ  # whoever says --data means that folder's service
    endpoint = flags.endpoint or variables.get("BELVEDERE_ENDPOINT")
    token = flags.token or variables.get("BELVEDERE_TOKEN", "").strip()
    project = flags.project or variables.get("BELVEDERE_PROJECT_ID")
    _require_scheme(endpoint)
    endpoint_in = "--endpoint" if flags.endpoint else "BELVEDERE_ENDPOINT"
    token_in = "--token" if flags.token else "BELVEDERE_TOKEN"
    if endpoint and token and project:
        return Connection(
            endpoint=endpoint,
            token=token,
            project_id=project,
            found_in=endpoint_in,
            token_in=token_in,
            is_asked_for=bool(flags.project),
        )
    found = find_bootstrap(flags.data, environ, working_folder)
    if found is None:
        raise _nothing_found(endpoint, token, project, flags.data, environ)
    if not found.named and not token and endpoint and endpoint.rstrip("/") != found.content.endpoint:
        raise _another_endpoint(endpoint, found)
    return Connection(
        endpoint=endpoint or found.content.endpoint,
        token=token or found.content.token,
        project_id=project or found.content.project_id,
        found_in=endpoint_in if endpoint else str(found.path),
        token_in=token_in if token else str(found.path),
        is_asked_for=flags.project not in {None, "", found.content.project_id} or bool(flags.project and token),
    )


def _require_scheme(endpoint: str | None) -> None:
    if endpoint and "://" not in endpoint:
        raise Failure(
            Exit.USAGE,
            f"The endpoint {endpoint!r} begins with neither http:// nor https://.",
            remedy=f"Write http://{endpoint}",
        )


def find_bootstrap(data: str | None, environ: Mapping[str, str], working_folder: Path) -> FoundBootstrap | None:
    """The bootstrap file of the data folder that is named, else of the first usual one that has it. Raises Failure."""
    named = data or environ.get("BELVEDERE_DATA")
    folders = (
        [working_folder / Path(named).expanduser()]
        if named
        else [working_folder / "data", default_data_folder(environ)]
    )
    for folder in folders:
        path = folder / "bootstrap.json"
        content = _read(path)
        if content is not None:
            return FoundBootstrap(content=content, path=path, named=bool(named))
    return None


def port_in(origin: str, host: str) -> int | None:
    """The port that a service's origin names; None if that is one of a proxy in front of it."""
    parts = urlsplit(origin)
    return parts.port if parts.hostname in {host, "localhost", "127.0.0.1", "::1"} else None


def default_data_folder(environ: Mapping[str, str]) -> Path:
    """Where the service keeps its data unless told otherwise (XDG Base Directory Specification)."""
    base = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local" / "share")
    return Path(base) / "belvedere"


def _read(path: Path) -> Bootstrap | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Bootstrap)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        remedy = "Run as the user who runs the service, or set BELVEDERE_ENDPOINT, _TOKEN and _PROJECT_ID."
        raise Failure(Exit.NOT_AUTHORISED, f"{path} can't be read: {error.strerror}.", remedy=remedy) from error
    except msgspec.DecodeError as error:
        remedy = "Restart the service: it writes the file anew."
        raise Failure(Exit.USAGE, f"{path} is no bootstrap file: {error}.", remedy=remedy) from error


def _nothing_found(
    endpoint: str | None, token: str | None, project: str | None, data: str | None, environ: Mapping[str, str]
) -> Failure:
    wanted = {"endpoint": endpoint, "token": token, "project": project}
    missing = ", ".join(name for name, value in wanted.items() if not value)
    named = data or environ.get("BELVEDERE_DATA")
    where = f"not in {named}" if named else f"neither in ./data nor in {default_data_folder(environ)}"
    return Failure(
        Exit.USAGE,
        f"No service is known: {missing} not given, and bootstrap.json is {where}.",
        remedy="Start one with `belvedere serve`; or name its folder by --data; or set BELVEDERE_ENDPOINT, "
        "BELVEDERE_TOKEN and BELVEDERE_PROJECT_ID.",
    )


def _another_endpoint(endpoint: str, found: FoundBootstrap) -> Failure:
    return Failure(
        Exit.USAGE,
        f"No token for {endpoint}: the one in {found.path} belongs to {found.content.endpoint}.",
        remedy=f"Set BELVEDERE_TOKEN and BELVEDERE_PROJECT_ID, or say --data {found.path.parent} if that is meant.",
    )


def current(flags: Flags) -> Connection:
    """The connection of this process."""
    return resolve_connection(flags, os.environ, Path.cwd())
