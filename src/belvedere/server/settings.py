"""Settings: one record, filled from flags, then ``BELVEDERE_*`` variables, then a TOML file, then defaults.

Every field is documented in `docs/reference/settings.md`; a test holds the two together.
"""

import math
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from belvedere.contract import limits
from belvedere.contract.endpoints import endpoint
from belvedere.contract.errors import RequestError
from belvedere.contract.log_stores import NAME_PATTERN
from belvedere.contract.origins import ViewerOrigins
from belvedere.contract.sizes import parse_size
from belvedere.host.walls import parse_users
from belvedere.identity.addresses import Proxies, ProxyHeader, networks
from belvedere.server.flavors import LEAST_MEMORY, FlavorSettings, flavors_of
from belvedere.server.oidc_settings import OidcSettings
from belvedere.server.setting_words import explained, unknown_variables
from belvedere.sources.location import DEFAULT_STORE
from belvedere.sources.stores import Addressing, ObjectStore
from belvedere.viewers.environments import Environments, default_viewers_folder


class SettingsError(Exception):
    """A setting is wrong. The message names the setting, where it came from, and the remedy."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object store that ``/bucket/prefix/`` and ``obs://`` name. Its repr hides the keys."""

    endpoint: str = ""
    access_key: str = ""
    secret_key: str = ""
    region: str = "us-east-1"
    addressing: Addressing = Addressing.PATH
    allow_http: bool = False
    ca_file: str = ""

    def __repr__(self) -> str:
        return f"StoreSettings(endpoint={self.endpoint!r})"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may set."""

    data: str = ""  # folder for the database, mirrors and bootstrap.json; "" is the user's data folder
    viewers_folder: str = ""  # where `belvedere viewer install` puts viewers; "" is the user's, for all data folders
    log_root: tuple[str, ...] = ()  # folders below which logs may lie
    host: str = "127.0.0.1"  # address of the API and console
    port: int = 8080
    viewer_host: str = ""  # address of the gateway; "" is `host`
    viewer_port: int = 8081
    public_url: str = ""  # origin of API and console as browsers see it; "" is http://host:port
    viewer_url: str = ""  # origin of the viewers as browsers see it; with ``*.`` each job has its own
    allowed_hosts: tuple[str, ...] = ()  # further Host names that are answered
    tls_cert: str = ""  # PEM file: the certificate with its chain; with it both ports speak TLS
    tls_key: str = ""  # PEM file: its key
    trusted_proxies: tuple[str, ...] = ()  # addresses and networks of proxies whose word on the client's address counts
    proxy_header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR  # the one that they write
    flavors: dict[str, FlavorSettings] = {}  # by code, beside the default one
    memory_budget: str = ""  # for all viewers together, like 8GiB; "" is half of the machine's memory
    require_sandbox: bool = False  # start no viewer, and no service, where the kernel refuses to confine viewers wholly
    viewer_users: str = ""  # FIRST-LAST: uids that viewers become if we are root; "" is some that nobody else has
    mirror_quota: str = "10GiB"  # on disk, for logs mirrored from object stores
    control_groups: bool = True  # let the kernel keep viewers within their flavor's memory, where it can
    job_quota: int = 1000  # jobs a project may have
    running_quota: int = 0  # jobs of a project that may run at the same time; 0: no limit
    awake_quota: int = 0  # viewers of a project that may be awake; 0: no limit
    project_memory: str = ""  # what they may take together, like 2GiB; "": no limit
    project_mirrors: str = ""  # disk for a project's logs from object stores, like 2GiB; "": no limit
    token_hours: float = 24.0  # how long a token that was got by signing in is good
    domain: str = "default"  # name of the account that clients of IAM say they belong to
    region: str = "default"  # name of the region that the catalog gives for our endpoints
    user_rate: float = 1000.0  # requests per second of one user, twice as many at once; 0: no limit
    address_rate: float = 2000.0  # the same from one address
    address_connections: int = 1024  # open at the same time from one address, to both ports together; 0: no limit
    guess_rate: float = 30.0  # bad tries to sign in from one address per minute; 0: no limit
    audit_days: int = 365  # how long traces of the audit are kept; 0: for ever
    audit_file: str = ""  # where they are written to as well, one JSON object a line; "": nowhere
    orphan_grace: float = 600.0  # seconds that viewers outlive a service that went away
    sleep_after: int = 900  # seconds without use until a viewer sleeps, for jobs that don't say; 0: never
    poll_seconds: float = 5.0  # pause between two looks at a log source
    source_check_seconds: float = 2.0  # how long a create may wait for the log source's answer
    log_format: str = "json"  # or "text"
    log_level: str = "info"
    oidc: OidcSettings = OidcSettings()  # where people may sign in as well
    store: StoreSettings = StoreSettings()
    stores: dict[str, StoreSettings] = {}  # further ones, by name
    store_key: str = ""  # what secrets of log stores are sealed with; several between commas: the first seals
    store_key_file: str = ""  # the same in a file, one on a line; "" is store.key in the data folder, drawn at random

    def __repr__(self) -> str:
        return f"Settings(data={self.data!r}, host={self.host!r}, port={self.port!r})"

    @property
    def data_folder(self) -> Path:
        """Absolute path of the data folder."""
        return Path(self.data).expanduser().absolute() if self.data else default_data_folder(os.environ)

    @property
    def environments(self) -> Environments:
        """The environments of installed viewers."""
        folder = Path(self.viewers_folder).expanduser().absolute() if self.viewers_folder else None
        return Environments(folder or default_viewers_folder(os.environ))

    @property
    def api_origin(self) -> str:
        """Origin of the API and the console, without a trailing slash."""
        return self.public_url.rstrip("/") or f"{self._scheme}://{_in_url(self.host)}:{self.port}"

    @property
    def viewer_origin(self) -> str:
        """The origin that all viewers share, without a trailing slash: scripts may ask it for any job."""
        url = self.viewer_url.rstrip("/").replace(_WILDCARD, "", 1)
        return url or f"{self._scheme}://{_in_url(self.viewer_host or self.host)}:{self.viewer_port}"

    @property
    def viewer_origins(self) -> ViewerOrigins:
        """Where viewers are found: with nothing said, browsers on this machine see each job below one local name."""
        url = self.viewer_url.rstrip("/")
        if _WILDCARD in url:
            return ViewerOrigins(shared=self.viewer_origin, each=url, is_known=True)
        if url or self.public_url or self.tls_cert or (self.viewer_host or self.host) not in _LOOPBACK:
            return ViewerOrigins(shared=self.viewer_origin)
        return ViewerOrigins(shared=self.viewer_origin, each=f"http://*.belvedere.localhost:{self.viewer_port}")

    @property
    def _scheme(self) -> str:
        return "https" if self.tls_cert else "http"

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https, to us or to a proxy in front of us."""
        return self.api_origin.startswith("https://")

    @property
    def proxies(self) -> Proxies:
        """The proxies whose word counts. Raises ValueError."""
        return Proxies(networks=networks(self.trusted_proxies), header=self.proxy_header)

    @property
    def is_open_without_name(self) -> bool:
        """Whether other machines can reach it, while its links name this machine only."""
        api = self.host in _EVERYWHERE and not self.public_url
        return api or ((self.viewer_host or self.host) in _EVERYWHERE and not self.viewer_url)

    @property
    def memory_budget_bytes(self) -> int | None:
        """What all viewers together may take; None where nothing is said. Raises ValueError."""
        return parse_size(self.memory_budget) if self.memory_budget else None

    @property
    def mirror_quota_bytes(self) -> int:
        """Beyond it the data of mirrors that nobody has open are removed. Raises ValueError."""
        return parse_size(self.mirror_quota)

    @property
    def project_memory_bytes(self) -> int | None:
        """What a project's viewers may take together; None: no limit. Raises ValueError."""
        return parse_size(self.project_memory) if self.project_memory else None

    @property
    def project_mirrors_bytes(self) -> int | None:
        """Disk that a project's logs from object stores may take; None: no limit. Raises ValueError."""
        return parse_size(self.project_mirrors) if self.project_mirrors else None

    @property
    def audit_path(self) -> Path | None:
        """The file that the audit is written to as well."""
        return Path(self.audit_file).expanduser().absolute() if self.audit_file else None

    @property
    def object_stores(self) -> dict[str, ObjectStore]:
        """The configured object stores by name."""
        default = {DEFAULT_STORE: self.store} if self.store.endpoint else {}
        return {name: _object_store(name, each) for name, each in {**default, **self.stores}.items()}


def default_data_folder(environ: Mapping[str, str]) -> Path:
    """Where a user's programs keep their data (XDG Base Directory Specification)."""
    base = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local" / "share")
    return Path(base) / "belvedere"


def load_settings(flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None) -> Settings:
    """The settings in force. `flags` with value None (or an empty tuple) were not given. Raises SettingsError."""
    _refuse_slips(environ)
    merged: dict[str, object] = {}
    for named, values in (
        (lambda path: f"{'.'.join(path)} in the file {config}", read_file(config)),
        (_variable, _from_environment(environ)),
        (_flag, {name: value for name, value in flags.items() if value not in (None, ())}),
    ):
        _check_types(values, named)  # an error names the place that it came from
        sections = {name: {**_section(merged, name), **_section(values, name)} for name in _SECTIONS}
        merged = {**merged, **values, **{name: section for name, section in sections.items() if section}}
    return _checked(msgspec.convert(merged, Settings, strict=False))


def strange_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like ours and that nothing reads, each with the name that was perhaps meant, else ""."""
    names = [field.name for field in msgspec.structs.fields(Settings) if field.name not in _SECTIONS]
    within = [f"{section}_{name}" for section, names in _IN_VARIABLES.items() for name in names]
    return unknown_variables(environ, [*names, "flavors", *within, *_OTHERS])


MOST_TOKEN_HOURS = 24 * 366
MOST_AUDIT_DAYS = 36_500
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
_SECTIONS = ("store", "stores", "flavors", "oidc")
_IN_VARIABLES = {"store": StoreSettings.__struct_fields__, "oidc": OidcSettings.__struct_fields__}
_NAMES = (
    *Settings.__struct_fields__,
    *StoreSettings.__struct_fields__,
    *FlavorSettings.__struct_fields__,
    *OidcSettings.__struct_fields__,
)
_OTHERS = (
    "config",
    "debug",
    "endpoint",
    "token",
    "project_id",
    "secret_key",
    "share_password",
    "password",
)  # what the command line reads


def _refuse_slips(environ: Mapping[str, str]) -> None:
    for name, meant in strange_variables(environ).items():
        if name == "BELVEDERE_STORES":
            raise SettingsError("BELVEDERE_STORES: further stores are defined as [stores.NAME] in the TOML file only.")
        if meant:
            raise SettingsError(f"There is no setting {name}. Is {meant} meant?")


def _variable(path: tuple[str, ...]) -> str:
    return "BELVEDERE_FLAVORS" if path[:1] == ("flavors",) else f"BELVEDERE_{'_'.join(path).upper()}"


def _flag(path: tuple[str, ...]) -> str:
    return f"--{'.'.join(path).replace('_', '-')}"


def _section(values: Mapping[str, object], name: str) -> dict[str, object]:
    section = values.get(name, {})
    return dict(section) if isinstance(section, Mapping) else {}


def _check_types(values: Mapping[str, object], named: Callable[[tuple[str, ...]], str]) -> None:
    """Raise SettingsError for the first value of a wrong type. One key at a time, so that the message can name it."""
    for part in _one_by_one(values):
        try:
            msgspec.convert(part, Settings, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(explained(str(error), part, named, _NAMES)) from error


def _one_by_one(values: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for name, value in values.items():
        if name in _SECTIONS and isinstance(value, Mapping):
            yield from ({name: {key: each}} for key, each in value.items())
        else:
            yield {name: value}


def read_file(path: Path | None) -> dict[str, object]:
    """Content of the configuration file, nothing without one. Raises SettingsError."""
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The configuration file {path} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The configuration file {path} is not TOML: {error}.") from error


_LISTS = {"log_root": os.pathsep, "allowed_hosts": ",", "trusted_proxies": ","}


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """``BELVEDERE_PORT`` and the like; lists are separated as in PATH (folders) or by commas.

    ``BELVEDERE_FLAVORS`` is ``small=512MiB,large=4GiB``: a flavor's memory is all that it needs.
    """
    values: dict[str, object] = {}
    for name in Settings.__struct_fields__:
        text = environ.get(f"BELVEDERE_{name.upper()}")
        if text and name == "flavors":
            values[name] = _flavors_in(text)
        elif text and name not in _SECTIONS:
            values[name] = _list_in(text, _LISTS[name]) if name in _LISTS else text
    for section, names in _IN_VARIABLES.items():
        said = {name: text for name in names if (text := environ.get(f"BELVEDERE_{section}_{name}".upper()))}
        if said:
            values[section] = said
    return values


def _list_in(text: str, separator: str) -> list[str]:
    """Its parts; an empty one, as a trailing separator makes it, would be the working folder."""
    return [part for part in text.split(separator) if part]


def _flavors_in(text: str) -> dict[str, object]:
    flavors: dict[str, object] = {}
    for part in text.split(","):
        code, separator, memory = part.partition("=")
        if not (separator and code.strip() and memory.strip()):
            raise SettingsError(f"BELVEDERE_FLAVORS must be like small=512MiB,large=4GiB; {part.strip()!r} is not.")
        flavors[code.strip()] = {"memory": memory.strip()}
    return flavors


def _checked(settings: Settings) -> Settings:
    for name, port in (("port", settings.port), ("viewer_port", settings.viewer_port)):
        if not 0 <= port <= 65535:
            raise SettingsError(f"{name} must be 0 to 65535, not {port}.")
    _check_origins(settings)
    for root in settings.log_root:
        if not Path(root).expanduser().is_dir():
            raise SettingsError(f"log_root {root} is not a folder. Create it, or name another.")
    _check_tls(settings)
    _check_stores(settings)
    _check_logging(settings)
    _check_seconds(settings)
    _check_jobs(settings)
    _check_audit(settings)
    _check_rates(settings)
    if fault := settings.oidc.fault():
        raise SettingsError(fault)
    return settings


def _check_origins(settings: Settings) -> None:
    _check_origin("public_url", settings.public_url)
    scheme, _, rest = settings.viewer_url.partition("://")
    _check_origin("viewer_url", f"{scheme}://{rest.removeprefix(_WILDCARD)}" if rest else settings.viewer_url)
    if settings.api_origin == settings.viewer_origin and settings.port:
        raise SettingsError("public_url and viewer_url must be two origins: viewer pages must not reach the console's.")
    if settings.viewer_origins.job_at(urlsplit(settings.api_origin).hostname or "") is not None:
        raise SettingsError("public_url must not be one of the jobs' own names, which are below that of viewer_url.")


def _check_origin(name: str, url: str) -> None:
    """Links are made from it, and what browsers say of themselves is compared with it: a path would break both."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and parts.username is None
    except ValueError:
        parts, usable = urlsplit(""), False
    if not usable or "*" in url or parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", url):
        raise SettingsError(f"{name} must be like https://belvedere.example.org, not {url!r}.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError(f"{name} must end after host and port: {parts.scheme}://{parts.netloc}, not {url!r}.")


def _check_tls(settings: Settings) -> None:
    if bool(settings.tls_cert) != bool(settings.tls_key):
        given, lacking = ("tls_cert", "tls_key") if settings.tls_cert else ("tls_key", "tls_cert")
        raise SettingsError(f"{given} is set and {lacking} is not. Set both, or none.")
    for name, url in (("public_url", settings.public_url), ("viewer_url", settings.viewer_url)):
        if settings.tls_cert and url.startswith("http://"):
            raise SettingsError(f"{name} is http://, but with tls_cert both ports speak https:// only.")
    try:
        settings.proxies  # noqa: B018 - reading it is what checks it
    except ValueError as error:
        raise SettingsError(f"trusted_proxies: {error}. Write addresses or networks like 10.0.0.0/8.") from error


def _check_logging(settings: Settings) -> None:
    if settings.log_format not in {"json", "text"}:
        raise SettingsError(f"log_format must be json or text, not {settings.log_format!r}.")
    if settings.log_level.lower() not in LOG_LEVELS:
        raise SettingsError(f"log_level must be one of {', '.join(LOG_LEVELS)}; not {settings.log_level!r}.")


def _check_seconds(settings: Settings) -> None:
    if not 0 <= settings.orphan_grace < math.inf:
        raise SettingsError(f"orphan_grace must be 0 or more seconds, not {settings.orphan_grace:g}.")
    for name in ("poll_seconds", "source_check_seconds"):
        value = getattr(settings, name)
        if not 0 < value < math.inf:
            raise SettingsError(f"{name} must be more than 0 seconds, not {value:g}.")


def _check_jobs(settings: Settings) -> None:
    if settings.job_quota < 1:
        raise SettingsError("job_quota must be 1 or more.")
    for name in ("running_quota", "awake_quota"):
        if getattr(settings, name) < 0:
            raise SettingsError(f"{name} must be 0 (no limit) or more.")
    if not 0 < settings.token_hours <= MOST_TOKEN_HOURS:
        raise SettingsError(f"token_hours must be more than 0 and at most {MOST_TOKEN_HOURS}.")
    try:
        flavors_of(settings.flavors)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    _check_budget(settings)
    _check_viewer_users(settings)
    if settings.sleep_after and not limits.SLEEP_AFTER_LEAST <= settings.sleep_after <= limits.SLEEP_AFTER_MOST:
        most = f"{limits.SLEEP_AFTER_LEAST} to {limits.SLEEP_AFTER_MOST} seconds, or 0 for never"
        raise SettingsError(f"sleep_after must be {most}; not {settings.sleep_after}.")


def _check_rates(settings: Settings) -> None:
    if (most := settings.address_connections) < 0:
        raise SettingsError(f"address_connections must be 1 or more, or 0 for no limit; not {most}.")
    for name in ("user_rate", "address_rate", "guess_rate"):
        value = getattr(settings, name)
        if not (value == 0 or 1 <= value < math.inf):
            raise SettingsError(f"{name} must be 1 or more, or 0 for no limit; not {value:g}.")


def _check_audit(settings: Settings) -> None:
    if not 0 <= settings.audit_days <= MOST_AUDIT_DAYS:
        raise SettingsError(f"audit_days must be 0 (for ever) to {MOST_AUDIT_DAYS}, not {settings.audit_days}.")
    path = settings.audit_path
    if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise SettingsError(f"audit_file: {path} can't be written. Name a file in a folder that is there.")


def _check_viewer_users(settings: Settings) -> None:
    try:
        parse_users(settings.viewer_users)
    except ValueError as error:
        raise SettingsError(f"viewer_users: {error}.") from error


def _check_budget(settings: Settings) -> None:
    for name in ("memory_budget", "mirror_quota", "project_memory", "project_mirrors"):
        try:
            getattr(settings, f"{name}_bytes")
        except ValueError as error:
            raise SettingsError(f"{name}: {error}.") from error
    budget = settings.memory_budget_bytes
    if budget is not None and budget < LEAST_MEMORY:
        least = f"{LEAST_MEMORY // 2**20}MiB"
        raise SettingsError(
            f"memory_budget: {settings.memory_budget} is less than one viewer needs. Give {least} or more."
        )


def _check_stores(settings: Settings) -> None:
    further = {f"stores.{name}": store for name, store in settings.stores.items()}
    for name, store in {"store": settings.store, **further}.items():
        _check_store(name, store)
        if store.endpoint.startswith("http://") and not (store.allow_http or _is_loopback(store)):
            raise SettingsError(f"The endpoint of {name} is http://: set {name}.allow_http if that is meant.")
    for name, store in settings.stores.items():
        if not re.fullmatch(NAME_PATTERN, name):
            raise SettingsError(f"stores: {name!r} is no name: 1 to 32 letters, digits, periods, hyphens, underscores.")
        if not store.endpoint:
            raise SettingsError(f"stores.{name}.endpoint is missing: like https://obs.example.org.")
        if name == DEFAULT_STORE and settings.store.endpoint:
            raise SettingsError("There are two stores called default: [store] and [stores.default]. Remove one.")


def _check_store(name: str, store: StoreSettings) -> None:
    if store.endpoint:
        _check_endpoint(name, store.endpoint)
    if bool(store.access_key) != bool(store.secret_key):
        given, lacking = ("access_key", "secret_key") if store.access_key else ("secret_key", "access_key")
        raise SettingsError(f"{name}.{given} is set and {name}.{lacking} is not. Set both; or none, to send no keys.")
    for field, value in (("access_key", store.access_key), ("secret_key", store.secret_key), ("region", store.region)):
        if not re.fullmatch(r"[\x21-\x7e]*", value):
            raise SettingsError(f"{name}.{field} holds a blank, a line break or a letter beyond ASCII. Remove it.")


def _check_endpoint(name: str, address: str) -> None:
    try:
        endpoint(address, allow_http=True)  # whether http:// is meant is asked apart: here it may be this machine
    except RequestError as error:
        hint = "" if "://" in address else f" Write https://{address}, if that is meant."
        raise SettingsError(f"{name}.{error.message}{hint}") from error


def _object_store(name: str, settings: StoreSettings) -> ObjectStore:
    plain = settings.allow_http or _is_loopback(settings)
    return ObjectStore(**{**msgspec.structs.asdict(settings), "name": name, "allow_http": plain})


def _is_loopback(store: StoreSettings) -> bool:
    authority = store.endpoint.removeprefix("http://")
    return authority.startswith(("127.", "localhost", "[::1]"))


_WILDCARD = "*."
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to


def _in_url(host: str) -> str:
    """The host as an address that can be asked: all addresses are reached from this machine by its loopback one."""
    host = _EVERYWHERE.get(host, host)
    return f"[{host}]" if ":" in host else host
