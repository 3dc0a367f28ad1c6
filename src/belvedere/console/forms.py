"""Forms without a framework's help: their fields, and whether they come from our own page. Pure."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

LARGEST_FORM: Final = 16 * 1024  # bytes; a token has 43 characters, a URL may have some thousand


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form, the last value of each; none if it is no such form."""
    if len(body) > LARGEST_FORM:
        return {}
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}


def is_same_origin(*, site: str | None, origin: str | None, host: str) -> bool:
    """Whether browsers say, by Sec-Fetch-Site or else Origin, that a request is our own page's.

    Nothing said counts as no. The scheme is not compared: a proxy in front may speak another one.
    """
    if site is not None:
        return site == "same-origin"
    return bool(origin) and bool(host) and urlsplit(origin).netloc == host
