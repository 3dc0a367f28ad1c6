"""An event loop whose clock runs ahead as soon as nothing else is to be done: hours pass in a moment."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

_Result = TypeVar("_Result")
_THREADS_SECONDS = 0.003  # real time that threads get to report before the clock jumps


class _Selector(selectors.DefaultSelector):
    """Waits no longer than threads need, and counts the rest as passed."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        found = super().select(min(timeout, _THREADS_SECONDS))
        if not found:
            self.passed += timeout
        return found


class FastLoop(asyncio.SelectorEventLoop):
    """Its time is that of its selector."""

    def __init__(self) -> None:
        self._fast = _Selector()
        super().__init__(self._fast)

    def time(self) -> float:
        """Seconds, mostly jumped over."""
        return self._fast.passed


def run_fast(main: Coroutine[None, None, _Result]) -> _Result:
    """Run `main` in such a loop."""
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(main)
