"""Which addresses a log store may have, by anybody's and by an administrator's choice."""

import pytest

from belvedere.contract.endpoints import endpoint, require_public
from belvedere.contract.errors import RequestError


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://obs.example", "https://obs.example"),
        ("https://obs.example/", "https://obs.example"),
        ("HTTPS://obs.example:9000", "https://obs.example:9000"),
        ("https://[2001:db8::1]:9000", "https://[2001:db8::1]:9000"),
        ("https://obs_1.example.:9000", "https://obs_1.example.:9000"),
    ],
)
def test_an_address_is_kept_without_a_path(value: str, kept: str) -> None:
    assert endpoint(value, allow_http=False) == kept


def test_plain_http_has_to_be_allowed() -> None:
    assert endpoint("http://minio:9000", allow_http=True) == "http://minio:9000"
    with pytest.raises(RequestError, match="allow_http"):
        endpoint("http://minio:9000", allow_http=False)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("obs.example", "https://"),
        ("ftp://obs.example", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://", "name a host"),
        ("https://:443", "name a host"),
        ("https://key:secret@obs.example", "user name or password"),
        ("https://obs.example/bucket", "without path"),
        ("https://obs.example?x=1", "without path"),
        ("https://obs.example#x", "without path"),
        ("https://obs.example:port", "no URL"),
        ("https://obs.example:99999", "no URL"),
        ("https://[::1", "no URL"),
        ("https://obs example", "printable"),
        ("https://obs.example\r\nHost: x", "printable"),
        ("https://öbs.example", "ASCII"),
        ("https://obs\x00.example", "printable"),
        ("https://" + "a" * 600, "512"),
        ("https://obs..example", "host name"),
        ("https://" + "a" * 64 + ".example", "host name"),
        ("https://" + "a.b" * 90, "host name"),
        ("https://obs%0d%0a.example", "host name"),
        ("https://obs.example:0", "port 0"),
    ],
)
def test_what_is_no_endpoint_is_refused(value: str, word: str) -> None:
    with pytest.raises(RequestError, match=word) as caught:
        endpoint(value, allow_http=True)
    assert "key:secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "127.0.0.1", "127.1.2.3", "::1", "fe80::1%eth0", "0.0.0.0", "::", "::ffff:169.254.169.254",
     "::ffff:127.0.0.1", "fd00:ec2::254", "100.100.100.200", "2002:7f00:1::", "224.0.0.1"],
)  # fmt: skip
def test_this_machine_and_its_neighbours_are_not_everybodys_choice(address: str) -> None:
    with pytest.raises(RequestError, match="only an administrator"):
        require_public("https://looks.harmless", ["192.0.2.1", address])


@pytest.mark.parametrize("host", ["metadata.google.internal", "metadata.google.internal.", "metadata"])
def test_metadata_names_are_not_everybodys_choice(host: str) -> None:
    with pytest.raises(RequestError, match="only an administrator"):
        require_public(f"https://{host}", [])


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.5", "192.168.1.4", "2001:db8::1"])
def test_public_and_company_addresses_are(address: str) -> None:
    require_public("https://obs.example", [address])
