"""Requests that are signed by access key and secret key: SDK-HMAC-SHA256, over what was received. Pure.

Source: Huawei Cloud, "API Request Signing Guide". The signature is one HMAC over the date and the digest of the
canonical request, which is put together here from the path, query and headers exactly as they came.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from belvedere.contract.errors import InvalidSignature

ALGORITHM: Final = "SDK-HMAC-SHA256"
LEEWAY: Final = timedelta(minutes=15)  # between the date of a signature and our clock, either way
SECURITY_TOKEN: Final = b"x-security-token"
_DATE: Final = b"x-sdk-date"
_CONTENT_HASH: Final = b"x-sdk-content-sha256"
_MUST_BE_SIGNED: Final = (b"host", _DATE)
_HIDDEN: Final = frozenset({SECURITY_TOKEN, b"x-auth-token", b"cookie", b"authorization"})  # never in an error
_EMPTY_HASH: Final = hashlib.sha256().hexdigest().encode()
_LONGEST: Final = 8192  # characters of the Authorization header
_ECHOED: Final = 2000  # characters of a canonical request that an error repeats
_HEADER = re.compile(
    ALGORITHM + r" +Access=(?P<access_key>[^\s,]{1,128}), *"
    r"SignedHeaders=(?P<headers>[!-+\--:<-~]+(?:;[!-+\--:<-~]+)*), *Signature=(?P<signature>[0-9a-f]{64})"
)
_DATE_FORM = re.compile(rb"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
_FORM = f"{ALGORITHM} Access=…, SignedHeaders=host;x-sdk-date, Signature=…"

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case; as received


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was received, but for the body. `path` and `query` are raw: still percent-encoded."""

    method: str
    path: bytes
    query: bytes
    headers: Headers


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What the Authorization header says, and the date that was signed."""

    access_key: str
    signed_headers: tuple[bytes, ...]
    signature: str
    signed_at: datetime
    date: bytes


def is_signed(authorization: str) -> bool:
    """Whether an Authorization header is meant as a signature of this kind."""
    return authorization.startswith(ALGORITHM)


def read_signature(authorization: str, headers: Headers, now: datetime) -> Signature:
    """The signature that a request bears. Raises InvalidSignature for what no right signature can look like."""
    found = _HEADER.fullmatch(authorization) if len(authorization) <= _LONGEST else None
    if found is None:
        raise refused(f"the Authorization header must be like: {_FORM}")
    names = tuple(found["headers"].encode().split(b";"))
    if names != tuple(sorted(set(names))) or any(name != name.lower() for name in names):
        raise refused("SignedHeaders must be lower-case names in alphabetical order, each once")
    for name in _MUST_BE_SIGNED:
        if name not in names:
            raise refused(f"the header {name.decode()} must be signed")
    date = _the_one(headers, _DATE)
    return Signature(
        access_key=found["access_key"],
        signed_headers=names,
        signature=found["signature"],
        signed_at=_signed_at(date, now),
        date=date,
    )


def canonical_request(request: SignedRequest, signed_headers: Sequence[bytes], body: bytes) -> bytes:
    """What is signed. Raises InvalidSignature where the request leaves it open what that is."""
    values = [(name, _the_one(request.headers, name).strip()) for name in signed_headers]
    lines = (
        request.method.encode(),
        _canonical_path(request.path),
        _canonical_query(request.query),
        b"".join(b"%b:%b\n" % pair for pair in values),
        b";".join(signed_headers),
        _content_hash(request.headers, signed_headers, body),
    )
    return b"\n".join(lines)


def signature_of(canonical: bytes, date: bytes, secret_key: bytes) -> str:
    """The signature that the owner of the secret key makes."""
    digest = hashlib.sha256(canonical).hexdigest().encode()
    return hmac.digest(secret_key, b"%b\n%b\n%b" % (ALGORITHM.encode(), date, digest), "sha256").hex()


def is_right(signature: Signature, canonical: bytes, secret_key: bytes) -> bool:
    """Whether the owner of the secret key made it; in the same time, however wrong it is."""
    return hmac.compare_digest(signature.signature, signature_of(canonical, signature.date, secret_key))


def wrong_signature(request: SignedRequest, signature: Signature, canonical: bytes) -> InvalidSignature:
    """The error for a signature that is not right. It repeats what we took as signed, to be compared; no secret."""
    for name in _HIDDEN.intersection(signature.signed_headers):
        canonical = canonical.replace(_the_one(request.headers, name).strip() or b"\n", b"******")
    echo = canonical.decode("ascii", "backslashreplace").replace("\n", "|")
    safe = "".join(character if character.isprintable() else "?" for character in echo[:_ECHOED])
    return refused(f"verify aksk signature fail, canonicalRequest:{safe}")


def refused(why: str) -> InvalidSignature:
    """The documented error, with what is wrong."""
    return InvalidSignature(f"Incorrect IAM authentication information: {why}")


def header(headers: Headers, name: bytes) -> bytes | None:
    """The value of a header that may be there once. Raises InvalidSignature if there are several."""
    values = [value for each, value in headers if each == name]
    if len(values) > 1:
        raise refused(f"the header {name.decode('ascii', 'replace')} is there {len(values)} times")
    return values[0] if values else None


def _the_one(headers: Headers, name: bytes) -> bytes:
    value = header(headers, name)
    if value is None:
        raise refused(f"the signed header {name.decode('ascii', 'replace')} is missing")
    return value


def _signed_at(date: bytes, now: datetime) -> datetime:
    found = _DATE_FORM.fullmatch(date)
    try:
        year, month, day, hour, minute, second = map(int, found.groups()) if found else (0,) * 6  # a year that isn't
        signed_at: datetime | None = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        signed_at = None
    if signed_at is None:
        raise refused("X-Sdk-Date must be a time in UTC like 20191115T033655Z")
    if abs(now - signed_at) > LEEWAY:
        raise refused(
            f"X-Sdk-Date is more than 15 minutes from this service's clock, which says {now:%Y%m%dT%H%M%SZ}; "
            "set the clock, and sign anew"
        )
    return signed_at


def _canonical_path(path: bytes) -> bytes:
    encoded = b"/".join(quote_from_bytes(part, "~").encode() for part in unquote_to_bytes(path).split(b"/"))
    return encoded if encoded.endswith(b"/") else encoded + b"/"


def _canonical_query(query: bytes) -> bytes:
    if not query:
        return b""
    pairs = sorted(
        (unquote_to_bytes(name), unquote_to_bytes(value))
        for name, _, value in (part.partition(b"=") for part in query.split(b"&") if part)
    )
    return "&".join(f"{quote_from_bytes(name, '~')}={quote_from_bytes(value, '~')}" for name, value in pairs).encode()


def _content_hash(headers: Headers, signed_headers: Sequence[bytes], body: bytes) -> bytes:
    """Always of the body that came: one that is not signed could be anybody's."""
    if not body:
        return _EMPTY_HASH
    actual = hashlib.sha256(body).hexdigest().encode()
    said = header(headers, _CONTENT_HASH)
    if said is None:
        return actual
    if _CONTENT_HASH not in signed_headers or said.strip() != actual:
        raise refused(
            "X-Sdk-Content-Sha256 must be signed, and be the digest of the body; UNSIGNED-PAYLOAD is not taken"
        )
    return actual
