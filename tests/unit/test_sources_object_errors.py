import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import SourceDenied, SourceError, SourceMissing, SourceUnavailable
from belvedere.sources.location import ObjectLocation
from belvedere.sources.object_errors import at_end, translated
from belvedere.sources.objects import endpoint_with_bucket
from belvedere.sources.stores import ObjectStore

LOCATION = ObjectLocation(store="default", bucket="bucket", prefix="p/")
STORE = ObjectStore(endpoint="https://store", access_key="AK-SECRET", secret_key="SK-SECRET")


def answer(status: int, code: str = "") -> str:
    body = f"<Error><Code>{code}</Code><Key>AK-SECRET</Key></Error>" if code else ""
    return f"Generic S3 error: Error performing GET https://store/bucket - status code: {status} Words: {body}"


@pytest.mark.parametrize(
    ("text", "kind", "code", "words"),
    [
        (answer(404, "NoSuchBucket"), SourceMissing, ReasonCode.NO_SUCH_BUCKET, "bucket 'bucket' does not exist"),
        (answer(404), SourceMissing, ReasonCode.NO_SUCH_BUCKET, "bucket 'bucket' does not exist"),
        (answer(301, "PermanentRedirect"), SourceMissing, ReasonCode.SOURCE_ERROR, "in another region"),
        (answer(400, "AuthorizationHeaderMalformed"), SourceMissing, ReasonCode.SOURCE_ERROR, "in another region"),
        (answer(403, "AccessDenied"), SourceDenied, ReasonCode.SOURCE_FORBIDDEN, "Grant them list and read"),
        (answer(403, "InvalidAccessKeyId"), SourceDenied, ReasonCode.BAD_CREDENTIALS, "the access key"),
        (answer(403, "SignatureDoesNotMatch"), SourceDenied, ReasonCode.BAD_CREDENTIALS, "the secret key"),
        (answer(401), SourceDenied, ReasonCode.BAD_CREDENTIALS, "does not accept the keys"),
        (answer(403, "RequestTimeTooSkewed"), SourceUnavailable, ReasonCode.SOURCE_ERROR, "clock"),
        (answer(503, "SlowDown"), SourceUnavailable, ReasonCode.SOURCE_ERROR, "overloaded"),
        (answer(429), SourceUnavailable, ReasonCode.SOURCE_ERROR, "overloaded"),
        (answer(500, "InternalError"), SourceUnavailable, ReasonCode.SOURCE_ERROR, "answered 500 InternalError"),
        ("invalid peer certificate: UnknownIssuer", SourceUnavailable, ReasonCode.SOURCE_UNREACHABLE, "CA file"),
        ("dns error: failed to lookup address", SourceUnavailable, ReasonCode.SOURCE_UNREACHABLE, "host name"),
        ("Connection refused (os error 111)", SourceUnavailable, ReasonCode.SOURCE_UNREACHABLE, "refused"),
        ("kind: Body, source: TimedOut", SourceUnavailable, ReasonCode.SOURCE_UNREACHABLE, "in time"),
        ("connection reset by peer", SourceUnavailable, ReasonCode.SOURCE_UNREACHABLE, "broke off"),
        ("something new", SourceUnavailable, ReasonCode.SOURCE_UNREACHABLE, "can't be reached"),
    ],
)
def test_each_refusal_has_its_reason_and_shows_no_key(
    text: str, kind: type[SourceError], code: ReasonCode, words: str
) -> None:
    error = translated(text, LOCATION, STORE)
    assert isinstance(error, kind)
    assert error.reason.code is code
    assert words in error.reason.text
    assert "SECRET" not in error.reason.text


def test_a_key_that_spoils_the_listing_is_named() -> None:
    text = 'Encountered object with invalid path: Path "p/x//y\n" contained empty path segment'
    error = translated(text, LOCATION, STORE)
    assert error.reason.code is ReasonCode.SOURCE_ERROR
    assert "because of the key 'p/x//y\\n'" in error.reason.text


def test_an_absent_object_is_not_an_absent_bucket() -> None:
    error = translated(answer(404, "NoSuchKey"), LOCATION, STORE, "run/events")
    assert error.reason.code is ReasonCode.NO_SUCH_PATH
    assert "obs://bucket/p/run/events" in error.reason.text


def test_a_range_past_the_end_is_known_by_its_status() -> None:
    assert at_end(answer(416, "InvalidRange"))
    assert not at_end(answer(400, "Key416"))


def test_a_virtual_host_endpoint_has_the_bucket_before_its_name() -> None:
    assert endpoint_with_bucket("https://obs.example.com:8443", "bucket") == "https://bucket.obs.example.com:8443"
