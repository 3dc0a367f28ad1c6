"""ETag and If-Match: a job's revision, quoted. Pure."""

import re

_STRONG_TAG = re.compile(r'(?<!W/)"([0-9]{1,18})"')


def etag(revision: int) -> str:
    """The job's entity tag."""
    return f'"{revision}"'


def revisions(if_match: str | None) -> frozenset[int] | None:
    """The revisions that If-Match allows; None if it allows any. Weak tags never match (RFC 9110, 13.1.1)."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(int(number) for number in _STRONG_TAG.findall(if_match))
