"""The seam to an engine."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from belvedere.host.protocol import HostMetrics, ViewerSpec
from belvedere.lifecycle.seen import Seen
from belvedere.sources.stores import ObjectStore


class Runtime(Protocol):
    """Makes viewers stand, looks at them, removes them.

    All calls are repeatable and none raises for an engine's fault: what can't be asked is answered with
    `Phase.UNKNOWN` and a reason.
    """

    async def ensure(self, spec: ViewerSpec) -> Seen:
        """Make a viewer stand for this job and attempt, replacing one of an older attempt; what is seen right after."""
        ...

    async def use(self, job_ids: Collection[int]) -> None:
        """People look at these now: those that sleep are woken, the others stay awake. Never raises."""
        ...

    async def look(self, job_ids: Collection[int]) -> Mapping[int, Seen]:
        """What is, for each of the ids, in one call to the engine."""
        ...

    async def look_at_all(self) -> Mapping[int, Seen] | None:
        """Everything that runs under any id, to find what nothing asked for; None if the engine can't be asked."""
        ...

    async def remove(self, job_id: int) -> Seen:
        """End what runs under this id; ABSENT once nothing of it is left."""
        ...

    async def logs(self, job_id: int, tail: int) -> Sequence[str]:
        """The viewer's last lines, oldest first; empty if there is none."""
        ...

    async def set_stores(self, stores: Sequence[ObjectStore]) -> None:
        """These are all object stores from now on: what reads logs goes on with the new keys. Never raises.

        What can't be told now is told before anything else is asked.
        """
        ...

    async def metrics(self) -> HostMetrics | None:
        """Counters of the engine, if it can be asked."""
        ...

    def changes(self) -> AsyncIterator[Mapping[int, Seen | None] | None]:
        """Hints: jobs whose viewers changed, and what is seen if that is known (None: look).

        None instead of them: any may have changed, for the engine itself was lost and is back. Endless; may miss some,
        or be behind what was looked at meanwhile by a moment; survives faults of the engine.
        """
        ...

    async def close(self, *, end_viewers: bool) -> None:
        """Let go of the engine; with `end_viewers` everything it runs is ended first."""
        ...
