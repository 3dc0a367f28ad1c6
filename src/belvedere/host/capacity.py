"""Keeps the viewers of a host within its memory: asks before a start, and looks again and again."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Mapping

from belvedere.contract.reasons import Reason
from belvedere.host import memory, pressure
from belvedere.host.pressure import Limits, Standing
from belvedere.host.supervisor import Supervisor

Neighbours = Callable[[int], tuple[Collection[int], Limits]]

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0  # seconds; what grows faster meets its control group's limit or the fence of `process.confine`
WEIGHED_AT_ONCE = 4  # viewers whose exact weight is taken per look: it costs a millisecond or two each


class Capacity:
    """The memory of one host's viewers. `viewers`: all, by number. `idle_since`: last use; None for never to sleep.

    `neighbours`: by the number of a viewer, those of its project, and what they may take.
    """

    def __init__(
        self,
        budget: int,
        viewers: Mapping[int, Supervisor],
        idle_since: Callable[[int], float | None],
        neighbours: Neighbours = lambda _: (frozenset(), Limits()),
    ) -> None:
        self._budget = budget
        self._viewers = viewers
        self._idle_since = idle_since
        self._neighbours = neighbours
        self._turn = 0  # the number of the viewer that was weighed last

    def admit(self, number: int, needed: int) -> Reason | None:
        """Make room for a viewer that is about to start; why it has to wait if there is none."""
        others = [each for each in self._standings() if each.number != number]
        numbers, limits = self._neighbours(number)
        near = [each for each in others if each.number in numbers]
        within = pressure.room_within(needed, near, limits, self._now())
        if not within.fits:
            return pressure.no_place(near, limits)
        others = [each for each in others if each.number not in within.give_way]
        verdict = pressure.room_for(needed, others, self._budget, self._now())
        if not verdict.fits:
            return pressure.no_room(needed, others, self._budget)
        self._put_to_sleep((*within.give_way, *verdict.give_way))
        return None

    def tell_waiting(self) -> None:
        """Something has been given back: those that wait ask again, the longest waiting first."""
        for viewer in self._viewers.values():
            viewer.ask_again()

    async def keep(self) -> None:
        """Look again and again. Without a viewer that is awake it costs nothing but a timer."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            awake = {pid: viewer for viewer in self._viewers.values() if (pid := viewer.pid) is not None}
            if awake:
                await self._look(awake)

    async def _look(self, awake: Mapping[int, Supervisor]) -> None:
        limits = {pid: viewer.watched_limit for pid, viewer in awake.items()}
        found = await asyncio.to_thread(memory.survey, limits, self._some(awake))
        for pid, taken in found.weights.items():
            if awake[pid].pid == pid and awake[pid].settled_at is not None:
                awake[pid].memory = taken
        for viewer in awake.values():
            viewer.look_for_overflow()
        for pid, taken in found.over.items():
            if awake[pid].pid == pid:
                awake[pid].exceed(taken)
        self._put_to_sleep(pressure.relief(self._standings(), self._budget, self._now()))

    def _some(self, awake: Mapping[int, Supervisor]) -> list[int]:
        """Pids of the next few that have settled, in turn."""
        settled = sorted((viewer.number, pid) for pid, viewer in awake.items() if viewer.settled_at is not None)
        later = [each for each in settled if each[0] > self._turn]
        some = list(itertools.islice(itertools.chain(later, settled), min(WEIGHED_AT_ONCE, len(settled))))
        self._turn = some[-1][0] if some else 0
        return [pid for _, pid in some]

    def _standings(self) -> list[Standing]:
        return [
            Standing(number=number, memory=viewer.memory, idle_since=self._idle_since(number))
            for number, viewer in self._viewers.items()
            if viewer.memory
        ]

    def _put_to_sleep(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            log.info("viewer %d sleeps to make room", number)
            self._viewers[number].sleep()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
