"""The decision: from a job's facts and one look at the world to the next facts, an action and a time to look again.

Level-triggered: only what *is* counts, never how one came to know of it. A lost or doubled hint therefore costs time,
never truth. Every plan is safe to repeat.

A quiet running job asks for no look of its own before its auto-stop: the reconciler compares all running jobs with all
viewers in one call now and then, so that a thousand quiet jobs cost one question and not one write.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import End, Event, Intent, Job, Run, StopCause
from belvedere.lifecycle.schedule import remaining_time, running_time, stop_at
from belvedere.lifecycle.seen import Phase, Seen

LOOK_AGAIN = timedelta(seconds=1)  # while a viewer is being ended
LOOK_AGAIN_STARTING = timedelta(seconds=5)  # the runtime's hints normally come first
UNREACHABLE_LIMIT = timedelta(minutes=5)  # how long an engine may be silent before its job counts as lost
DELETE_LIMIT = timedelta(seconds=30)  # after which a deletion that hangs is shown as failed (and still retried)
LOSS_LIMIT = 5  # so many viewers that vanished soon after they ran, and the engine is given up
LASTING = timedelta(minutes=10)  # a viewer that ran so long vanished for a reason of its own, such as a reboot


class Action(StrEnum):
    """What to do at the runtime. Both are repeatable."""

    ENSURE = "ensure"  # make a viewer for this attempt stand
    REMOVE = "remove"  # end whatever runs under this id


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a look. `job` None: forget the job. `look_at` None: nothing to do until someone asks."""

    job: Job | None
    action: Action | None = None
    look_at: datetime | None = None
    events: tuple[Event, ...] = ()


def decide(job: Job, seen: Seen, now: datetime) -> Plan:
    """What to write, do and wait for. Pure."""
    if job.intent is Intent.DELETE:
        return _decide_delete(job, seen, now)
    if job.run.end is not None:
        return _decide_ended(job, seen, now)
    vanished = seen.phase is Phase.ABSENT and job.run.running_since is not None
    if vanished:
        closed = _close_spell(job, seen.alive_until, now)
        job = _count_loss(closed, before=job) if seen.vanished else closed
    if job.intent is Intent.RUN and _is_due(job, now):
        job = replace(job, intent=Intent.STOP, intended_at=now, stop_cause=StopCause.SCHEDULE)
    if job.intent is Intent.STOP:
        return _decide_stop(job, seen, now)
    return _decide_vanished(job, seen, now) if vanished else _decide_run(job, seen, now)


def _is_due(job: Job, now: datetime) -> bool:
    return job.run.first_ran_at is not None and remaining_time(job, now) == timedelta(0)


def _decide_delete(job: Job, seen: Seen, now: datetime) -> Plan:
    if seen.phase is Phase.ABSENT:
        return Plan(job=None)
    late = now - job.intended_at >= DELETE_LIMIT
    if late and job.run.delete_failed_at is None:
        job = _with_run(job, delete_failed_at=now)
    return Plan(job=job, action=Action.REMOVE, look_at=now + (DELETE_LIMIT if late else LOOK_AGAIN))


def _decide_ended(job: Job, seen: Seen, now: datetime) -> Plan:
    match seen.phase:
        case Phase.ABSENT:
            return Plan(job=job)
        case Phase.UNKNOWN:
            return Plan(job=job, look_at=now + LOOK_AGAIN_STARTING)
        case _:
            return Plan(job=job, action=Action.REMOVE, look_at=now + LOOK_AGAIN)


def _decide_stop(job: Job, seen: Seen, now: datetime) -> Plan:
    if seen.phase is not Phase.ABSENT:
        return Plan(job=job, action=Action.REMOVE, look_at=now + LOOK_AGAIN)
    if job.stop_cause is StopCause.SCHEDULE:
        return Plan(
            job=_ended(job, End.SCHEDULE, _AUTO_STOPPED, now), events=(_event(job, "auto-stopped", _AUTO_STOPPED, now),)
        )
    return Plan(job=_ended(job, End.USER, _STOPPED, now), events=(_event(job, "stopped", _STOPPED, now),))


def _decide_run(job: Job, seen: Seen, now: datetime) -> Plan:
    if seen.phase is Phase.UNKNOWN:
        return _unreachable(job, seen, now)
    if job.run.taken_up_at is None or job.run.unreachable_since is not None:
        job = _with_run(job, taken_up_at=job.run.taken_up_at or now, unreachable_since=None)
    if seen.phase is not Phase.ABSENT and seen.attempt != job.attempt:
        return _submit(job, now)  # the runtime replaces an older attempt's viewer
    match seen.phase:
        case Phase.ABSENT:
            return _submit(job, now)
        case Phase.STOPPING:
            return Plan(job=job, look_at=now + LOOK_AGAIN)
        case Phase.WAITING:
            job = _with_run(job, waiting=seen.reason or _NO_CAPACITY)
            return Plan(job=job, action=_told_of_changes(job, seen), look_at=now + LOOK_AGAIN_STARTING)
        case Phase.STARTING:
            events = _events_of_note(job, seen, now)
            job = _with_run(job, waiting=None, note=seen.reason)
            action = _told_of_changes(job, seen)
            return Plan(job=job, action=action, look_at=now + LOOK_AGAIN_STARTING, events=events)
        case Phase.READY | Phase.ASLEEP | Phase.RECOVERING:
            return _running(job, seen, now)
        case Phase.FAILED:
            return _failed(job, seen, now)


def _submit(job: Job, now: datetime) -> Plan:
    job = _with_run(job, submitted_at=job.run.submitted_at or now)
    return Plan(job=job, action=Action.ENSURE, look_at=now + LOOK_AGAIN_STARTING)


def _decide_vanished(job: Job, seen: Seen, now: datetime) -> Plan:
    """It ran, and the engine no longer has it: it ended by itself, or with the service."""
    if job.run.losses >= LOSS_LIMIT:
        return Plan(job=_ended(job, End.LOST, _LOST, now), events=(_event(job, "lost", _LOST, now),))
    return replace(
        _submit(job, now), events=(_event(job, "vanished", _VANISHED if seen.vanished else _RESTARTED, now),)
    )


def _running(job: Job, seen: Seen, now: datetime) -> Plan:
    events: tuple[Event, ...] = ()
    if job.run.running_since is None and seen.phase in {Phase.READY, Phase.ASLEEP}:
        since = min(seen.ready_at or now, now)
        since = max(since, job.run.submitted_at or since)
        job = _with_run(job, running_since=since, first_ran_at=job.run.first_ran_at or since, waiting=None)
        text = f"The viewer answers.{_read_so_far(seen)}"
        events = (Event(at=now, kind="running", text=text, attempt=job.attempt),)
    events += _events_of_note(job, seen, now)
    job = _with_run(job, note=seen.reason)
    return Plan(job=job, action=_told_of_changes(job, seen), look_at=stop_at(job), events=events)


def _read_so_far(seen: Seen) -> str:
    source = seen.source
    if source is None or not source.files_total:
        return ""
    scale, unit = (1e6, "MB") if source.bytes_total >= 1e6 else (1e3, "kB")
    size, total = (f"{count / scale:,.1f}" for count in (source.bytes_done, source.bytes_total))
    if source.state == "listing":
        return f" {source.files_done:,} files and {size} {unit} of logs are here so far, and more are looked for."
    return f" {source.files_done:,} of {source.files_total:,} files and {size} of {total} {unit} of logs are here."


def _events_of_note(job: Job, seen: Seen, now: datetime) -> tuple[Event, ...]:
    """Told once, however long it stays so."""
    is_news = seen.reason is not None and seen.reason != job.run.note
    return (_event(job, "note", seen.reason, now),) if seen.reason and is_news else ()


def _told_of_changes(job: Job, seen: Seen) -> Action | None:
    """Tell the runtime of what a user changed since it was last told.

    The revision that it gives back is what counts, not that somebody changed something: so a change made while the
    runtime was away, or lost between the database and it, still arrives. A change of mere words costs one idle call.
    """
    is_behind = seen.revision is not None and seen.revision < job.revision
    return Action.ENSURE if is_behind else None


def _failed(job: Job, seen: Seen, now: datetime) -> Plan:
    reason = seen.reason or _CRASHED
    job = _ended(job, seen.end or End.VIEWER, reason, now)
    return Plan(job=job, action=Action.REMOVE, look_at=now + LOOK_AGAIN, events=(_event(job, "failed", reason, now),))


def _unreachable(job: Job, seen: Seen, now: datetime) -> Plan:
    since = job.run.unreachable_since or now
    if now - since < UNREACHABLE_LIMIT:
        note = seen.reason or _UNREACHABLE
        job = _with_run(job, unreachable_since=since, taken_up_at=job.run.taken_up_at or now)
        job = _with_run(job, note=note) if job.run.running_since else _with_run(job, waiting=note)
        return Plan(job=job, look_at=now + LOOK_AGAIN_STARTING)
    reason = seen.reason or _UNREACHABLE
    if job.run.first_ran_at is None:
        return Plan(job=_ended(job, End.SUBMIT, reason, now), events=(_event(job, "failed", reason, now),))
    job = _close_spell(job, seen.alive_until or since, now)
    return Plan(job=_ended(job, End.LOST, reason, now), events=(_event(job, "lost", reason, now),))


def _close_spell(job: Job, alive_until: datetime | None, now: datetime) -> Job:
    """Stop the running clock at the last moment at which the viewer was known to run."""
    until = min(alive_until or now, now)
    return _with_run(job, ran_before=running_time(job, until), running_since=None)


def _count_loss(job: Job, *, before: Job) -> Job:
    spell = job.run.ran_before - before.run.ran_before
    return _with_run(job, losses=1 if spell >= LASTING else job.run.losses + 1)


def _ended(job: Job, end: End, reason: Reason, now: datetime) -> Job:
    job = _close_spell(job, None, now)
    return _with_run(job, end=end, end_reason=reason, ended_at=now, waiting=None, note=None, unreachable_since=None)


def _with_run(job: Job, **changes: object) -> Job:
    run: Run = replace(job.run, **changes)
    return job if run == job.run else replace(job, run=run)


def _event(job: Job, kind: str, reason: Reason, now: datetime) -> Event:
    return Event(at=now, kind=kind, text=reason.text, attempt=job.attempt, reason=reason.code.value)


_STOPPED = Reason(
    code=ReasonCode.STOPPED_BY_USER, text="Stopped by a user. Restart it to see it again under the same URL."
)
_AUTO_STOPPED = Reason(
    code=ReasonCode.AUTO_STOPPED,
    text="Its running time was up. Restart it to see it again under the same URL.",
)
_NO_CAPACITY = Reason(code=ReasonCode.NO_CAPACITY, text="Waits for capacity.")
_CRASHED = Reason(code=ReasonCode.VIEWER_CRASHED, text="The viewer ended and could not be kept alive.")
_VANISHED = Reason(code=ReasonCode.RUNTIME_LOST, text="The viewer no longer ran; it is being started again.")
_RESTARTED = Reason(code=ReasonCode.RUNTIME_LOST, text="The service was restarted; the viewer is being started again.")
_LOST = Reason(
    code=ReasonCode.RUNTIME_LOST,
    text="The viewer vanished from its host again and again. Restart the job; if it recurs, see the host's log.",
)
_UNREACHABLE = Reason(
    code=ReasonCode.RUNTIME_UNREACHABLE,
    text="The viewer host can't be reached. It is tried again by itself; ask the operator if this lasts.",
)
