from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.contract.errors import InvalidLogUrl
from belvedere.sources.base import Entry
from belvedere.sources.location import FolderLocation, ObjectLocation, describe, parent_of, selected, split_pattern
from belvedere.sources.selecting import EVERYTHING, Selection, is_wanted, names_match, only_latest


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("run-*", "run-1/train/events", True),
        ("run-*", "other/run-1/events", False),
        ("*/train", "run-1/train/events", True),
        ("*/train", "run-1/eval/events", False),
        ("*/train", "train/events", False),
        ("**/train", "train/events", True),
        ("**/train", "a/b/c/train/events", True),
        ("a/**/z", "a/z/events", True),
        ("a/**/z", "a/b/c/z/events", True),
        ("a/**/z", "b/z/events", False),
        ("**", "anything/events", True),
        ("a/**", "a/events", True),
        ("run-[0-9]", "run-7/events", True),
        ("run-?", "run-10/events", False),
        ("*.v2", "events.v2", True),
        ("run", "run-1/events", False),
        ("run", "run\n/events", False),
    ],
)  # fmt: skip
def test_a_pattern_takes_a_key_or_a_folder_above_it(pattern: str, key: str, matches: bool) -> None:
    assert is_wanted(Selection(include=(pattern,)), key) is matches
    assert is_wanted(Selection(exclude=(pattern,)), key) is not matches


def test_what_is_excluded_is_not_included() -> None:
    selection = Selection(include=("run-*", "other"), exclude=("*/debug",))
    assert [is_wanted(selection, key) for key in ("run-1/e", "other/e", "run-1/debug/e", "x/e")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_no_pattern_takes_longer_than_its_length_allows() -> None:
    """An expression that backtracks would not come back in this century."""
    hostile = "*a" * 100 + "b"
    assert is_wanted(Selection(include=(hostile, "/".join(["**"] * 4 + ["x"]))), "/".join(["a" * 900] * 20)) is False


@given(pattern=st.text(st.sampled_from("ab*?[]!-^&~|/\\é"), min_size=1, max_size=12))
def test_any_text_is_a_pattern(pattern: str) -> None:
    assert is_wanted(Selection(include=(pattern,)), "a/b") in {True, False}
    assert names_match(pattern.replace("/", ""), "a") in {True, False}


@pytest.mark.parametrize(
    ("pattern", "name", "matches"), [("a[1]*", "a[1]x", True), ("a?*", "ab", False), ("*", "", True)]
)
def test_in_a_url_only_the_star_has_a_meaning(pattern: str, name: str, matches: bool) -> None:
    assert names_match(pattern, name) is matches


def entry(key: str, day: int) -> Entry:
    return Entry(key=key, size=1, modified=datetime(2030, 1, day, tzinfo=UTC))


def is_log(key: str) -> bool:
    return key.endswith("events")


def test_the_latest_runs_are_those_whose_logs_changed_last() -> None:
    entries = [
        entry("old/events", 1), entry("new/events", 9), entry("new/sub/events", 2), entry("mid/a/events", 5),
        entry("checkpoints/model", 20), entry("events", 3),
    ]  # fmt: skip
    kept = only_latest(Selection(latest=2), entries, is_log)
    assert [each.key for each in kept] == ["new/events", "new/sub/events", "mid/a/events"]
    assert only_latest(EVERYTHING, entries, is_log) == entries


def test_runs_that_changed_together_are_told_apart_by_name() -> None:
    entries = [entry("b/events", 1), entry("a/events", 1), entry("c/events", 1)]
    assert [each.key for each in only_latest(Selection(latest=2), entries, is_log)] == ["b/events", "c/events"]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("obs://b/p/", ("obs://b/p/", "")),
        ("obs://b/exp-*/", ("obs://b/", "exp-*/")),
        ("obs://b/exp-*", ("obs://b/", "exp-*/")),
        ("/b/p/*x*/logs/tb", ("/b/p/", "*x*/logs/tb/")),
        ("file:///logs/*", ("file:///logs/", "*/")),
    ],
)
def test_a_url_is_a_place_and_a_pattern_below_it(url: str, parts: tuple[str, str]) -> None:
    assert split_pattern(url) == parts


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("obs://b/*/x/*/", "one folder"),
        ("obs://b/**/", "one folder"),
        ("b*/x/", "bucket"),
        ("*", "bucket"),
        ("obs://b*/x/", "bucket"),
    ],
)
def test_a_pattern_stands_for_one_folder(url: str, word: str) -> None:
    with pytest.raises(InvalidLogUrl, match=word):
        split_pattern(url)


def test_a_selection_is_told_and_left_by_its_parent() -> None:
    place = ObjectLocation(store="s", bucket="bucket", prefix="p/")
    chosen = selected(place, Selection(folders="exp-*/"))
    assert describe(chosen) == "obs://bucket/p/exp-*/"
    assert parent_of(chosen) == place
    assert describe(selected(FolderLocation(path="/logs", root="/logs"), Selection(folders="exp-*/"))) == "exp-*/"


def test_to_select_everything_is_to_select_nothing() -> None:
    place = ObjectLocation(store="s", bucket="bucket", prefix="p/")
    assert selected(place, Selection()) == place
