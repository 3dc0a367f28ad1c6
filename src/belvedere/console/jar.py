"""Cookies that a script has planted for all of a site, so many or so large that nothing else fits. Pure.

Browsers let a page set cookies for the site that it is part of, so a script in one job's page could lock its reader out
of all jobs, and of a console on the same site. Whoever comes with such a jar gets it emptied, of its largest cookies
first; and if that has not helped after a few steps, as where or how they were set can't be told, of all of the site's.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final

from belvedere.console.sessions import OURS

LARGEST: Final = 2**16  # bytes of cookies that a request may bring; what browsers keep for honest sites has some KiB
MOST_OF_OURS: Final = 16  # of one name; there should be one
_LINES: Final = 1000  # in one answer: browsers take some 200 KiB of headers. What is left goes with the next one
_BYTES: Final = 150_000  # of the same: scripts can choose long names
_STEP: Final = f"{OURS}_emptied"  # counts the answers, for a minute
_STEPS: Final = 3  # until all goes
_COUNTS: Final = frozenset(map(str, range(_STEPS + 1)))
_VALUE: Final = "x"  # of one without a name: browsers ignore a line that has neither
_UNSENDABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # beyond ASCII, names come and go as their bytes
_SEGMENTS: Final = 6  # of a path that a cookie is bound to; a job's has four


def is_too_full(values: Sequence[str]) -> bool:
    """Whether the Cookie headers of a request are in excess."""
    if sum(map(len, values)) > LARGEST:
        return True
    if sum(value.lower().count(OURS) for value in values) <= MOST_OF_OURS:  # as nearly always
        return False
    ours = Counter(name for name, _ in _pairs(values) if OURS in name.lower())
    return any(count > MOST_OF_OURS for count in ours.values())


def emptying(values: Sequence[str], host: str, path: str, *, secure: bool) -> list[tuple[str, str]]:
    """Headers of the answer to whoever comes with such a jar."""
    steps = max((int(value) for name, value in _pairs(values) if name == _STEP and value in _COUNTS), default=0)
    lines = emptied(values, host, path, secure=secure)
    lines.append(f"{_STEP}={min(steps + 1, _STEPS)}; Max-Age=60; Path=/; HttpOnly; SameSite=Lax")
    all_of_them = [("Clear-Site-Data", '"cookies"')] if steps >= _STEPS else []
    return [*(("Set-Cookie", line) for line in lines), *all_of_them]


def emptied(values: Sequence[str], host: str, path: str, *, secure: bool) -> list[str]:
    """Set-Cookie headers that take the largest cookies away, wherever on the way to `host` and `path` they are set.

    `host`: a name without port. Our own at their place stay, if it is the whole of an origin.
    """
    sizes: Counter[str] = Counter()
    for name, value in _pairs(values):
        sizes[name] += len(name) + len(value) + 1
    places = [(domain, at) for domain in _domains(host) for at in _paths(path)]
    names = [name for name, _ in sizes.most_common(max(1, _LINES // len(places)))]
    ending = "; Secure" if secure else ""
    lines = (
        f"{name}={_VALUE if not name else ''}; Max-Age=0; Path={at}{domain}{ending}"
        for name in names
        for domain, at in places
        if not (OURS in name.lower() and at == "/" and not domain)
    )
    return list(_within(_BYTES, lines))


def _within(most: int, lines: Iterable[str]) -> Iterator[str]:
    """So many of them as have no more bytes together."""
    for line in lines:
        most -= len(line.encode("utf-8"))
        if most < 0:
            return
        yield line


def same_place(target: str) -> str:
    """A request's target as a Location on the same origin, however many slashes it begins with."""
    return "/" + target.lstrip("/\\")


def _pairs(values: Sequence[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        for pair in value.split(";"):
            name, mark, rest = pair.strip().partition("=")
            if not mark:  # a cookie without a name is sent as its value
                name, rest = "", name
            if (name or rest) and not _UNSENDABLE.search(name):
                yield name, rest


def _is_plain(segment: str) -> bool:
    return segment.isascii() and segment.isprintable() and ";" not in segment


def _domains(host: str) -> list[str]:
    """As attributes: this host alone, it with all below it, and so for each name above it."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        labels = host.split(".")
        return ["", *(f"; Domain={'.'.join(labels[start:])}" for start in range(len(labels)))]
    return [""]


def _paths(path: str) -> list[str]:
    """The paths that a cookie can be bound to so that it is sent to `path`."""
    whole = path.partition("?")[0].split("/")[: _SEGMENTS + 1]
    segments = list(takewhile(_is_plain, filter(None, whole)))
    tops = ["/" + "/".join(segments[:count]) for count in range(1, len(segments) + 1)]
    return ["/", *(variant for top in tops for variant in (top, f"{top}/"))]
