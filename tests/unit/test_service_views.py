"""From jobs to answers, and from requests to jobs: pure."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from belvedere.contract.errors import IllegalState, PermissionDenied
from belvedere.contract.origins import ViewerOrigins
from belvedere.contract.validation import ValidCreate, ValidSchedule, ValidUpdate
from belvedere.identity.records import Principal
from belvedere.lifecycle.jobs import AutoStop, End, Intent, Job, Run, TimeUnit, Visibility
from belvedere.lifecycle.seen import ABSENT, Phase, Seen
from belvedere.runtimes.board import Sighting
from belvedere.service import requests, views

NOW = datetime(2026, 5, 6, 7, 8, 9, 123_000, tzinfo=UTC)
WHO = Principal(user="admin", project_id="p1")
JOB = Job(
    id=7,
    project_id="p1",
    name="a",
    train_url="/b/",
    created_at=NOW,
    updated_at=NOW,
    intended_at=NOW,
    owner="admin",
)
CREATE = ValidCreate(
    job_name="a",
    train_url="/b/",
    job_desc="",
    job_type="tensorboard",
    flavor="default",
    schedule=None,
    tags=(),
    visibility="project",
)


ORIGINS = ViewerOrigins(shared="https://v.example")


@pytest.mark.parametrize(
    ("origins", "url"),
    [
        (ORIGINS, "https://v.example/modelarts2/tensorboard/p1/7/"),
        (
            ViewerOrigins(shared="https://v.example", each="https://*.v.example", is_known=True),
            "https://job-7.v.example/modelarts2/tensorboard/p1/7/",
        ),
        (
            ViewerOrigins(shared="http://127.0.0.1:1", each="http://*.belvedere.localhost:1"),
            "http://127.0.0.1:1/modelarts2/tensorboard/p1/7/",
        ),
    ],
)
def test_the_service_url_bears_a_name_that_every_program_can_resolve(origins: ViewerOrigins, url: str) -> None:
    assert views.service_url(JOB, origins) == url


@pytest.mark.parametrize(
    ("rest", "link"),
    [
        ("/", "https://v/p/?ticket=t"),
        ("/?tag=a%26b", "https://v/p/?tag=a%26b&ticket=t"),
        ("/data/x.y/?", "https://v/p/data/x.y/?ticket=t"),
        ("", "https://v/p/?ticket=t"),
        ("//evil.example", "https://v/p/?ticket=t"),
        ("/../2/", "https://v/p/?ticket=t"),
        ("/..", "https://v/p/?ticket=t"),
        ("/a/./b", "https://v/p/?ticket=t"),
        ("/\\evil", "https://v/p/?ticket=t"),
        ("@evil.example/", "https://v/p/?ticket=t"),
        ("/\r\nSet-Cookie: a", "https://v/p/?ticket=t"),
        ("/#x", "https://v/p/?ticket=t"),
    ],
)
def test_a_ticket_leads_to_a_place_within_the_viewer_alone(rest: str, link: str) -> None:
    assert views.with_ticket("https://v/p", rest, "t") == link


def test_times_are_whole_milliseconds() -> None:
    assert views.epoch_ms(NOW) == 1778051289123


def test_an_ended_job_keeps_its_running_time_and_has_none_left() -> None:
    run = Run(ran_before=timedelta(seconds=90), end=End.USER, ended_at=NOW)
    job = replace(JOB, intent=Intent.STOP, run=run, auto_stop=AutoStop(duration=1))
    details = views.details(job, None, NOW + timedelta(hours=9), ORIGINS)
    assert (details.status, details.duration, details.remaining_duration) == (12, 90_000, None)
    assert details.allowed == ["delete", "restart", "update"]


def test_a_job_without_auto_stop_has_an_empty_schedule() -> None:
    assert views.schedule_items(None) == []


def test_progress_is_unknown_before_anything_was_seen() -> None:
    sighting = Sighting(job=JOB, seen=ABSENT)
    assert views.details(JOB, sighting, NOW, ORIGINS).source is None


def test_an_update_counts_as_a_revision() -> None:
    changed = requests.updated(JOB, WHO, ValidUpdate(job_desc="new"), NOW + timedelta(1))
    assert (changed.description, changed.revision, changed.updated_at) == ("new", 2, NOW + timedelta(1))


def test_an_update_that_changes_nothing_is_none() -> None:
    assert requests.updated(JOB, WHO, ValidUpdate(job_desc="", visibility="project"), NOW + timedelta(1)) is JOB


def test_an_update_sets_and_removes_the_auto_stop() -> None:
    schedule = ValidSchedule(duration=90, time_unit="MINUTES")
    extended = requests.updated(JOB, WHO, ValidUpdate(schedule=schedule), NOW)
    assert extended.auto_stop == AutoStop(duration=90, unit=TimeUnit.MINUTES)
    assert requests.updated(extended, WHO, ValidUpdate(schedule=None), NOW).auto_stop is None


def test_only_the_owner_hides_a_job() -> None:
    hidden = requests.updated(JOB, WHO, ValidUpdate(visibility="private"), NOW)
    assert hidden.visibility is Visibility.PRIVATE
    with pytest.raises(PermissionDenied):
        requests.updated(JOB, Principal(user="other", project_id="p1"), ValidUpdate(visibility="private"), NOW)


def test_a_job_whose_deletion_failed_can_not_be_updated() -> None:
    dying = replace(JOB, intent=Intent.DELETE, run=Run(delete_failed_at=NOW))
    with pytest.raises(IllegalState, match="job status: 6"):
        requests.updated(dying, WHO, ValidUpdate(job_desc="new"), NOW)


def test_an_idempotency_digest_tells_requests_and_users_apart() -> None:
    keys = [
        requests.idempotency_key(WHO, CREATE, "k"),
        requests.idempotency_key(WHO, replace(CREATE, job_name="b"), "k"),
        requests.idempotency_key(Principal(user="other", project_id="p1"), CREATE, "k"),
    ]
    assert len({key.digest for key in keys if key}) == 3
    assert requests.idempotency_key(WHO, CREATE, "k") == keys[0]
    assert requests.idempotency_key(WHO, CREATE, None) is None


@pytest.mark.parametrize(
    ("phase", "attempt", "asleep"), [(Phase.ASLEEP, 1, True), (Phase.READY, 1, False), (Phase.ASLEEP, 2, False)]
)
def test_a_running_job_tells_whether_its_viewer_sleeps(phase: Phase, attempt: int, asleep: bool) -> None:
    running = replace(JOB, run=Run(submitted_at=NOW, running_since=NOW))
    seen = Sighting(job=replace(running, attempt=attempt), seen=Seen(phase=phase, attempt=attempt))
    assert views.details(running, seen, NOW, ORIGINS).asleep is asleep


def test_a_job_that_ended_is_not_asleep() -> None:
    ended = replace(JOB, run=Run(submitted_at=NOW, ended_at=NOW, end=End.USER))
    seen = Sighting(job=ended, seen=Seen(phase=Phase.ASLEEP, attempt=1))
    assert not views.details(ended, seen, NOW, ORIGINS).asleep
