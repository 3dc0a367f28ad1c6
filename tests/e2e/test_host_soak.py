"""A few hundred events of every kind, faults too, leave nothing behind. The long one is `tests.support.soak`."""

import pytest

from tests.support.soak import MEMORY_GROWTH, soak

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(600)
async def test_nothing_is_left_after_hundreds_of_events() -> None:
    before, after, grown = await soak(300, seed=1)
    assert after == before
    assert after.tracebacks == 0
    assert grown < MEMORY_GROWTH
