"""What a person reads in a terminal while a job starts."""

from datetime import datetime

import msgspec
import pytest

from belvedere.cli.output import detail_pairs, list_row
from belvedere.cli.progress import describe
from belvedere.contract.jobs import FlavorRef, JobDetails, SourceProgress

TEN = int(datetime(2026, 1, 31, 10).astimezone().timestamp() * 1000)  # o'clock, here
ZONE = datetime(2026, 1, 31, 10).astimezone().tzname()


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (SourceProgress(state="listing"), "Starting: listing"),
        (
            SourceProgress(state="listing", files_done=20, files_total=20, bytes_done=3_400_000, bytes_total=3_400_000),
            "Starting: listing 20 files so far, 3.4 MB",
        ),
        (
            SourceProgress(
                state="copying", files_done=3, files_total=12, bytes_done=3_400_000, bytes_total=20_100_000,
                rate=1_200_000, seconds_left=14,
            ),
            "Starting: copying 3 of 12 files, 3.4 MB of 20.1 MB, 1.2 MB/s, 14 s left",
        ),
        (
            SourceProgress(state="current", files_done=1, files_total=1, bytes_done=5, bytes_total=5),
            "Starting: current 1 of 1 files, 5 B of 5 B",
        ),
        (
            SourceProgress(state="waiting", failures=3, next_look_at=TEN, gives_up_at=TEN + 90_000),
            "Starting: waiting, next try 10:00:00, given up at 10:01:30 unless it answers",
        ),
        (
            SourceProgress(state="current", changed_at=TEN - 5_000, next_look_at=TEN),
            f"Starting: current, last change 2026-01-31 09:59:55 {ZONE}, next look 10:00:00",
        ),
    ],
)  # fmt: skip
def test_a_line_tells_how_far_how_fast_and_how_long_yet(source: SourceProgress, line: str) -> None:
    assert describe(msgspec.structs.replace(job_details(), source=source)) == line


def job_details() -> JobDetails:
    return JobDetails(
        job_id=1, job_name="a", job_desc="", job_type="tensorboard", status=4, create_time=0, duration=0,
        remaining_duration=None, service_url="http://h/", train_url="/b/", resource_id="1",
        schedule=[], flavor=FlavorRef("default"), status_name="Starting",
    )  # fmt: skip


def test_a_status_says_when_the_viewer_sleeps() -> None:
    asleep = msgspec.structs.replace(job_details(), status_name="RUNNING", asleep=True)
    assert list_row(asleep)[3] == "RUNNING, asleep"
    assert ("Status", "RUNNING, asleep (4)") in detail_pairs(asleep, "")
