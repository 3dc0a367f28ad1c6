"""Sizes as people write and read them."""

import pytest

from belvedere.contract.sizes import parse_size, shown_size


@pytest.mark.parametrize(
    ("text", "count"), [("0", 0), ("512MiB", 512 * 2**20), ("1.5 GiB", 3 * 2**29), ("2GB", 2 * 10**9), ("7B", 7)]
)
def test_sizes_are_read(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "2 cats", "-1GiB", "2gib", "GiB"])
def test_what_is_no_size_is_told_with_one_that_is(text: str) -> None:
    with pytest.raises(ValueError, match="2GiB"):
        parse_size(text)


@pytest.mark.parametrize("text", ["0B", "999B", "2GiB", "1.5MiB", "1TiB", "64KiB"])
def test_sizes_are_shown_as_they_are_read(text: str) -> None:
    assert shown_size(parse_size(text)) == text
