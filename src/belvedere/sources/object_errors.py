"""What an object store's refusal means. Pure: from the client library's text to a reason for people.

The library has one class for a wrong key, a wrong secret, an absent bucket and a range past the end; only its text
tells them apart. The text itself is never shown: it holds addresses, and on some stores the key.
"""

import re

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import SourceDenied, SourceError, SourceMissing, SourceUnavailable
from belvedere.sources.location import ObjectLocation, describe
from belvedere.sources.stores import ObjectStore

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_BAD_KEY = re.compile(r'Path "([^"]*)"')
_WRONG_REGION = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect"}
)


def at_end(text: str) -> bool:
    """Whether a read began at or past the end of the object."""
    return _found(_STATUS, text) == "416"


def translated(text: str, location: ObjectLocation, store: ObjectStore, key: str = "") -> SourceError:
    """The error for a failed request about `location`, or about one `key` in it."""
    status, code = _found(_STATUS, text), _found(_CODE, text)
    where, name = f"{describe(location)}{key}", f"the object store {store.name!r}"
    return (
        _unlistable(text, where)
        or _missing(status, code, location, where, key)
        or _denied(status, code, where, name, anonymous=not store.access_key)
        or _unavailable(status, code, text, name)
    )


def _unlistable(text: str, where: str) -> SourceError | None:
    """The client library gives up a whole listing for one key that it can't take for a path."""
    if "invalid path" not in text:
        return None
    key = repr(_found(_BAD_KEY, text))
    text = f"{where} can't be listed because of the key {key}. Rename it: no empty or .. parts, no control characters."
    return SourceUnavailable(ReasonCode.SOURCE_ERROR, text)


def _missing(status: str, code: str, location: ObjectLocation, where: str, key: str) -> SourceError | None:
    if code == "NoSuchBucket" or (status == "404" and not key):
        text = f"The bucket {location.bucket!r} does not exist. Check its name, and the region of the store."
        return SourceMissing(ReasonCode.NO_SUCH_BUCKET, text)
    if status == "404":
        return SourceMissing(ReasonCode.NO_SUCH_PATH, f"{where} does not exist any more.")
    if code in _WRONG_REGION or status in {"301", "307"}:
        text = (
            f"The bucket {location.bucket!r} is in another region. Set the store's endpoint and region to the bucket's."
        )
        return SourceMissing(ReasonCode.SOURCE_ERROR, text)
    return None


def _denied(status: str, code: str, where: str, name: str, *, anonymous: bool) -> SourceError | None:
    bad = ReasonCode.BAD_CREDENTIALS
    match code:
        case "RequestTimeTooSkewed":
            text = f"{name} refuses our requests because the clocks differ. Set this machine's clock."
            return SourceUnavailable(ReasonCode.SOURCE_ERROR, _capitalized(text))
        case "InvalidAccessKeyId":
            return SourceDenied(bad, _capitalized(f"{name} does not know the access key. Set a valid one."))
        case "SignatureDoesNotMatch":
            text = f"{name} does not accept the secret key. Set the one that belongs to the access key."
            return SourceDenied(bad, _capitalized(text))
        case "ExpiredToken" | "InvalidToken":
            return SourceDenied(bad, _capitalized(f"{name} says that the keys have expired. Set valid ones."))
    if status == "401":
        return SourceDenied(bad, _capitalized(f"{name} does not accept the keys. Set valid ones."))
    if status == "403":
        who = "requests without keys. Set the store's keys" if anonymous else "our keys. Grant them list and read there"
        return SourceDenied(ReasonCode.SOURCE_FORBIDDEN, f"{where} is forbidden to {who}.")
    return None


def _unavailable(status: str, code: str, text: str, name: str) -> SourceError:
    if status in {"429", "503"} or code == "SlowDown":
        return SourceUnavailable(ReasonCode.SOURCE_ERROR, _capitalized(f"{name} is overloaded ({status}). Retrying."))
    if status:
        answer = f"{status} {code}".strip()
        return SourceUnavailable(ReasonCode.SOURCE_ERROR, _capitalized(f"{name} answered {answer}. Retrying."))
    return SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, _capitalized(f"{name} {_transport(text.lower())}"))


def _transport(text: str) -> str:
    if "certificate" in text:
        return "shows a certificate that is not trusted. Give the store its CA file."
    if "dns" in text or "name resolution" in text or "failed to lookup" in text:
        return "can't be found: its host name is unknown. Check the store's endpoint."
    if "refused" in text:
        return "can't be reached: connection refused. Check that it runs, and the store's endpoint."
    if "corruptmessage" in text or "invalidcontenttype" in text:
        return "does not speak https. Check the store's endpoint."
    if "timed out" in text or "timedout" in text or "elapsed" in text.partition("debug source")[0]:
        return "does not answer in time. Retrying."
    if "body" in text or "incomplete" in text or "reset" in text:
        return "broke off its answer. Retrying."
    return "can't be reached. Check the network, and the store's endpoint."


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
