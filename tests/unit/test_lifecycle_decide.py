"""Every combination of facts and observations, and random histories that keep the invariants."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from belvedere.contract.errors import IllegalState
from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.decide import DELETE_LIMIT, LOSS_LIMIT, UNREACHABLE_LIMIT, Action, Plan, decide
from belvedere.lifecycle.jobs import AutoStop, End, Intent, Job, Run, StopCause, TimeUnit
from belvedere.lifecycle.schedule import remaining_time, running_time, stop_at
from belvedere.lifecycle.seen import ABSENT, Phase, Seen
from belvedere.lifecycle.status import STATUS_TABLE, Verb, allowed_verbs, reason_of, status_of
from belvedere.lifecycle.verbs import apply_verb

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
VANISHED = Seen(phase=Phase.ABSENT, vanished=True)
WHY = Reason(code=ReasonCode.VIEWER_CRASHED, text="It fell over.")


def job(**changes: object) -> Job:
    plain = Job(id=1, project_id="p", name="n", train_url="/b/p/", created_at=T0, updated_at=T0, intended_at=T0)
    return replace(plain, **changes)


def running(**changes: object) -> Job:
    run = Run(taken_up_at=T0, submitted_at=T0, running_since=T0, first_ran_at=T0)
    return job(run=run, **changes)


def seen(phase: Phase, **changes: object) -> Seen:
    attempt = None if phase in {Phase.ABSENT, Phase.UNKNOWN} else 1
    return replace(Seen(phase=phase, attempt=attempt), **changes)


def after(plan: Plan) -> Job:
    assert plan.job is not None
    return plan.job


def test_a_new_job_is_submitted() -> None:
    plan = decide(job(), ABSENT, T0)
    assert plan.action is Action.ENSURE
    assert status_of(after(plan)) is JobStatus.SUBMIT_TRYING


def test_a_ready_viewer_makes_the_job_run_since_it_was_ready() -> None:
    submitted = job(run=Run(taken_up_at=T0, submitted_at=T0))
    plan = decide(submitted, seen(Phase.READY, ready_at=T0 + SECOND), T0 + 3 * SECOND)
    assert status_of(after(plan)) is JobStatus.RUNNING
    assert after(plan).run.running_since == T0 + SECOND
    assert [event.kind for event in plan.events] == ["running"]


def test_the_event_of_a_start_tells_how_much_of_the_logs_is_here() -> None:
    source = SourceProgress(state="copying", files_done=3, files_total=20, bytes_done=16_400_000, bytes_total=2 * 10**9)
    submitted = job(run=Run(taken_up_at=T0, submitted_at=T0))
    told = decide(submitted, seen(Phase.READY, ready_at=T0, source=source), T0).events
    assert told[0].text == "The viewer answers. 3 of 20 files and 16.4 of 2,000.0 MB of logs are here."


def test_a_host_whose_clock_is_ahead_cannot_start_the_running_time_in_the_future() -> None:
    plan = decide(job(run=Run(submitted_at=T0)), seen(Phase.READY, ready_at=T0 + timedelta(hours=5)), T0 + SECOND)
    assert after(plan).run.running_since == T0 + SECOND


def test_a_runtime_that_knows_an_older_revision_is_told_again() -> None:
    plan = decide(running(revision=3), seen(Phase.READY, revision=2), T0)
    assert (plan.action, plan.job) == (Action.ENSURE, running(revision=3))


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.WAITING, Phase.ASLEEP, Phase.RECOVERING])
def test_so_is_one_whose_viewer_is_not_ready(phase: Phase) -> None:
    assert decide(running(revision=3), seen(phase, revision=2), T0).action is Action.ENSURE
    assert decide(running(revision=3), seen(phase, revision=3), T0).action is None


@pytest.mark.parametrize("known", [3, None])
def test_a_runtime_that_knows_the_revision_or_none_is_left_alone(known: int | None) -> None:
    assert decide(running(revision=3), seen(Phase.READY, revision=known), T0).action is None


def test_what_keeps_a_start_waiting_is_an_event_once() -> None:
    plan = decide(job(), seen(Phase.STARTING, reason=WHY), T0)
    assert [(event.kind, event.text) for event in plan.events] == [("note", WHY.text)]
    assert decide(after(plan), seen(Phase.STARTING, reason=WHY), T0 + SECOND).events == ()


def test_waiting_for_capacity_is_shown_with_its_reason() -> None:
    plan = decide(job(), seen(Phase.WAITING, reason=WHY), T0)
    assert status_of(after(plan)) is JobStatus.WAITING
    assert reason_of(after(plan)) == WHY


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (End.VIEWER, JobStatus.FAILED),
        (End.SOURCE, JobStatus.MOUNT_FAILED),
        (End.SUBMIT, JobStatus.SUBMIT_FAILED),
        (None, JobStatus.FAILED),
    ],
)
def test_a_failed_viewer_ends_the_job_with_its_reason(end: End | None, status: JobStatus) -> None:
    plan = decide(running(), seen(Phase.FAILED, end=end, reason=WHY), T0 + SECOND)
    assert status_of(after(plan)) is status
    assert reason_of(after(plan)) == WHY
    assert plan.action is Action.REMOVE


def test_an_older_attempts_viewer_is_replaced() -> None:
    assert decide(job(attempt=2), seen(Phase.READY), T0).action is Action.ENSURE


def test_auto_stop_is_due_after_the_running_time_and_completes_the_job() -> None:
    limited = running(auto_stop=AutoStop(duration=2, unit=TimeUnit.HOURS))
    due = T0 + timedelta(hours=2)
    assert decide(limited, seen(Phase.READY), due - SECOND).look_at == due
    stopping = decide(limited, seen(Phase.READY), due)
    assert stopping.action is Action.REMOVE
    assert status_of(after(stopping)) is JobStatus.KILLING
    assert status_of(after(decide(after(stopping), ABSENT, due))) is JobStatus.COMPLETED


def test_only_running_counts_for_auto_stop() -> None:
    limited = running(auto_stop=AutoStop(duration=60, unit=TimeUnit.SECONDS))
    lost = after(decide(limited, seen(Phase.ABSENT, alive_until=T0 + 20 * SECOND), T0 + timedelta(hours=9)))
    again = after(decide(lost, seen(Phase.READY, ready_at=T0 + timedelta(hours=10)), T0 + timedelta(hours=10)))
    assert running_time(lost, T0 + timedelta(hours=9)) == 20 * SECOND
    assert stop_at(again) == T0 + timedelta(hours=10) + 40 * SECOND


def test_a_duration_of_zero_never_stops() -> None:
    unlimited = running(auto_stop=AutoStop(duration=0))
    plan = decide(unlimited, seen(Phase.READY), T0 + timedelta(days=1000))
    assert status_of(after(plan)) is JobStatus.RUNNING
    assert remaining_time(unlimited, T0) is None


def test_an_extended_schedule_moves_the_stop() -> None:
    extended = running(auto_stop=AutoStop(duration=5))
    assert decide(extended, seen(Phase.READY), T0 + timedelta(hours=2)).look_at == T0 + timedelta(hours=5)


def test_a_viewer_that_keeps_vanishing_is_lost() -> None:
    current = running()
    for _ in range(LOSS_LIMIT - 1):
        current = after(decide(current, VANISHED, T0 + SECOND))
        current = after(decide(current, seen(Phase.READY, ready_at=T0 + SECOND), T0 + SECOND))
    assert status_of(after(decide(current, VANISHED, T0 + SECOND))) is JobStatus.LOST


def test_viewers_that_ended_while_nobody_looked_do_not_count_as_lost() -> None:
    current = running()
    for _ in range(2 * LOSS_LIMIT):
        current = after(decide(current, ABSENT, T0 + SECOND))
        current = after(decide(current, seen(Phase.READY, ready_at=T0 + SECOND), T0 + SECOND))
    assert status_of(current) is JobStatus.RUNNING


@pytest.mark.parametrize(
    ("look", "text"),
    [(VANISHED, "The viewer no longer ran; it is"), (ABSENT, "The service was restarted; the viewer is")],
)
def test_the_story_tells_a_viewer_that_ended_from_a_service_that_was_restarted(look: Seen, text: str) -> None:
    (event,) = decide(running(), look, T0 + SECOND).events
    assert (event.kind, event.text) == ("vanished", f"{text} being started again.")


def test_viewers_that_ran_long_may_vanish_any_number_of_times() -> None:
    current = running()
    for hour in range(1, 2 * LOSS_LIMIT):
        now = T0 + timedelta(hours=hour)
        current = after(decide(current, seen(Phase.ABSENT, alive_until=now, vanished=True), now))
        current = after(decide(current, seen(Phase.READY, ready_at=now), now))
    assert status_of(current) is JobStatus.RUNNING


def test_an_unreachable_engine_is_borne_for_a_while() -> None:
    waiting = after(decide(running(), seen(Phase.UNKNOWN), T0))
    assert status_of(waiting) is JobStatus.RUNNING
    assert status_of(after(decide(waiting, seen(Phase.UNKNOWN), T0 + UNREACHABLE_LIMIT))) is JobStatus.LOST
    assert after(decide(waiting, seen(Phase.READY), T0 + SECOND)).run.unreachable_since is None


def test_an_engine_that_was_never_reached_fails_the_submission() -> None:
    waiting = after(decide(job(), seen(Phase.UNKNOWN), T0))
    assert status_of(waiting) is JobStatus.WAITING
    assert status_of(after(decide(waiting, seen(Phase.UNKNOWN), T0 + UNREACHABLE_LIMIT))) is JobStatus.SUBMIT_FAILED


def test_a_stopped_job_ends_once_nothing_of_it_runs() -> None:
    stopping = apply_verb(Verb.STOP, running(), T0)
    assert decide(stopping, seen(Phase.STOPPING), T0).action is Action.REMOVE
    ended = after(decide(stopping, ABSENT, T0 + SECOND))
    assert status_of(ended) is JobStatus.KILLED
    assert running_time(ended, T0 + timedelta(hours=1)) == SECOND


def test_a_deleted_job_is_forgotten_once_nothing_of_it_runs() -> None:
    deleting = apply_verb(Verb.DELETE, running(), T0)
    assert decide(deleting, seen(Phase.READY), T0).action is Action.REMOVE
    assert decide(deleting, ABSENT, T0).job is None


def test_a_deletion_that_hangs_is_shown_and_still_tried() -> None:
    deleting = apply_verb(Verb.DELETE, running(), T0)
    plan = decide(deleting, seen(Phase.STOPPING), T0 + DELETE_LIMIT)
    assert status_of(after(plan)) is JobStatus.DELETE_FAILED
    assert plan.action is Action.REMOVE
    assert plan.look_at is not None


def test_what_an_ended_job_left_behind_is_removed() -> None:
    ended = after(decide(apply_verb(Verb.STOP, running(), T0), ABSENT, T0))
    assert decide(ended, seen(Phase.READY), T0).action is Action.REMOVE


def test_a_restart_gives_the_whole_running_time_again() -> None:
    ended = after(decide(apply_verb(Verb.STOP, running(auto_stop=AutoStop(duration=1)), T0), ABSENT, T0 + 60 * SECOND))
    again = apply_verb(Verb.RESTART, ended, T0 + 60 * SECOND)
    assert again.attempt == 2
    assert status_of(again) is JobStatus.INIT
    assert remaining_time(again, T0) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("verb", "subject", "text"),
    [
        (Verb.STOP, job(run=Run(end=End.SCHEDULE)), "This job can't be stop. job status: 10"),
        (Verb.RESTART, running(), "This job can't be resubmit. job status: 8"),
        (Verb.DELETE, running(intent=Intent.STOP), "This job can't be delete. job status: 9"),
    ],
)
def test_refusals_use_the_documented_words(verb: Verb, subject: Job, text: str) -> None:
    with pytest.raises(IllegalState, match=text.replace(".", r"\.")) as caught:
        apply_verb(verb, subject, T0)
    assert caught.value.error_code == "ModelArts.0105"


RUNS = [
    Run(),
    Run(taken_up_at=T0),
    Run(taken_up_at=T0, submitted_at=T0),
    Run(taken_up_at=T0, waiting=WHY),
    Run(taken_up_at=T0, submitted_at=T0, running_since=T0, first_ran_at=T0),
    Run(taken_up_at=T0, submitted_at=T0, first_ran_at=T0, ran_before=SECOND, losses=LOSS_LIMIT - 1),
    Run(taken_up_at=T0, running_since=T0, first_ran_at=T0, unreachable_since=T0 - UNREACHABLE_LIMIT),
    *(Run(taken_up_at=T0, end=end, end_reason=WHY, ended_at=T0) for end in End),
    Run(delete_failed_at=T0),
]
COMBINATIONS = list(
    itertools.product(
        RUNS,
        Intent,
        [None, StopCause.USER, StopCause.SCHEDULE],
        [None, AutoStop(duration=0), AutoStop(duration=1, unit=TimeUnit.SECONDS), AutoStop(duration=24)],
        Phase,
        [None, 1, 2],
    )
)


@pytest.mark.parametrize("run", RUNS, ids=range(len(RUNS)))
def test_every_combination_gives_a_sound_plan(run: Run) -> None:
    for facts, intent, cause, auto_stop, phase, attempt in COMBINATIONS:
        if facts is run:
            subject = job(run=facts, intent=intent, stop_cause=cause, auto_stop=auto_stop)
            check_plan(subject, Seen(phase=phase, attempt=attempt), T0 + timedelta(minutes=1))


def check_plan(before: Job, look: Seen, now: datetime) -> None:
    plan = decide(before, look, now)
    assert plan == decide(before, look, now)
    if plan.job is None:
        assert before.intent is Intent.DELETE
        assert look.phase is Phase.ABSENT
        return
    assert status_of(plan.job) in STATUS_TABLE
    assert plan.job.attempt == before.attempt
    assert running_time(plan.job, now) >= timedelta(0)
    if plan.action is not None:
        assert plan.look_at is not None
    if plan.action is Action.ENSURE:
        assert plan.job.intent is Intent.RUN
        assert plan.job.run.end is None
    if before.run.end is not None and before.intent is not Intent.DELETE:
        assert plan.job.run == before.run
    if plan.job.run.end is not None:
        assert plan.job.run.ended_at is not None
        assert plan.job.run.running_since is None or before.run.end is not None
    assert_settles(plan.job, look, now)


def assert_settles(after_first: Job, look: Seen, now: datetime) -> None:
    """A second pass over the same world adds nothing but what its action asks for again."""
    second = decide(after_first, look, now)
    third = decide(second.job, look, now) if second.job else second
    assert third.job == second.job
    assert third.action == second.action


class World:
    """A tiny engine: what `decide` asks for happens, or doesn't."""

    def __init__(self) -> None:
        self.now = T0
        self.job: Job | None = job(auto_stop=AutoStop(duration=90, unit=TimeUnit.SECONDS))
        self.seen = ABSENT
        self.ran = timedelta(0)

    def pass_(self, obeys: bool) -> None:
        if self.job is None:
            return
        plan = decide(self.job, self.seen, self.now)
        self.job = plan.job
        if obeys and plan.action is Action.ENSURE and plan.job:
            self.seen = Seen(phase=Phase.STARTING, attempt=plan.job.attempt)
        if obeys and plan.action is Action.REMOVE:
            self.seen = ABSENT

    def happen(self, phase: Phase) -> None:
        if self.job and self.seen.phase is not Phase.ABSENT:
            fresh = Seen(phase=phase, attempt=self.seen.attempt, ready_at=self.now, alive_until=self.now)
            self.seen = ABSENT if phase is Phase.ABSENT else fresh

    def ask(self, verb: Verb) -> None:
        if self.job and verb in allowed_verbs(self.job) - {Verb.OPEN, Verb.UPDATE}:
            self.job = apply_verb(verb, self.job, self.now)


STEPS = st.one_of(
    st.tuples(st.just("pass"), st.booleans()),
    st.tuples(st.just("happen"), st.sampled_from(Phase)),
    st.tuples(st.just("ask"), st.sampled_from([Verb.STOP, Verb.RESTART, Verb.DELETE])),
    st.tuples(st.just("later"), st.integers(min_value=0, max_value=120)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_random_histories_keep_the_invariants(steps: list[tuple[str, object]]) -> None:
    world = World()
    for step, value in steps:
        match step:
            case "pass":
                world.pass_(bool(value))
            case "happen":
                world.happen(Phase(str(value)))
            case "ask":
                world.ask(Verb(str(value)))
            case _:
                world.now += timedelta(seconds=int(str(value)))
        if world.job:
            check_plan(world.job, world.seen, world.now)
    quiet_down(world)


def quiet_down(world: World) -> None:
    """Once the engine obeys, a deleted job goes, a stopped one ends, and nothing runs unasked."""
    for _ in range(6):
        world.pass_(obeys=True)
        world.now += SECOND
    if world.job is None or world.job.intent is Intent.STOP or world.job.run.end:
        assert world.seen.phase in {Phase.ABSENT, Phase.UNKNOWN}
    if world.job:
        assert world.job.intent is not Intent.DELETE
