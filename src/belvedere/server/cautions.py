"""What works as it is set, but probably not as it is meant: sentences for the start and for the doctor."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from belvedere.server.settings import Settings, read_file, strange_variables

_SECRETS = ("secret_key", "store_key", "client_secret")


def cautions(settings: Settings, environ: Mapping[str, str], config: Path | None) -> tuple[str, ...]:
    """The sentences; none if all is well. Looks at the configuration file's mode. Raises SettingsError."""
    strange = (f"{name} is no setting, and is ignored." for name in strange_variables(environ))
    return (*strange, *_of_addresses(settings), *_of_names(settings), *_of_file(config))


def _of_addresses(settings: Settings) -> tuple[str, ...]:
    if not settings.is_open_without_name:
        return ()
    return (
        "It listens on all addresses, but links and viewers work from other machines only once --public-url and "
        "--viewer-url say what browsers call them: "
        f"--public-url http://NAME:{settings.port} --viewer-url http://NAME:{settings.viewer_port}.",
    )


def _of_names(settings: Settings) -> tuple[str, ...]:
    """Cookies go by host names, and know neither ports nor, without https, who has set them."""
    console = urlsplit(settings.api_origin)
    viewers = urlsplit((settings.viewer_origins.each or settings.viewer_origin).replace("*.", "", 1)).hostname or ""
    name = console.hostname or ""
    if settings.is_open_without_name:
        return ()
    if not settings.viewer_origins.each and name == viewers:
        return (f"Console and viewers have one host name, {name}. {_PLANTED} Name another one by viewer_url.",)
    if console.scheme == "http" and _has_parent_with(name, viewers):
        return (f"{name} and {viewers} belong to one site, without https. {_PLANTED} Have both by https.",)
    return ()


_PLANTED = (
    "So a script in logs could sign whoever sees it in at the console as somebody else, if nobody is signed in there."
)


def _has_parent_with(name: str, other: str) -> bool:
    """Whether browsers may take both for one site: the last two labels, as a top level alone is nobody's."""
    return name.count(".") >= 1 and not name[-1:].isdecimal() and name.split(".")[-2:] == other.split(".")[-2:]


def _of_file(config: Path | None) -> tuple[str, ...]:
    if config is None or not config.stat().st_mode & 0o004 or not _holds_secrets(read_file(config)):
        return ()
    return (f"{config} holds secret keys, and everybody on this machine can read it: chmod o-r {config}.",)


def _holds_secrets(values: Mapping[str, object]) -> bool:
    return any(
        (name in _SECRETS and bool(value)) or (isinstance(value, Mapping) and _holds_secrets(value))
        for name, value in values.items()
    )
