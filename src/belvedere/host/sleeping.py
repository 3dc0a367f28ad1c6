"""When viewers fall asleep: one rule, and one timer for all of them. Times are seconds of a monotonic clock."""

import asyncio
import heapq
from collections.abc import Callable, Iterable

import msgspec

LOOK_AGAIN = 1.0  # seconds until one that is due but still loads is looked at again


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """One job's wish: sleep once it was unused for so long (None: never)."""

    used_at: float
    sleep_after: float | None


def sleep_at(rests: Iterable[Rest], settled_at: float) -> float | None:
    """When the viewer that these jobs share may sleep: when the last of them may. None: not as things are.

    `settled_at`: when it had loaded; until then nobody could look at all of it.
    """
    latest = settled_at
    for rest in rests:
        if rest.sleep_after is None:
            return None
        latest = max(latest, max(rest.used_at, settled_at) + rest.sleep_after)
    return latest


class Alarm:
    """One timer for any number of keys. `ring` is called with each whose time has come."""

    def __init__(self, ring: Callable[[int], None]) -> None:
        self._ring = ring
        self._due: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0  # kept here: for a time that has come already, uvloop's handle can't tell it

    def set(self, key: int, at: float | None) -> None:
        """Ring for this key then, instead of when it was set before; None: not at all."""
        if self._due.get(key) == at:
            return
        if at is None:
            del self._due[key]
        else:
            self._due[key] = at
            heapq.heappush(self._heap, (at, key))
        self._arm()

    def close(self) -> None:
        """Ring no more."""
        self._due.clear()
        self._arm()

    def _arm(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        at = self._heap[0][0] if self._heap else None
        if self._timer is not None and self._timer_at != at:
            self._timer.cancel()
            self._timer = None
        if at is not None and self._timer is None:
            self._timer, self._timer_at = asyncio.get_running_loop().call_at(at, self._go_off), at

    def _go_off(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        ringing = []
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._due.get(key) == at:
                del self._due[key]
                ringing.append(key)
        for key in ringing:
            self._ring(key)
        self._arm()
