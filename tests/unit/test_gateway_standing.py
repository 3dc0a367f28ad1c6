"""From a job and the last look at its viewer to what its URL shows."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from belvedere.console.progress import Words, duration_text, progress_share, progress_text, size_text
from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.gateway.standing import (
    Standing,
    is_asleep,
    is_returning,
    standing_of,
    view_of,
)
from belvedere.lifecycle.jobs import Intent
from belvedere.lifecycle.seen import ABSENT, Endpoint, Phase, Seen
from belvedere.runtimes.board import Sighting
from tests.support.gateway import COPYING, NO_BUCKET, QUEUED, STARTING, STOPPED, job

READY = Seen(phase=Phase.READY, attempt=1, endpoint=Endpoint(socket="/s"))
NOTHING = Reason(code=ReasonCode.NOTHING_TO_SHOW, text="Only train.log here.")
NO_PATH = Reason(code=ReasonCode.NO_SUCH_PATH, text="Nothing is stored there yet.")
NOON = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp() * 1000)
HOLDING = SourceProgress(state="waiting", files_done=3, files_total=3)


@pytest.mark.parametrize(
    ("sighting", "expected"),
    [
        (Sighting(job=job(), seen=READY), Standing.READY),
        (Sighting(job=job(run=STARTING), seen=READY), Standing.READY),
        (Sighting(job=job(), seen=replace(READY, reason=NOTHING)), Standing.EMPTY),
        (Sighting(job=job(), seen=replace(READY, reason=NO_PATH)), Standing.EMPTY),
        (Sighting(job=job(), seen=replace(READY, reason=NO_PATH, source=HOLDING)), Standing.READY),
        (Sighting(job=job(), seen=ABSENT), Standing.COMING),
        (Sighting(job=job(), seen=replace(READY, attempt=0)), Standing.COMING),
        (Sighting(job=job(), seen=replace(READY, phase=Phase.RECOVERING)), Standing.COMING),
        (Sighting(job=job(run=QUEUED), seen=ABSENT), Standing.COMING),
        (Sighting(job=job(run=STOPPED), seen=READY), Standing.ENDED),
        (Sighting(job=job(intent=Intent.STOP), seen=READY), Standing.ENDING),
        (Sighting(job=job(intent=Intent.DELETE), seen=READY), Standing.ENDING),
    ],
)
def test_standing_follows_the_facts(sighting: Sighting, expected: Standing) -> None:
    assert standing_of(sighting) is expected


def _text(words: Words) -> str:
    return "".join(word if isinstance(word, str) else word.text for word in words)


def test_copying_shows_its_progress() -> None:
    view = view_of(Sighting(job=job(run=STARTING), seen=Seen(phase=Phase.STARTING, attempt=1, source=COPYING)))
    assert (view.title, view.detail) == ("Fetching the logs", "12 of 40 files, 31 MB of 114 MB")
    assert view.done == pytest.approx(31.4 / 114)


def test_a_store_that_fails_is_told_once_with_the_next_try_and_the_end_of_patience() -> None:
    fault = Reason(code=ReasonCode.SOURCE_UNREACHABLE, text="It can't be reached.")
    source = SourceProgress(state="waiting", failures=3, reason=fault, next_look_at=NOON, gives_up_at=NOON + 60_000)
    view = view_of(
        Sighting(job=job(run=STARTING), seen=Seen(phase=Phase.STARTING, attempt=1, source=source, reason=fault))
    )
    assert (view.title, view.sentence, view.detail) == ("Waiting for the logs", "It can't be reached.", "")
    assert _text(view.outlook) == "Tried 3 times; next try 12:00:00 UTC; given up at 12:01:00 UTC unless it answers"


def test_an_empty_board_tells_when_it_is_looked_at_again() -> None:
    source = SourceProgress(state="current", changed_at=NOON - 60_000, next_look_at=NOON)
    view = view_of(Sighting(job=job(), seen=replace(READY, reason=NOTHING, source=source)))
    assert _text(view.outlook) == "Last change 31 Jan 2026, 11:59:00 UTC; next look 12:00:00 UTC"


def test_a_failure_tells_its_reason() -> None:
    view = view_of(Sighting(job=job(run=NO_BUCKET)))
    assert (view.word, view.code) == ("Logs unreadable", "NO_SUCH_BUCKET")
    assert "does not exist" in view.sentence


def test_a_queued_job_tells_what_it_waits_for() -> None:
    assert "8 places" in view_of(Sighting(job=job(run=QUEUED))).sentence


def test_a_deleted_job_is_not_said_to_be_stopped() -> None:
    assert view_of(Sighting(job=job(intent=Intent.DELETE))).title == "This job is being deleted"


def test_progress_is_unknown_while_files_are_listed() -> None:
    listing = SourceProgress(state="listing", files_total=3, bytes_total=10)
    assert (progress_share(listing), progress_text(listing)) == (None, "Looking for log files")
    sighted = SourceProgress(state="listing", files_done=20, files_total=20, bytes_done=5, bytes_total=5)
    assert (progress_share(sighted), progress_text(sighted)) == (None, "20 files so far, still looking")


def test_a_file_that_grows_while_copied_is_never_more_than_whole() -> None:
    assert progress_share(SourceProgress(state="copying", bytes_done=12, bytes_total=10)) == 1.0


def test_copying_tells_its_pace_and_what_is_left() -> None:
    pace = replace(COPYING, rate=12_000_000, seconds_left=7)
    assert progress_text(pace) == "12 of 40 files, 31 MB of 114 MB, 12 MB per second, 7 s left"


@pytest.mark.parametrize(
    ("seconds", "text"), [(59, "59 s"), (60, "about 1 min"), (5399, "about 90 min"), (7300, "about 2 h")]
)
def test_durations_read_well(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_sleeping_viewer_is_on_its_way_and_said_to_be_waking() -> None:
    sighting = Sighting(job=job(), seen=Seen(phase=Phase.ASLEEP, attempt=1))
    assert standing_of(sighting) is Standing.COMING
    assert is_asleep(sighting)
    assert (view_of(sighting).word, view_of(sighting).title) == ("Running", "Waking the viewer")


def test_a_stopped_jobs_viewer_cannot_be_woken() -> None:
    assert not is_asleep(Sighting(job=job(run=STOPPED), seen=Seen(phase=Phase.ASLEEP, attempt=1)))


@pytest.mark.parametrize(
    ("phase", "expected"),
    [(Phase.ASLEEP, True), (Phase.STARTING, True), (Phase.RECOVERING, True), (Phase.WAITING, False),
     (Phase.UNKNOWN, False), (Phase.READY, False)],
)  # fmt: skip
def test_only_a_viewer_that_ran_returns(phase: Phase, expected: bool) -> None:
    assert is_returning(Sighting(job=job(), seen=Seen(phase=phase, attempt=1))) is expected
    assert not is_returning(Sighting(job=job(run=STARTING), seen=Seen(phase=phase, attempt=1)))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (31_400_000, "31 MB"),
        (999_600_000, "1.0 GB"),
        (5 * 10**12, "5.0 TB"),
    ],
)
def test_sizes_read_well(size: int, text: str) -> None:
    assert size_text(size) == text
