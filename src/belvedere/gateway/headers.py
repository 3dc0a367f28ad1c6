"""Headers on their way through: what a viewer may see of a request, and what a browser may see of its answer. Pure."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from belvedere.console.jar import MOST_OF_OURS
from belvedere.console.pages import ISOLATED
from belvedere.console.sessions import OURS

Headers = CIMultiDict[str] | CIMultiDictProxy[str]

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
# Secrets of ours, and words about the caller that only we could vouch for.
_NOT_FOR_VIEWERS = _HOP_BY_HOP | {
    "x-auth-token", "authorization", "cookie", "expect", "forwarded", "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-proto", "x-forwarded-prefix", "x-real-ip", "x-sdk-date", "x-security-token",
}  # fmt: skip
# What a viewer must not decide: for the whole origin, about who else may read it, where the browser goes, or what a
# proxy in front of us does; and what we say ourselves.
_NOT_FOR_BROWSERS = _HOP_BY_HOP | {
    "x-frame-options", "clear-site-data", "service-worker-allowed", "strict-transport-security", "server",
    "location", "set-cookie", "referrer-policy", "x-content-type-options", "permissions-policy", "origin-agent-cluster",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "cross-origin-embedder-policy",
    "access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods",
    "access-control-allow-headers", "access-control-expose-headers", "access-control-allow-private-network",
    "refresh", "alt-svc", "reporting-endpoints", "report-to", "nel", "speculation-rules",
    "x-sendfile", "x-lighttpd-send-file", "x-reproxy-url", "x-accel-redirect", "x-accel-buffering", "x-accel-expires",
    "x-accel-charset", "x-accel-limit-rate",
}  # fmt: skip
# What every answer of the viewers' origins says: it is for pages of the same origin alone.
SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "belvedere",
    **ISOLATED,
}
# What belongs to everybody: pages of the jobs' origins, which are one site, may use it. Fonts are asked for by CORS.
FOR_ALL_JOBS: Final = {"Cross-Origin-Resource-Policy": "same-site", "Access-Control-Allow-Origin": "*"}
_LOADS = frozenset(
    {"default-src", "script-src", "script-src-elem", "style-src", "style-src-elem", "img-src", "font-src"}
)
_LARGEST_COOKIES: Final = 2**13  # bytes of them that a viewer gets; it sets few and small ones
HTTPS_ONLY: Final = {"Strict-Transport-Security": "max-age=31536000"}


def forward_headers(headers: Headers) -> CIMultiDict[str]:
    """What the viewer gets: all but hop-by-hop headers, credentials of ours and unproven words about the caller."""
    dropped = _named_by_connection(headers)
    kept = CIMultiDict(
        [
            (name, value)
            for name, value in headers.items()
            if (lower := name.lower()) not in _NOT_FOR_VIEWERS and lower not in dropped
        ]
    )
    sent = headers.getall("Cookie", ())
    if sent and (cookies := foreign_cookies(sent)) and len(cookies) <= _LARGEST_COOKIES:
        kept["Cookie"] = cookies
    return kept


def return_headers(
    headers: Headers, prefix: str, host: str, console_origin: str, inner: str | None = None, assets_origin: str = ""
) -> CIMultiDict[str]:
    """What the browser gets of a viewer's answer, confined to the job's `prefix`; `host` is the request's own.

    `inner`: the prefix that the viewer stands under in its own eyes; None if that is the public one.
    The viewer's Content-Security-Policy stays, but for who may frame it, which is ours to say, and for `assets_origin`,
    where its own files are. Ours is a second one, and browsers obey both.
    """
    dropped = _named_by_connection(headers)
    kept = CIMultiDict(
        [
            (name, value)
            for name, value in headers.items()
            if (lower := name.lower()) not in _NOT_FOR_BROWSERS and lower not in dropped
        ]
    )
    if "Content-Security-Policy" in kept:
        _adapt_policies(kept, assets_origin)
    location = confined_location(headers.get("Location"), prefix, host, inner)
    if location is not None:
        kept["Location"] = location
    for cookie in headers.getall("Set-Cookie", ()):
        if confined := confined_cookie(cookie, prefix, inner):
            kept.add("Set-Cookie", confined)
    kept.add("Content-Security-Policy", f"frame-ancestors {_ancestors(console_origin)}")
    kept.update(SAFE)
    return kept


def confined_location(location: str | None, prefix: str, host: str, inner: str | None = None) -> str | None:
    """A viewer's Location as a path below the job's prefix; None where it would lead to another site.

    Relative ones stay: a browser resolves them against a URL that is below the prefix already.
    """
    if location is None or "\\" in location or not location.isprintable():
        return None
    url = urlsplit(location)
    if url.netloc and url.netloc != host:
        return None
    if url.scheme and not (url.netloc and url.scheme in {"http", "https"}):
        return None
    if url.netloc or location.startswith("/"):
        rest = url._replace(scheme="", netloc="").geturl() or "/"
        return public_path(rest, prefix, inner)
    return location


def public_path(path: str, prefix: str, inner: str | None = None) -> str:
    """An absolute path of the viewer's, with its query, as a path below the job's prefix."""
    known = prefix if inner is None else inner
    below = path.removeprefix(known)
    is_below = path.startswith(known) and (not below or below[0] in "/?#")
    return f"{prefix}{below}" if is_below else f"{prefix}{path}"


def confined_cookie(cookie: str, prefix: str, inner: str | None = None) -> str | None:
    """A viewer's Set-Cookie with its Path below the prefix and no Domain; None if it takes a name of ours."""
    pair, *attributes = (part.strip() for part in cookie.split(";"))
    if OURS in pair.partition("=")[0].lower():
        return None
    path = f"{prefix}/"
    kept = [pair]
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        if name.lower() == "path":
            path = _cookie_path(value, prefix, inner)
        elif name.lower() != "domain":
            kept.append(attribute)
    return "; ".join([*kept, f"Path={path}"])


def foreign_cookies(headers: Iterable[str]) -> str:
    """The cookies that are not ours, as one Cookie header's value."""
    pairs = (pair.strip() for header in headers for pair in header.split(";"))
    return "; ".join(pair for pair in pairs if pair and OURS not in pair.partition("=")[0].lower())


def own_cookies(headers: Headers, name: str) -> list[str]:
    """Values of our cookie, at most `MOST_OF_OURS`, the likeliest first.

    There should be one. But scripts in viewers can set more of that name: with a longer path, which browsers send
    first, and where jobs' origins are one site also with one that holds for all of them.
    """
    pairs = (pair.strip().partition("=") for header in headers.getall("Cookie", ()) for pair in header.split(";"))
    values = [value for key, _, value in pairs if key == name]
    return list(dict.fromkeys(reversed(values)))[:MOST_OF_OURS]


def _cookie_path(value: str, prefix: str, inner: str | None) -> str:
    own = f"{prefix if inner is None else inner}/"
    return f"{prefix}/{value.removeprefix(own)}" if value.startswith(own) else f"{prefix}/"


def _adapt_policies(headers: CIMultiDict[str], assets_origin: str) -> None:
    policies = headers.popall("Content-Security-Policy", [])
    for policy in ",".join(policies).split(","):
        directives = [words for each in policy.split(";") if (words := each.split())]
        kept = [_with_assets(words, assets_origin) for words in directives if words[0].lower() != "frame-ancestors"]
        if kept:
            headers.add("Content-Security-Policy", "; ".join(map(" ".join, kept)))


def _with_assets(directive: list[str], origin: str) -> list[str]:
    """What may come from the page's own origin may also come from that of the files that all jobs have."""
    is_wanted = origin and directive[0].lower() in _LOADS and "'self'" in directive
    return [*directive, origin] if is_wanted else directive


def _ancestors(console_origin: str) -> str:
    return f"'self' {console_origin}".strip()


def _named_by_connection(headers: Headers) -> frozenset[str]:
    values = headers.getall("Connection", ())
    return frozenset(name.strip().lower() for value in values for name in value.split(",")) if values else frozenset()
