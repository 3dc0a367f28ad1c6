import pytest

from belvedere.host.mirror_names import is_safe
from belvedere.host.mirror_pacing import retry_delay
from belvedere.host.mirror_quota import Kept, too_many
from belvedere.host.mirror_tally import Speed
from belvedere.sources.location import FolderLocation, Location, ObjectLocation, child_of, parent_of


def kept(name: str, size: int, used: float) -> Kept:
    return Kept(name=name, size=size, used=used)


@pytest.mark.parametrize(("quota", "gone"), [(60, []), (59, ["a"]), (49, ["a", "b"]), (0, ["a", "b", "c"])])
def test_the_longest_unused_go_until_the_rest_fits(quota: int, gone: list[str]) -> None:
    shelf = [kept("c", 30, 3), kept("a", 10, 1), kept("b", 20, 2)]
    assert [each.name for each in too_many(shelf, 0, quota)] == gone


def test_what_is_open_counts_but_never_goes() -> None:
    assert [each.name for each in too_many([kept("a", 10, 1)], 1000, 100)] == ["a"]
    assert too_many([], 1000, 100) == []


def test_a_speed_is_that_of_the_last_seconds() -> None:
    speed = Speed()
    assert speed.note(0, 0) is None
    assert speed.note(1, 100) == 100
    assert [speed.note(second, 100 + 1000 * (second - 1)) for second in range(2, 12)][-1] == 1000


def test_what_was_found_worthless_is_no_negative_speed() -> None:
    speed = Speed()
    speed.note(0, 100)
    assert speed.note(1, 0) == 0


def test_a_source_that_asks_for_longer_is_left_alone_for_longer() -> None:
    assert retry_delay(5.0, 1, 0.5, asked=120) == 120
    assert retry_delay(5.0, 20, 1.0, asked=2) > 2


@pytest.mark.parametrize(
    ("location", "parent"),
    [
        (
            ObjectLocation(store="s", bucket="b", prefix="a/c/"),
            ObjectLocation(store="s", bucket="b", prefix="a/"),
        ),
        (ObjectLocation(store="s", bucket="b", prefix="a/"), ObjectLocation(store="s", bucket="b", prefix="")),
        (ObjectLocation(store="s", bucket="b", prefix=""), None),
        (FolderLocation(path="/logs/a", root="/logs"), FolderLocation(path="/logs", root="/logs")),
        (FolderLocation(path="/logs", root="/logs"), None),
    ],
)
def test_one_level_up_stays_in_the_bucket_and_in_the_root(location: Location, parent: Location | None) -> None:
    assert parent_of(location) == parent


@pytest.mark.parametrize(
    "location", [ObjectLocation(store="s", bucket="b", prefix="p/"), FolderLocation(path="/logs", root="/logs")]
)
def test_one_level_down_and_up_again_is_where_one_was(location: Location) -> None:
    assert parent_of(child_of(location, "run-1")) == location


def test_a_key_that_the_listing_could_not_spell_is_not_safe() -> None:
    assert not is_safe("a\ufffdb.tfevents")
