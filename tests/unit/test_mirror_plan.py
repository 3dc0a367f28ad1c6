from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.host.mirror_names import is_safe, representable, skipped_files
from belvedere.host.mirror_pacing import SLOWEST_POLL, poll_delay, retry_delay
from belvedere.host.mirror_plan import Action, Append, Fetch, Held, Remove, Replace, plan_pass, version_of
from belvedere.sources.base import Entry

START = datetime(2030, 1, 1, tzinfo=UTC)


def entry(key: str = "f", size: int = 10, tag: str = "t1", age: int = 0) -> Entry:
    return Entry(key=key, size=size, modified=START - timedelta(seconds=age), tag=tag)


def held(size: int = 10, tag: str = "t1") -> Held:
    return Held(size=size, version=tag)


@pytest.mark.parametrize(
    ("listed", "known", "on_disk", "expected"),
    [
        (entry(), None, None, Fetch(entry=entry())),
        (entry(), held(), 10, None),
        (entry(size=12, tag="t2"), held(), 10, Append(entry=entry(size=12, tag="t2"), have=10)),
        (entry(tag="t2"), held(), 10, Replace(entry=entry(tag="t2"))),
        (entry(size=8, tag="t2"), held(), 10, Replace(entry=entry(size=8, tag="t2"))),
        (entry(), None, 4, Append(entry=entry(), have=4)),  # a killed pass
        (entry(), None, 10, Append(entry=entry(), have=10)),  # killed before it was written down: look, don't fetch
        (entry(), held(), 4, Append(entry=entry(), have=4)),  # lost on our side
        (entry(), held(), None, Fetch(entry=entry())),
    ],
)
def test_each_file_needs_one_action_or_none(
    listed: Entry, known: Held | None, on_disk: int | None, expected: Action | None
) -> None:
    plan = plan_pass([listed], {"f": known} if known else {}, {} if on_disk is None else {"f": on_disk})
    assert plan == ([] if expected is None else [expected])


def test_removals_come_first_then_the_newest_files() -> None:
    plan = plan_pass([entry("old", age=9), entry("new")], {"gone": held()}, {"gone": 10, "lost": 1})
    assert plan[:2] == [Remove(key="gone"), Remove(key="lost")]
    assert [action.entry.key for action in plan[2:] if not isinstance(action, Remove)] == ["new", "old"]


def test_a_refused_file_is_left_alone_until_it_changes() -> None:
    listed = entry("projector_config.pbtxt")
    refused = Held(size=10, version=version_of(listed), refused=True)
    assert plan_pass([listed], {listed.key: refused}, {}) == []
    changed = entry("projector_config.pbtxt", tag="t2")
    assert plan_pass([changed], {listed.key: refused}, {}) == [Fetch(entry=changed)]


def test_a_guarded_file_is_never_appended_to() -> None:
    listed = entry("projector_config.pbtxt", size=12)
    assert plan_pass([listed], {}, {listed.key: 10}) == [Replace(entry=listed)]


def test_without_tags_a_file_is_known_by_its_time() -> None:
    before, after = entry(tag="", age=9), entry(tag="")
    known = {"f": Held(size=10, version=version_of(before))}
    assert plan_pass([before], known, {"f": 10}) == []
    assert plan_pass([after], known, {"f": 10}) == [Replace(entry=after)]


ENTRIES = st.builds(entry, key=st.sampled_from("abc"), size=st.integers(0, 3), tag=st.sampled_from(["t1", "t2"]))


@given(
    st.lists(ENTRIES, unique_by=lambda each: each.key),
    st.dictionaries(st.sampled_from("abc"), st.builds(held, size=st.integers(0, 3))),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3)),
)
def test_a_plan_touches_each_key_at_most_once_and_never_appends_behind_the_end(
    listing: list[Entry], known: dict[str, Held], sizes: dict[str, int]
) -> None:
    plan = plan_pass(listing, known, sizes)
    keys = [action.key if isinstance(action, Remove) else action.entry.key for action in plan]
    assert len(keys) == len(set(keys))
    assert all(action.have <= action.entry.size for action in plan if isinstance(action, Append))


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "a/..",
        "../a",
        "/a",
        "a//b",
        "a/",
        "a\0b",
        "a\nb",
        "\ud800",
        "n" * 256,
        "ü" * 128,
        "a/" * 600 + "a",
    ],
)
def test_a_key_that_could_lead_out_or_cannot_be_written_is_not_safe(key: str) -> None:
    assert not is_safe(key)


@pytest.mark.parametrize("key", ["a", "a/b c", "ü/%2f", "...", "a..b", "n" * 255, "\\", "~", "$(x)"])
def test_a_plain_key_is_safe(key: str) -> None:
    assert is_safe(key)


@given(st.lists(st.text("ab/.", max_size=6), unique=True))
def test_what_is_kept_can_be_a_tree_of_files(keys: list[str]) -> None:
    kept, skipped = representable([entry(key) for key in keys])
    names = {each.key for each in kept}
    assert names | set(skipped) == set(keys)
    assert not any(other.startswith(f"{name}/") for name in names for other in names)


def test_of_a_file_and_a_folder_with_one_name_the_folder_is_kept() -> None:
    kept, skipped = representable([entry("a"), entry("a/b")])
    assert ([each.key for each in kept], skipped) == (["a/b"], ["a"])


def test_the_note_names_the_key_in_print() -> None:
    assert "Left out 'a/..' and 1 more" in skipped_files(["a/..", "b\0"]).text
    assert "\0" not in skipped_files(["b\0"]).text


def test_polling_slows_down_while_nothing_changes() -> None:
    delays = [poll_delay(5.0, unchanged) for unchanged in range(100)]
    assert delays[0] == 5.0
    assert delays == sorted(delays)
    assert delays[-1] == SLOWEST_POLL


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_retries_are_spread_and_bounded(faults: int, chance: float) -> None:
    assert 0.5 <= retry_delay(5.0, faults, chance) <= 30.0
