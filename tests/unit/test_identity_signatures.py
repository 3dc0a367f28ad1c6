"""SDK-HMAC-SHA256 against the vectors that Huawei Cloud publishes, and whatever is not quite one."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from belvedere.contract.errors import InvalidSignature
from belvedere.identity.signatures import (
    LEEWAY,
    SignedRequest,
    canonical_request,
    is_right,
    read_signature,
    signature_of,
    wrong_signature,
)

GUIDE_HOST = b"service.region.example.com"
SDK_HOST = b"service.endpoint.myhuaweicloud.com"


def request(method: str, target: bytes, **headers: bytes) -> SignedRequest:
    path, _, query = target.partition(b"?")
    names = [(name.replace("_", "-").encode(), value) for name, value in sorted(headers.items())]
    return SignedRequest(method=method, path=path, query=query, headers=names)


GUIDE = request(
    "GET",
    b"/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0",
    content_type=b"application/json",
    host=GUIDE_HOST,
    x_sdk_date=b"20191115T033655Z",
)
SDK = request("GET", b"/resources?size=1", host=SDK_HOST, x_sdk_date=b"20200608T023900Z")
VECTORS = {
    "guide": (
        GUIDE,
        b"",
        b"MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc",
        "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
    ),
    "get": (SDK, b"", b"SecretKey", "cfb4171acec81de07d50e53d57eb77edd537414d66ddb1d7d780f128e12cd842"),
    "post": (
        replace(SDK, method="POST"),
        b'{"name":"test","id":1}',
        b"SecretKey",
        "436b1ac0a1ae03705934bb70ef2f2e09f7bfed2117d731a38235053199323a1f",
    ),
    "date alone": (
        request("GET", b"/path?limit=1", x_sdk_date=b"20060102T150405Z"),
        b"",
        b"SecretKey",
        "5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624",
    ),
}
NOW = datetime(2019, 11, 15, 3, 36, 55, tzinfo=UTC)
RIGHT = VECTORS["guide"][3]
SIGNED = "content-type;host;x-sdk-date"
AUTHORIZATION = f"SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, SignedHeaders={SIGNED}, Signature={RIGHT}"


@pytest.mark.parametrize("name", VECTORS)
def test_published_vector(name: str) -> None:
    vector, body, secret_key, expected = VECTORS[name]
    names = [header for header, _ in vector.headers]
    date = dict(vector.headers)[b"x-sdk-date"]
    assert signature_of(canonical_request(vector, names, body), date, secret_key) == expected


def test_the_published_authorization_header_is_right() -> None:
    signature = read_signature(AUTHORIZATION, GUIDE.headers, NOW)
    canonical = canonical_request(GUIDE, signature.signed_headers, b"")
    assert is_right(signature, canonical, VECTORS["guide"][2])
    assert not is_right(signature, canonical, b"another")


@pytest.mark.parametrize(
    ("received", "signed"),
    [
        (b"/a", b"/a/"),
        (b"/a/", b"/a/"),
        (b"", b"/"),
        (b"/a%20b", b"/a%20b/"),
        (b"/a b", b"/a%20b/"),
        (b"/%E4%B8%AD", b"/%E4%B8%AD/"),
        (b"/\xe4\xb8\xad", b"/%E4%B8%AD/"),
        (b"/a,b", b"/a%2Cb/"),
        (b"/a%2Cb", b"/a%2Cb/"),
        (b"/a%2fb", b"/a/b/"),
        (b"//a", b"//a/"),
        (b"/a/../b", b"/a/../b/"),
        (b"/-_.~", b"/-_.~/"),
        (b"/100%", b"/100%25/"),
    ],
)
def test_the_path_is_signed_as_received(received: bytes, signed: bytes) -> None:
    canonical = canonical_request(replace(SDK, path=received), [], b"")
    assert canonical.split(b"\n")[1] == signed


@pytest.mark.parametrize(
    ("received", "signed"),
    [
        (b"", b""),
        (b"b=2&a=1", b"a=1&b=2"),
        (b"a=2&a=1", b"a=1&a=2"),
        (b"a", b"a="),
        (b"a=1&&b", b"a=1&b="),
        (b"a=x%20y", b"a=x%20y"),
        (b"a=x+y", b"a=x%2By"),
        (b"a=/,", b"a=%2F%2C"),
        (b"a=b=c", b"a=b%3Dc"),
        (b"%E4%B8%AD=%ff", b"%E4%B8%AD=%FF"),
        (b"a10=1&a1=1&A=1", b"A=1&a1=1&a10=1"),
    ],
)
def test_the_query_is_signed_sorted_and_encoded(received: bytes, signed: bytes) -> None:
    canonical = canonical_request(replace(SDK, query=received), [], b"")
    assert canonical.split(b"\n")[2] == signed


@pytest.mark.parametrize(
    "authorization",
    [
        "SDK-HMAC-SHA256",
        "SDK-HMAC-SHA256 ",
        AUTHORIZATION + " ",
        AUTHORIZATION + ", More=1",
        AUTHORIZATION.replace("Access=", "access="),
        AUTHORIZATION.replace("QTWAOYTTINDUT2QVKYUC", ""),
        AUTHORIZATION.replace("QTWAOYTTINDUT2QVKYUC", "A" * 129),
        AUTHORIZATION.replace(RIGHT, RIGHT[:-1]),
        AUTHORIZATION.replace(RIGHT, RIGHT.upper()),
        AUTHORIZATION.replace(RIGHT, "☃" * 64),
        AUTHORIZATION.replace(SIGNED, ""),
        AUTHORIZATION.replace(SIGNED, "host;x-sdk-date;content-type"),
        AUTHORIZATION.replace(SIGNED, "host;host;x-sdk-date"),
        AUTHORIZATION.replace(SIGNED, "Host;X-Sdk-Date"),
        AUTHORIZATION.replace(SIGNED, "host;;x-sdk-date"),
        AUTHORIZATION.replace(SIGNED, "content-type;x-sdk-date"),
        AUTHORIZATION.replace(SIGNED, "content-type;host"),
        AUTHORIZATION.replace("SDK-HMAC-SHA256", "SDK-HMAC-SHA256-V2"),
        AUTHORIZATION.replace("SDK-HMAC-SHA256", "SDK-HMAC-SM3"),
        "SDK-HMAC-SHA256 " + "x" * 2**20,
        f"SDK-HMAC-SHA256 Credential=AK/20191115//service/sdk_request, SignedHeaders={SIGNED}, Signature={RIGHT}",
    ],
)
def test_what_is_no_signature_is_refused_in_the_documented_words(authorization: str) -> None:
    with pytest.raises(InvalidSignature, match=r"^Incorrect IAM authentication information: ") as refusal:
        read_signature(authorization, GUIDE.headers, NOW)
    assert (refusal.value.error_code, refusal.value.http_status) == ("APIG.0301", 401)
    assert len(refusal.value.message) < 400


@pytest.mark.parametrize(
    "date",
    [
        b"",
        b"20191115T033655",
        b"20191115T033655z",
        b"20191115 033655Z",
        b"2019-11-15T03:36:55Z",
        b"20191115T033655+0000",
        b"20191131T033655Z",
        b"20191115T243655Z",
        b"20191115T033660Z",
        b"00001115T033655Z",
        b"1573789015",
        b"Fri, 15 Nov 2019 03:36:55 GMT",
        "２０１９1115T033655Z".encode(),
        b"20191115T033655Z\n",
        b"20191115T033655Z20191115T033655Z",
        b"9" * 100_000,
    ],
)
def test_a_date_in_a_wrong_format_is_refused(date: bytes) -> None:
    headers = [(name, date if name == b"x-sdk-date" else value) for name, value in GUIDE.headers]
    with pytest.raises(InvalidSignature, match="X-Sdk-Date must be a time in UTC like 20191115T033655Z"):
        read_signature(AUTHORIZATION, headers, NOW)


@pytest.mark.parametrize("side", [1, -1])
def test_the_clocks_may_differ_by_fifteen_minutes(side: int) -> None:
    assert read_signature(AUTHORIZATION, GUIDE.headers, NOW + side * LEEWAY)
    with pytest.raises(InvalidSignature, match="more than 15 minutes"):
        read_signature(AUTHORIZATION, GUIDE.headers, NOW + side * (LEEWAY + timedelta(seconds=1)))


@pytest.mark.parametrize("name", [b"host", b"x-sdk-date", b"content-type"])
def test_a_signed_header_is_there_once(name: bytes) -> None:
    value = dict(GUIDE.headers)[name]
    for headers in ([*GUIDE.headers, (name, value)], [pair for pair in GUIDE.headers if pair[0] != name]):
        with pytest.raises(InvalidSignature, match=name.decode()):
            canonical_request(replace(GUIDE, headers=headers), SIGNED.encode().split(b";"), b"")


@pytest.mark.parametrize("said", [b"UNSIGNED-PAYLOAD", b"0" * 64, b""])
@pytest.mark.parametrize("signs_it", [True, False])
def test_a_body_is_signed_itself(said: bytes, signs_it: bool) -> None:
    signed = replace(SDK, headers=[*SDK.headers, (b"x-sdk-content-sha256", said)])
    with pytest.raises(InvalidSignature, match="X-Sdk-Content-Sha256"):
        canonical_request(signed, [b"x-sdk-content-sha256"] if signs_it else [], b"body")


def test_an_error_shows_what_was_taken_as_signed_and_no_secret() -> None:
    signed = replace(GUIDE, headers=[*GUIDE.headers, (b"x-security-token", b"hush"), (b"cookie", b"quiet")])
    authorization = AUTHORIZATION.replace(SIGNED, "content-type;cookie;host;x-sdk-date;x-security-token")
    signature = read_signature(authorization, signed.headers, NOW)
    message = wrong_signature(signed, signature, canonical_request(signed, signature.signed_headers, b"")).message
    assert "verify aksk signature fail" in message
    assert "|host:service.region.example.com|" in message
    assert "hush" not in message
    assert "quiet" not in message
