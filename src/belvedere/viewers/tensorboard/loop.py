"""Waiting for many things in one thread: a process that is going to fork must not have a second one."""

import heapq
import itertools
import selectors
import time
from collections.abc import Callable

Act = Callable[[], None]


class Loop:
    """Calls back when a descriptor can be read or a time has come. Its callbacks must not wait."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Act]] = []
        self._order = itertools.count()

    def watch(self, descriptor: int, act: Act) -> None:
        """Call whenever this descriptor can be read, or its other end has been closed."""
        self._selector.register(descriptor, selectors.EVENT_READ, act)

    def forget(self, descriptor: int) -> None:
        """Watch it no more; before it is closed."""
        self._selector.unregister(descriptor)

    def after(self, seconds: float, act: Act) -> None:
        """Call once, then."""
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), act))

    def step(self, patience: float | None = None) -> None:
        """Wait for the next thing, for at most so many seconds, and call back."""
        left = max(self._due[0][0] - time.monotonic(), 0.0) if self._due else None
        waits = [each for each in (left, patience) if each is not None]
        for key, _ in self._selector.select(min(waits) if waits else None):
            if self._selector.get_map().get(key.fd) is key:  # not forgotten by what was called before it
                key.data()
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()

    def close(self) -> None:
        """Let go, as a fork has to; whoever it was forked from goes on."""
        self._selector.close()
