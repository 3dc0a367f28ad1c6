"""An event loop whose clock runs ahead as soon as nothing else is to be done: hours pass in a moment.

Work for threads is done at once and in place, so that the clock never runs ahead of it.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class _Selector(selectors.DefaultSelector):
    """Never waits for a time, and counts it as passed."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        found = super().select(0)
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

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Arguments], _Result], *args: *_Arguments
    ) -> asyncio.Future[_Result]:
        """Its result or its error, there already."""
        done: asyncio.Future[_Result] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for whoever waits
            done.set_exception(error)
        return done


def run_fast(main: Coroutine[None, None, _Result]) -> _Result:
    """Run `main` in such a loop."""
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(main)
