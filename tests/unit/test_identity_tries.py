"""How often somebody may guess, and what is kept of a password."""

from datetime import UTC, datetime, timedelta

import pytest

from belvedere.identity.passwords import Passwords
from belvedere.identity.tries import Tries

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MINUTE, NONE = timedelta(minutes=1), timedelta()


def test_some_tries_are_free_and_then_one_waits() -> None:
    tries = Tries(3, MINUTE)
    for second in range(3):
        assert tries.wait("ann", NOW + timedelta(seconds=second)) == NONE
        tries.failed("ann", NOW + timedelta(seconds=second))
    assert tries.wait("ann", NOW + timedelta(seconds=20)) == timedelta(seconds=40)
    assert tries.wait("ann", NOW + MINUTE) == NONE


def test_nobody_waits_for_anothers_tries() -> None:
    tries = Tries(1, MINUTE)
    tries.failed("ann", NOW)
    assert (tries.wait("ann", NOW), tries.wait("bob", NOW)) == (MINUTE, NONE)


def test_the_right_one_ends_the_wait() -> None:
    tries = Tries(1, MINUTE)
    tries.failed("ann", NOW)
    tries.forget("ann")
    assert tries.wait("ann", NOW) == NONE


def test_a_try_that_was_none_is_taken_back_and_no_other() -> None:
    tries, later = Tries(2, MINUTE), NOW + timedelta(seconds=1)
    tries.failed("ann", NOW)
    tries.failed("ann", later)
    tries.taken_back("ann", later)
    tries.taken_back("bob", later)
    assert tries.wait("ann", later) == NONE
    tries.failed("ann", later)
    assert tries.wait("ann", later) == timedelta(seconds=59)


def test_what_is_kept_is_bounded() -> None:
    tries = Tries(1, MINUTE)
    for number in range(10_001):
        tries.failed(number, NOW)
    assert (tries.wait(0, NOW), tries.wait(10_000, NOW)) == (NONE, MINUTE)


async def test_a_password_matches_its_hash_alone_and_no_hash_is_like_another() -> None:
    passwords = Passwords()
    kept, again = await passwords.hashed("hush-hush ü"), await passwords.hashed("hush-hush ü")
    assert kept != again
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.match(kept, "hush-hush ü")


@pytest.mark.parametrize(("kept", "password"), [("", ""), ("no hash", "x"), ("$argon2id$", "x")])
async def test_what_is_no_hash_matches_nothing(kept: str, password: str) -> None:
    assert not await Passwords().match(kept, password)


@pytest.mark.parametrize("password", ["hush-hush", "", "\ud800", "Hush-Hush-Hush"])
async def test_another_password_does_not_match(password: str) -> None:
    passwords = Passwords()
    assert not await passwords.match(await passwords.hashed("hush-hush-hush"), password)
