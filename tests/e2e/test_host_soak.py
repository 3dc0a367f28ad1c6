"""A few hundred events of every kind, faults too, leave nothing behind. The long one is `tests.support.soak`."""

import pytest
from msgspec.structs import replace

from tests.support.soak import MEMORY_GROWTH, growth, soak

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(600)
async def test_nothing_is_left_after_hundreds_of_events() -> None:
    found = await soak(300, seed=1)
    assert {replace(remains, memory=0) for remains in found} == {replace(found[0], memory=0, tracebacks=0)}
    assert growth(found) < MEMORY_GROWTH
