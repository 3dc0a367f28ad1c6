"""Which endpoints a log store may have. Pure.

We send requests to whatever address a store names, so an address is a way to make this machine ask others: those who
are not trusted with the machine may not name its own neighbourhood, where metadata services answer anybody.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from belvedere.contract.decoding import shown
from belvedere.contract.errors import RequestError

_LONGEST = 512  # characters
_LONGEST_HOST = 253  # characters that name servers know
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
# Reserved names under which clouds keep their metadata service.
_METADATA_NAMES = ("metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal")
# Those that are not link-local.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))


def endpoint(value: str, *, allow_http: bool) -> str:
    """The endpoint, checked by its form. Raises RequestError."""
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _refused(value, "it must begin with https:// and name a host")
    if parts.scheme == "http" and not allow_http:
        raise _refused(value, 'plain http:// shows the logs to the network. Use https://, or send "allow_http": true')
    if parts.username is not None or parts.password is not None:
        raise RequestError("endpoint: it holds a user name or password. Send keys as access_key and secret_key.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _refused(value, "it must be an address without path, such as https://obs.example.org")
    return f"{parts.scheme}://{parts.netloc}"


def host_of(endpoint: str) -> str:
    """The host that a checked endpoint names."""
    return urlsplit(endpoint).hostname or ""


def require_public(endpoint: str, addresses: Iterable[str]) -> None:
    """Raise RequestError unless all `addresses` that the endpoint's host resolves to are open to everybody's choice."""
    if host_of(endpoint).rstrip(".") in _METADATA_NAMES or any(_is_ours_alone(address) for address in addresses):
        raise _refused(endpoint, "only an administrator may name this machine or its link-local neighbours")


def _is_ours_alone(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    inward = found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast
    return inward or found in _METADATA


def _split(value: str) -> SplitResult:
    if len(value) > _LONGEST or not value.isascii() or not value.isprintable() or " " in value:
        raise _refused(value, f"it must be a URL of at most {_LONGEST} printable ASCII characters")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise _refused(value, "it is no URL") from error
    if port == 0:
        raise _refused(value, "nothing answers at port 0")
    if parts.hostname and not _is_host(parts.hostname):
        raise _refused(value, "its host name has a part that is empty, too long or spelt as no name is")
    return parts


def _is_host(name: str) -> bool:
    """Whether it may be a host's: others can't even be asked for."""
    if ":" in name:
        return True  # urlsplit has looked at it: an address in brackets
    return len(name) <= _LONGEST_HOST and all(map(_LABEL.fullmatch, name.removesuffix(".").split(".")))


def _refused(value: str, why: str) -> RequestError:
    return RequestError(f"endpoint: {shown(value)} can't be used: {why}.")
