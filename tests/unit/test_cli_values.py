"""What people type, and what the contract gets."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from belvedere.cli.exits import wants_json
from belvedere.cli.following import new_lines
from belvedere.cli.job_start import folder_hint, has_browser
from belvedere.cli.values import (
    bytes_text,
    duration_text,
    log_location,
    parse_auto_stop,
    parse_duration,
    parse_since,
    parse_sleep_after,
    parse_statuses,
)
from belvedere.contract.jobs import ScheduleItem
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.status import STATUS_TABLE

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("30m", 1800), ("90s", 90), ("1h30m", 5400), ("1d", 86400), (" 2H ", 7200)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "1.5h", "2h2h", "٢h", "2 h 3"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "duration", "unit"),
    [
        ("2h", 2, "HOURS"),
        ("30m", 30, "MINUTES"),
        ("90s", 90, "SECONDS"),
        ("60m", 1, "HOURS"),
        ("1d", 24, "HOURS"),
        ("never", 0, "HOURS"),
    ],
)
def test_auto_stop_takes_the_coarsest_unit(text: str, duration: int, unit: str) -> None:
    assert parse_auto_stop(text) == ScheduleItem(type="stop", time_unit=unit, duration=duration)


@pytest.mark.parametrize(("text", "value"), [("15m", 900), ("90s", 90), ("Never", "never"), ("default", "default")])
def test_sleep_is_seconds_or_a_word(text: str, value: int | str) -> None:
    assert parse_sleep_after(text) == value


@pytest.mark.parametrize("text", ["0", "0h", " 0 "])
def test_an_auto_stop_of_zero_is_refused_rather_than_taken_for_never(text: str) -> None:
    with pytest.raises(ValueError, match="write never"):
        parse_auto_stop(text)


@pytest.mark.parametrize("text", ["99h", "24h1s", "2d"])
def test_an_auto_stop_longer_than_the_contracts_names_the_most_and_never(text: str) -> None:
    with pytest.raises(ValueError, match="at most 24h; write never"):
        parse_auto_stop(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("7d", datetime(2026, 4, 24, 12, tzinfo=UTC)),
        ("2026-01-31T00:00:00Z", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_since_is_so_long_ago_or_a_time(text: str, moment: datetime) -> None:
    assert parse_since(text, NOW) == moment


def test_since_yesterday_is_not_understood() -> None:
    with pytest.raises(ValueError, match="no time"):
        parse_since("yesterday", NOW)


def test_statuses_are_words_names_or_numbers() -> None:
    running, killed, waiting = JobStatus.RUNNING, JobStatus.KILLED, JobStatus.WAITING
    assert parse_statuses("running, KILLED,7") == (running, killed, waiting)


def test_failed_means_every_kind_of_failure() -> None:
    assert set(parse_statuses("failed")) == {
        JobStatus.SUBMIT_FAILED, JobStatus.FAILED, JobStatus.LOST, JobStatus.MOUNT_FAILED,
    }  # fmt: skip


@pytest.mark.parametrize("status", STATUS_TABLE)
def test_the_words_of_the_console_are_understood(status: JobStatus) -> None:
    assert status in parse_statuses(STATUS_TABLE[status].word)


def test_a_folder_that_was_taken_for_a_bucket_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs" / "run-2").mkdir(parents=True)
    assert folder_hint("logs/run-2", "logs/run-2").endswith("write --train-url ./logs/run-2")
    assert folder_hint("bucket/run-2", "bucket/run-2") == ""


def test_a_local_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert folder_hint("./lgos", f"file://{tmp_path}/lgos") == f"There is no folder {tmp_path}/lgos on this machine."
    assert folder_hint("./file", f"file://{tmp_path}/file").endswith(f"is a file: name its folder, {tmp_path}")
    assert folder_hint(".", f"file://{tmp_path}") == ""


@pytest.mark.parametrize("text", ["", "flying", "23", "-1"])
def test_an_unknown_status_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no status"):
        parse_statuses(text)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("./logs/run 1", "file:///home/me/logs/run 1"),
        ("../run%2f", "file:///home/run%2f"),
        (".", "file:///home/me"),
        ("obs://bucket/run-1/", "obs://bucket/run-1/"),
        ("/bucket/run-1/", "/bucket/run-1/"),
        ("bucket/run-1", "bucket/run-1"),
        (".hidden/run", ".hidden/run"),
    ],
)
def test_only_a_relative_path_is_made_a_file_location(text: str, location: str) -> None:
    assert log_location(text, "/home/me") == location


@pytest.mark.parametrize(
    ("ms", "text"), [(None, "-"), (0, "0s"), (7_999, "7s"), (200_000, "3m 20s"), (3_720_000, "1h 02m")]
)
def test_durations_are_written_for_people(ms: int | None, text: str) -> None:
    assert duration_text(ms) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (3_400_000, "3.4 MB"), (2 * 10**12, "2.0 TB")])
def test_sizes_are_written_for_people(count: int, text: str) -> None:
    assert bytes_text(count) == text


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("abc", "abcde", "de"),
        ("abc", "bcd", "d"),
        ("abc", "abc", ""),
        ("aab", "abc", "c"),
        ("abc", "xyz", "xyz"),
        ("", "ab", "ab"),
        ("abc", "", ""),
    ],
)
def test_following_prints_only_what_is_new(before: str, now: str, new: str) -> None:
    assert list(new_lines(list(before), list(now))) == list(new)


@pytest.mark.parametrize("words", [["--output", "json"], ["--output=json"], ["-o", "json"], ["-ojson"]])
def test_json_is_recognised_however_it_is_asked_for(words: list[str]) -> None:
    assert wants_json(["job", "list", *words])


@pytest.mark.parametrize("words", [[], ["--output", "yaml"], ["json"], ["--search", "json"]])
def test_json_is_not_imagined(words: list[str]) -> None:
    assert not wants_json(["job", "list", *words])


def test_without_a_display_there_is_no_browser() -> None:
    assert not has_browser({}, "linux")
    assert has_browser({"DISPLAY": ":0"}, "linux")
    assert has_browser({}, "darwin")
