"""Where a request comes from, with proxies in between."""

import pytest

from belvedere.identity.addresses import Proxies, ProxyHeader, networks

OURS = Proxies(networks=networks(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]))
RFC = Proxies(networks=OURS.networks, header=ProxyHeader.FORWARDED)


@pytest.mark.parametrize(
    ("peer", "values", "client"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.7", "192.0.2.1", "10.1.1.1"], "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"),
        ("127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("127.0.0.1", ["[2001:DB8::1]:80"], "2001:db8::1"),
        ("::ffff:127.0.0.1", ["::ffff:192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ("192.0.2.9", ["198.51.100.7"], "192.0.2.9"),
        ("127.0.0.1", ["198.51.100.7, evil, 10.0.0.1"], "10.0.0.1"),
        ("127.0.0.1", ["198.51.100.7, "], "127.0.0.1"),
        ("127.0.0.1", ["<script>"], "127.0.0.1"),
        ("", ["192.0.2.1"], ""),
    ],
)
def test_the_last_who_is_none_of_our_proxies_asks(peer: str, values: list[str], client: str) -> None:
    assert OURS.client(peer, values) == client


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["for=192.0.2.60;proto=https;by=203.0.113.43"], "192.0.2.60"),
        (['For="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"),
        (["proto=https; for=192.0.2.60, for=10.0.0.1"], "192.0.2.60"),
        (["for=unknown"], "127.0.0.1"),
        (["for=_hidden, for=10.0.0.1"], "10.0.0.1"),
        (["xfor=192.0.2.60"], "127.0.0.1"),
        (["192.0.2.60"], "127.0.0.1"),
    ],
)
def test_the_standards_own_header_is_understood(values: list[str], client: str) -> None:
    assert RFC.client("127.0.0.1", values) == client


def test_without_proxies_nobodys_word_counts() -> None:
    assert Proxies().client("127.0.0.1", ["192.0.2.1"]) == "127.0.0.1"


def test_a_thousand_hops_are_too_many_to_look_at() -> None:
    assert OURS.client("127.0.0.1", ["192.0.2.1"] + ["10.0.0.1"] * 1000) == "10.0.0.1"


@pytest.mark.parametrize("text", ["", "x", "10.0.0.1/8", "10.0.0.0/33", "localhost"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|host bits"):
        networks([text])
