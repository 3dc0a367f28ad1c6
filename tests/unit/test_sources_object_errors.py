import errno
import socket
import ssl

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import SourceDenied, SourceError, SourceMissing, SourceUnavailable
from belvedere.sources.location import ObjectLocation
from belvedere.sources.object_client import endpoint_with_bucket
from belvedere.sources.object_errors import LONGEST_RETRY_AFTER, broken, refused
from belvedere.sources.stores import ObjectStore
from belvedere.sources.wire import Gone, NotHttp

LOCATION = ObjectLocation(store="default", bucket="bucket", prefix="p/")
STORE = ObjectStore(endpoint="https://store", access_key="AK-SECRET", secret_key="SK-SECRET")


def answered(status: int, code: str = "", key: str = "", retry_after: str = "") -> SourceError:
    text = f"<Error><Code>{code}</Code><Key>AK-SECRET</Key></Error>" if code else "words"
    headers = {"retry-after": retry_after} if retry_after else {}
    return refused(status, text, headers, LOCATION, STORE, key)


@pytest.mark.parametrize(
    ("error", "kind", "code", "words"),
    [
        (answered(404, "NoSuchBucket"), SourceMissing, ReasonCode.NO_SUCH_BUCKET, "bucket 'bucket' does not exist"),
        (answered(404), SourceMissing, ReasonCode.NO_SUCH_BUCKET, "bucket 'bucket' does not exist"),
        (answered(301, "PermanentRedirect"), SourceMissing, ReasonCode.WRONG_ENDPOINT, "is elsewhere"),
        (answered(400, "AuthorizationHeaderMalformed"), SourceMissing, ReasonCode.WRONG_ENDPOINT, "region"),
        (answered(307, "TemporaryRedirect"), SourceMissing, ReasonCode.WRONG_ENDPOINT, "is elsewhere"),
        (answered(403, "AccessDenied"), SourceDenied, ReasonCode.SOURCE_FORBIDDEN, "Grant them list and read"),
        (answered(403, "InvalidAccessKeyId"), SourceDenied, ReasonCode.BAD_CREDENTIALS, "the access key"),
        (answered(403, "SignatureDoesNotMatch"), SourceDenied, ReasonCode.BAD_CREDENTIALS, "the secret key"),
        (answered(401), SourceDenied, ReasonCode.BAD_CREDENTIALS, "does not accept the keys"),
        (answered(403, "RequestTimeTooSkewed"), SourceUnavailable, ReasonCode.SOURCE_ERROR, "clock"),
        (answered(503, "SlowDown"), SourceUnavailable, ReasonCode.SOURCE_ERROR, "overloaded"),
        (answered(429), SourceUnavailable, ReasonCode.SOURCE_ERROR, "overloaded"),
        (answered(500, "InternalError"), SourceUnavailable, ReasonCode.SOURCE_ERROR, "answered 500 InternalError"),
    ],
)
def test_each_refusal_has_its_reason_and_shows_no_key(
    error: SourceError, kind: type[SourceError], code: ReasonCode, words: str
) -> None:
    assert isinstance(error, kind)
    assert error.reason.code is code
    assert words in error.reason.text
    assert "SECRET" not in error.reason.text


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ssl.SSLCertVerificationError(), ReasonCode.BAD_CERTIFICATE, "CA file"),
        (ssl.SSLError(), ReasonCode.WRONG_ENDPOINT, "does not speak https"),
        (socket.gaierror(), ReasonCode.SOURCE_UNREACHABLE, "host name is unknown"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), ReasonCode.SOURCE_UNREACHABLE, "connection refused"),
        (TimeoutError(), ReasonCode.SOURCE_UNREACHABLE, "in time"),
        (Gone(), ReasonCode.SOURCE_UNREACHABLE, "broke off"),
        (NotHttp(), ReasonCode.WRONG_ENDPOINT, "does not answer in HTTP"),
        (OSError(errno.EHOSTUNREACH, "no route"), ReasonCode.SOURCE_UNREACHABLE, "can't be reached"),
    ],
)
def test_each_way_to_get_no_answer_has_its_reason(error: Exception, code: ReasonCode, words: str) -> None:
    reason = broken(error, STORE).reason
    assert reason.code is code
    assert words in reason.text


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("", 0.0), ("99999", LONGEST_RETRY_AFTER), ("Wed, 21 Oct 2026", 0.0), ("-1", 0)]
)
def test_a_store_may_ask_to_be_left_alone_for_a_while(header: str, seconds: float) -> None:
    error = answered(429, retry_after=header)
    assert isinstance(error, SourceUnavailable)
    assert error.retry_after == seconds


def test_an_absent_object_is_not_an_absent_bucket() -> None:
    error = answered(404, "NoSuchKey", key="p/run/events")
    assert error.reason.code is ReasonCode.NO_SUCH_PATH
    assert "obs://bucket/p/run/events" in error.reason.text


def test_a_virtual_host_endpoint_has_the_bucket_before_its_name() -> None:
    assert endpoint_with_bucket("https://obs.example.com:8443", "bucket") == "https://bucket.obs.example.com:8443"
