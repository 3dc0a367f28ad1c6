"""How many requests somebody may send."""

import pytest

from belvedere.identity.rates import Rate, origin_of


def taken(rate: Rate, key: str, times: int, now: float = 0.0) -> int:
    return sum(rate.take(key, now) == 0 for _ in range(times))


def test_a_burst_is_let_through_and_no_more() -> None:
    assert taken(Rate(10, 20), "ann", 100) == 20


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    rate = Rate(10, 20)
    taken(rate, "ann", 20)
    assert taken(rate, "ann", 100, now=1.0) == 10
    assert taken(rate, "ann", 100, now=1000.0) == 20


def test_who_waits_as_long_as_told_gets_through() -> None:
    rate = Rate(10, 1)
    taken(rate, "ann", 1)
    wait = rate.take("ann", 0.05)
    assert wait == pytest.approx(0.05)
    assert rate.take("ann", 0.05 + wait + 1e-9) == 0


def test_one_does_not_use_up_what_is_anothers() -> None:
    rate = Rate(10, 20)
    taken(rate, "ann", 100)
    assert taken(rate, "ben", 100) == 20


def test_what_was_given_back_counts_for_nothing() -> None:
    rate = Rate(1, 2)
    for _ in range(100):
        assert rate.take("ann", 0.0) == 0
        rate.give_back("ann")
    assert taken(rate, "ann", 9) == 2


def test_nothing_given_back_makes_more_than_the_burst() -> None:
    rate = Rate(1, 2)
    rate.take("ann", 0.0)
    for _ in range(9):
        rate.give_back("ann")
    assert taken(rate, "ann", 9) == 2


def test_no_rate_is_no_limit() -> None:
    assert taken(Rate(0, 0), "ann", 1000) == 1000


def test_a_crowd_of_addresses_does_not_fill_the_memory() -> None:
    rate = Rate(1, 1)
    for number in range(20_000):
        rate.take(f"10.0.{number}", 0.0)
    assert len(rate._buckets) <= 10_000


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not:an:address", "not:an:address"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:208", "192.0.2.8"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, origin: str) -> None:
    assert origin_of(address) == origin
