"""Which jobs a look at the viewers may change. Pure."""

from collections.abc import Iterable, Mapping

from belvedere.lifecycle.jobs import Intent, Job
from belvedere.lifecycle.seen import ABSENT, Phase, Seen
from belvedere.runtimes.board import Sighting

_GOING_ON = frozenset({Phase.WAITING, Phase.STARTING, Phase.READY, Phase.ASLEEP, Phase.RECOVERING})


def differing(sightings: Iterable[Sighting], sights: Mapping[int, Seen]) -> list[int]:
    """Ids of jobs for which `decide()` might now say something else than it said last. Progress alone doesn't count.

    A job that isn't among the `sights` is ABSENT.
    """
    return [
        sighting.job.id for sighting in sightings if not _as_expected(sighting, sights.get(sighting.job.id, ABSENT))
    ]


def _as_expected(sighting: Sighting, seen: Seen) -> bool:
    job = sighting.job
    if job.run.end is not None and job.intent is not Intent.DELETE:
        return seen.phase is Phase.ABSENT
    if gist(seen) != gist(sighting.seen):
        return False
    return seen.phase in _GOING_ON and job.intent is Intent.RUN


def gist(seen: Seen) -> tuple[object, ...]:
    """What `decide()` goes by."""
    return (seen.phase, seen.attempt, seen.ready_at, seen.end, seen.reason)


def unwanted(jobs: Iterable[Job]) -> list[int]:
    """Ids of jobs under which something runs although they don't ask for it."""
    return [job.id for job in jobs if job.run.end is not None or job.intent is not Intent.RUN]
