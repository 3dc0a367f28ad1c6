"""A signature opens once, with bounded memory, also after a restart."""

from datetime import UTC, datetime, timedelta

from belvedere.identity.replays import TWIN, Replays
from belvedere.identity.signatures import LEEWAY

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_signature_is_used_once() -> None:
    replays = Replays(NOW)
    assert replays.use("s", NOW, NOW)
    assert not replays.use("s", NOW, NOW + LEEWAY)
    assert replays.use("t", NOW, NOW)


def test_the_twin_of_a_reading_request_is_let_in_on_its_own_connection_for_a_moment() -> None:
    replays = Replays(NOW)
    assert replays.use("s", NOW, NOW, connection=("10.0.0.1", 1))
    assert replays.use("s", NOW, NOW + TWIN, connection=("10.0.0.1", 1))
    assert not replays.use("s", NOW, NOW, connection=("10.0.0.1", 2))
    assert not replays.use("s", NOW, NOW + TWIN + SECOND, connection=("10.0.0.1", 1))
    assert not replays.use("s", NOW, NOW, connection=None)


def test_what_was_signed_before_the_start_is_stale() -> None:
    replays = Replays(NOW + SECOND / 2)
    assert replays.is_stale(NOW - SECOND)
    assert not replays.is_stale(NOW)


def test_memory_is_bounded_and_still_nothing_is_used_twice() -> None:
    replays = Replays(NOW - LEEWAY, most=10)
    for n in range(100):
        assert replays.use(f"s{n}", NOW + n * SECOND, NOW + n * SECOND)
    assert replays._count <= 10
    assert replays.is_stale(NOW)
    assert not replays.is_stale(NOW + 99 * SECOND)
    assert not replays.use("s99", NOW + 99 * SECOND, NOW + 99 * SECOND)


def test_what_is_too_old_to_be_accepted_is_forgotten() -> None:
    replays = Replays(NOW)
    replays.use("s", NOW, NOW)
    replays.use("t", NOW + LEEWAY, NOW + LEEWAY + SECOND)
    assert replays._count == 1
