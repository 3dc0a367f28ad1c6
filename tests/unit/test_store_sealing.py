"""What a copy of the database gives away, and how keys are changed."""

from collections.abc import Callable

import pytest

from belvedere.store.sealing import Sealer, new_key

OLD, NEW = new_key(), new_key()


def test_a_sealed_secret_shows_nothing_and_opens_again() -> None:
    sealed = Sealer([OLD]).seal("hush ☃")
    assert "hush" not in sealed
    assert Sealer([OLD]).open(sealed) == "hush ☃"


def test_two_seals_of_one_secret_differ() -> None:
    sealer = Sealer([OLD])
    assert sealer.seal("hush") != sealer.seal("hush")


def test_another_key_does_not_open_it() -> None:
    assert Sealer([NEW]).open(Sealer([OLD]).seal("hush")) is None


@pytest.mark.parametrize("change", [lambda s: s[:-4] + "AAA=", lambda s: s[1:], lambda _: "", lambda _: "☃"])
def test_what_was_tampered_with_does_not_open(change: Callable[[str], str]) -> None:
    assert Sealer([OLD]).open(change(Sealer([OLD]).seal("hush"))) is None


def test_a_new_key_in_front_opens_the_old_secrets_and_renews_them() -> None:
    sealed = Sealer([OLD]).seal("hush")
    renewed = Sealer([NEW, OLD]).renewed(sealed)
    assert renewed is not None
    assert Sealer([NEW]).open(renewed) == "hush"


def test_what_is_sealed_with_the_first_key_is_left_alone() -> None:
    assert Sealer([NEW, OLD]).renewed(Sealer([NEW]).seal("hush")) is None


@pytest.mark.parametrize("key", ["", "short", "x" * 45, "\n"])
def test_what_is_no_key_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64") as caught:
        Sealer([OLD, key])
    assert OLD not in str(caught.value)
