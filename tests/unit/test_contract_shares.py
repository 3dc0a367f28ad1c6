"""What a share link may be asked to be."""

import msgspec
import pytest

from belvedere.contract.errors import RequestError
from belvedere.contract.shares import LIFE_DEFAULT, CreateShare, ValidShare, create_request, share_id


def body(**fields: object) -> bytes:
    return msgspec.json.encode(fields)


@pytest.mark.parametrize("sent", [b"", b"{}", body(expires_in=None, password=None, note=None, other=1)])
def test_nothing_said_is_a_week_without_a_password(sent: bytes) -> None:
    assert create_request(sent) == ValidShare(life=LIFE_DEFAULT, password="", note="")


@pytest.mark.parametrize("seconds", [60, 90 * 24 * 3600])
def test_a_minute_to_ninety_days(seconds: int) -> None:
    assert create_request(body(expires_in=seconds)).life == seconds


@pytest.mark.parametrize("value", [59, 90 * 24 * 3600 + 1, 0, -1, "3600", 3600.5, True, [], 10**30])
def test_no_other_life(value: object) -> None:
    with pytest.raises(RequestError, match="expires_in"):
        create_request(body(expires_in=value))


@pytest.mark.parametrize("value", ["seven-7", "x" * 129, "eight\nlines", 12345678, ["a"], "nul\x00nul-nul"])
def test_no_other_password_and_it_is_never_repeated(value: object) -> None:
    with pytest.raises(RequestError, match="password") as refusal:
        create_request(body(password=value))
    assert str(value) not in refusal.value.message


@pytest.mark.parametrize("value", ["x" * 101, "line\nbreak", 7])
def test_no_other_note(value: object) -> None:
    with pytest.raises(RequestError, match="note"):
        create_request(body(note=value))


def test_a_password_shows_in_no_repr() -> None:
    assert "hush-hush" not in repr((create_request(body(password="hush-hush")), CreateShare(password="hush-hush")))


@pytest.mark.parametrize(
    ("text", "known"), [("0" * 16, "0" * 16), ("0" * 15, ""), ("G" * 16, ""), ("", ""), ("٠" * 16, "")]
)
def test_an_id_is_sixteen_hexadecimal_digits(text: str, known: str) -> None:
    assert share_id(text) == known
