"""How much a project may have. Pure."""

import msgspec
from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.lifecycle.jobs import Intent, Job
from belvedere.lifecycle.seen import Phase, Seen

_AT_WORK = frozenset({Phase.WAITING, Phase.STARTING, Phase.READY, Phase.ASLEEP, Phase.RECOVERING})


class Quotas(msgspec.Struct, frozen=True, kw_only=True):
    """Of a project. 0: none at all. None: what the settings say; in theirs: no limit."""

    jobs: int | None = None
    running_jobs: int | None = None
    awake_viewers: int | None = None
    memory_bytes: int | None = None  # of the viewers that are awake, together
    mirror_bytes: int | None = None  # on disk, of logs from object stores

    def over(self, defaults: "Quotas") -> "Quotas":
        """These, and the defaults where they say nothing."""
        own = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        return replace(defaults, **own)


def is_running_job(job: Job, seen: Seen, *, is_granted: bool) -> bool:
    """Whether it counts as one of its project's running jobs: brought up, or on the way (`is_granted`: just now)."""
    if job.intent is not Intent.RUN or job.run.end is not None:
        return False
    kept_waiting = seen.reason is not None and seen.reason.code is ReasonCode.QUOTA
    return is_granted or job.run.running_since is not None or (seen.phase in _AT_WORK and not kept_waiting)


def place_among(running: int, quota: int | None) -> Reason | None:
    """Why one more job has to wait beside so many that run; None if it may run too."""
    if quota is None or running < quota:
        return None
    if not quota:
        return Reason(code=ReasonCode.QUOTA, text="The project may run no jobs: its quota is 0. Ask an administrator.")
    jobs = "1 job" if running == 1 else f"{running} jobs"
    text = f"The project has {jobs} running; its quota is {quota}. It starts by itself when another one ends."
    return Reason(code=ReasonCode.QUOTA, text=text)
