"""Waiting for a job: which statuses are a goal reached, and which a goal missed. Pure."""

from enum import StrEnum

import msgspec

from belvedere.contract.jobs import JobDetails
from belvedere.contract.statuses import JobStatus

FIRST_PAUSE = 0.1  # seconds; a viewer on a local folder is there within half of one
LONGEST_PAUSE = 2.0  # seconds

FAILURES = frozenset({JobStatus.SUBMIT_FAILED, JobStatus.FAILED, JobStatus.LOST, JobStatus.MOUNT_FAILED})
ENDINGS = FAILURES | {JobStatus.COMPLETED, JobStatus.KILLED, JobStatus.CANCELED}


class Goal(StrEnum):
    """What to wait for."""

    RUNNING = "running"  # its service URL answers
    ENDED = "ended"  # in whichever way


class Outcome(StrEnum):
    """How waiting ended."""

    REACHED = "reached"
    MISSED = "missed"  # the job ended before it ran; its reason says why
    TIMED_OUT = "timed out"


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """How waiting ended, and the job as last seen."""

    outcome: Outcome
    job: JobDetails


def outcome_of(status: int, until: Goal) -> Outcome | None:
    """Whether this status ends the waiting; None while it doesn't."""
    if until is Goal.RUNNING and status == JobStatus.RUNNING:
        return Outcome.REACHED
    if status in ENDINGS:
        return Outcome.REACHED if until is Goal.ENDED else Outcome.MISSED
    return None


def next_pause(pause: float) -> float:
    """Seconds until the next look, after one of `pause` seconds."""
    return min(pause * 1.5, LONGEST_PAUSE)
