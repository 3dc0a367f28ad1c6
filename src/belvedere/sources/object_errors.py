"""What an object store's refusal means. Pure: from its answer, or from the lack of one, to a reason for people.

The answer's own text is never shown: it holds addresses, and on some stores the key.
"""

import re
import socket
import ssl
from collections.abc import Mapping
from typing import Final

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import SourceDenied, SourceError, SourceMissing, SourceUnavailable
from belvedere.sources.location import ObjectLocation, describe
from belvedere.sources.stores import ObjectStore
from belvedere.sources.wire import NotHttp

LONGEST_RETRY_AFTER: Final = 300.0  # seconds; a store that asks for more is asked again all the same
_CODE = re.compile(r"<Code>(\w+)</Code>")
_REGION = re.compile(r"<Region>([\w-]{1,64})</Region>")
_ENDPOINT = re.compile(r"<Endpoint>([\w.:-]{1,255})</Endpoint>")
_WRONG_REGION = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect"}
)
_OVERLOADED = frozenset({"SlowDown", "ServiceUnavailable", "TooManyRequests", "RequestLimitExceeded"})


def refused(
    status: int, text: str, headers: Mapping[str, str], location: ObjectLocation, store: ObjectStore, key: str
) -> SourceError:
    """The error for an answer with `status` and `text` about the object `key`, or about the bucket if that is empty."""
    found = _CODE.search(text)
    code = found[1] if found else ""
    where, name = (f"obs://{location.bucket}/{key}" if key else describe(location)), f"The object store {store.name!r}"
    return (
        _missing(status, code, location, where, key)
        or _elsewhere(status, code, text, headers, location, store)
        or _denied(status, code, where, name, anonymous=not store.access_key)
        or _unavailable(status, code, name, _retry_after(headers.get("retry-after", "")))
    )


def broken(error: Exception, store: ObjectStore) -> SourceUnavailable:
    """The error for a request that got no answer, or no whole one."""
    name = f"The object store {store.name!r}"
    for kinds, code, words in _BROKEN:
        if isinstance(error, kinds):
            return SourceUnavailable(code, f"{name} {words}")
    if isinstance(error, ConnectionRefusedError):
        text = f"{name} can't be reached: connection refused. Check that it runs, and the store's endpoint."
        return SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, text)
    if isinstance(error, ConnectionError):
        return SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, f"{name} broke off its answer. Retrying.")
    text = f"{name} can't be reached. Check the network, and the store's endpoint."
    return SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, text)


def not_a_store(store: ObjectStore) -> SourceUnavailable:
    """The error for a listing that is none."""
    text = f"What answers at the endpoint of the object store {store.name!r} is no object store. Check the endpoint."
    return SourceUnavailable(ReasonCode.WRONG_ENDPOINT, text)


def _missing(status: int, code: str, location: ObjectLocation, where: str, key: str) -> SourceError | None:
    if code == "NoSuchBucket" or (status == 404 and not key):
        text = f"The bucket {location.bucket!r} does not exist. Check its name, and the region of the store."
        return SourceMissing(ReasonCode.NO_SUCH_BUCKET, text)
    if status == 404:
        return SourceMissing(ReasonCode.NO_SUCH_PATH, f"{where} does not exist any more.")
    return None


def _elsewhere(
    status: int, code: str, text: str, headers: Mapping[str, str], location: ObjectLocation, store: ObjectStore
) -> SourceError | None:
    """Stores answer in one of several ways when they are asked for a bucket of another region; some say of which."""
    if code not in _WRONG_REGION and not 300 <= status < 400:
        return None
    there, at = _REGION.search(text), _ENDPOINT.search(text)
    region = there[1] if there else headers.get("x-amz-bucket-region", "")
    found = f"in the region {region!r}" if region else "elsewhere"
    reached = f", reached at {at[1]}" if at else ""
    told = f"The bucket {location.bucket!r} is {found}{reached}; we asked the object store {store.name!r} for it"
    todo = "Set the store's region and endpoint to the bucket's."
    return SourceMissing(ReasonCode.WRONG_ENDPOINT, f"{told} with the region {store.region!r}. {todo}")


def _denied(status: int, code: str, where: str, name: str, *, anonymous: bool) -> SourceError | None:
    bad = ReasonCode.BAD_CREDENTIALS
    match code:
        case "RequestTimeTooSkewed":
            text = f"{name} refuses our requests because the clocks differ. Set this machine's clock."
            return SourceUnavailable(ReasonCode.SOURCE_ERROR, text)
        case "InvalidAccessKeyId":
            return SourceDenied(bad, f"{name} does not know the access key. Set a valid one.")
        case "SignatureDoesNotMatch":
            text = f"{name} does not accept the secret key. Set the one that belongs to the access key."
            return SourceDenied(bad, text)
        case "ExpiredToken" | "InvalidToken":
            return SourceDenied(bad, f"{name} says that the keys have expired. Set valid ones.")
    if status == 401:
        return SourceDenied(bad, f"{name} does not accept the keys. Set valid ones.")
    if status == 403:
        who = "requests without keys. Set the store's keys" if anonymous else "our keys. Grant them list and read there"
        return SourceDenied(ReasonCode.SOURCE_FORBIDDEN, f"{where} is forbidden to {who}.")
    return None


def _unavailable(status: int, code: str, name: str, retry_after: float) -> SourceError:
    if status in {429, 503} or code in _OVERLOADED:
        text = f"{name} is overloaded ({status}). Retrying."
        return SourceUnavailable(ReasonCode.SOURCE_ERROR, text, retry_after=retry_after)
    text = f"{name} answered {f'{status} {code}'.strip()}. Retrying."
    return SourceUnavailable(ReasonCode.SOURCE_ERROR, text, retry_after=retry_after)


def _retry_after(header: str) -> float:
    """Seconds. Its other form, a date, is left to our own back-off: clocks differ."""
    return min(float(header), LONGEST_RETRY_AFTER) if header.isdecimal() and header.isascii() else 0.0


_BROKEN: tuple[tuple[tuple[type[Exception], ...], ReasonCode, str], ...] = (
    (
        (ssl.SSLCertVerificationError,),
        ReasonCode.BAD_CERTIFICATE,
        "shows a certificate that is not trusted. Give the store its CA file.",
    ),
    ((ssl.SSLError,), ReasonCode.WRONG_ENDPOINT, "does not speak https. Check its endpoint."),
    (
        (socket.gaierror, UnicodeError),  # the latter for what can't even be spelt as a name
        ReasonCode.SOURCE_UNREACHABLE,
        "can't be found: its host name is unknown. Check the store's endpoint.",
    ),
    ((TimeoutError,), ReasonCode.SOURCE_UNREACHABLE, "does not answer in time. Retrying."),
    ((NotHttp,), ReasonCode.WRONG_ENDPOINT, "does not answer in HTTP. Check its endpoint."),
)
