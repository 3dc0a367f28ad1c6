"""Who is put to sleep so that another may start: the rules of `pressure` on viewers that a host has."""

from collections.abc import Mapping
from typing import cast

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.host.capacity import Capacity
from belvedere.host.pressure import Limits
from belvedere.host.supervisor import Supervisor


class Viewer:
    """What a capacity knows of a viewer."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.asked = 0

    def sleep(self) -> None:
        self.memory = 0

    def ask_again(self) -> None:
        self.asked += 1


@pytest.fixture
def viewers() -> dict[int, Viewer]:
    return {1: Viewer(40), 2: Viewer(40), 3: Viewer(0)}


def capacity(viewers: dict[int, Viewer], idle_since: Mapping[int, float]) -> Capacity:
    return Capacity(100, cast("Mapping[int, Supervisor]", viewers), idle_since.get)


async def test_what_fits_starts_and_disturbs_nobody(viewers: dict[int, Viewer]) -> None:
    assert capacity(viewers, {1: -1e9, 2: -1e9}).admit(3, 20) is None
    assert [viewer.memory for viewer in viewers.values()] == [40, 40, 0]


async def test_for_what_does_not_fit_the_longest_idle_viewer_sleeps(viewers: dict[int, Viewer]) -> None:
    assert capacity(viewers, {1: -1e9, 2: -2e9}).admit(3, 30) is None
    assert [viewer.memory for viewer in viewers.values()] == [40, 0, 0]


async def test_without_an_idle_viewer_it_waits(viewers: dict[int, Viewer]) -> None:
    reason = capacity(viewers, {}).admit(3, 30)
    assert reason is not None
    assert reason.code is ReasonCode.NO_CAPACITY


async def test_what_a_viewer_takes_itself_does_not_count_against_it(viewers: dict[int, Viewer]) -> None:
    assert capacity(viewers, {}).admit(1, 60) is None


async def test_when_room_is_given_back_all_are_told(viewers: dict[int, Viewer]) -> None:
    capacity(viewers, {}).tell_waiting()
    assert [viewer.asked for viewer in viewers.values()] == [1, 1, 1]


def fenced(viewers: dict[int, Viewer], idle_since: Mapping[int, float], limits: Limits) -> Capacity:
    """Where viewers 2 and 3 belong to one project."""
    known = cast("Mapping[int, Supervisor]", viewers)
    return Capacity(1000, known, idle_since.get, lambda _: ({2, 3}, limits))


@pytest.mark.parametrize("limits", [Limits(awake=1), Limits(memory=60), Limits(awake=1, memory=60)])
async def test_a_project_at_its_limit_makes_its_own_idle_viewer_sleep(
    viewers: dict[int, Viewer], limits: Limits
) -> None:
    assert fenced(viewers, {1: -2e9, 2: -1e9}, limits).admit(3, 30) is None
    assert [viewer.memory for viewer in viewers.values()] == [40, 0, 0]


@pytest.mark.parametrize("limits", [Limits(awake=1), Limits(memory=60), Limits(awake=0), Limits(memory=0)])
async def test_a_project_at_its_limit_with_nobody_idle_waits_and_disturbs_nobody_else(
    viewers: dict[int, Viewer], limits: Limits
) -> None:
    reason = fenced(viewers, {1: -2e9}, limits).admit(3, 30)
    assert reason is not None
    assert reason.code is ReasonCode.NO_CAPACITY
    assert [viewer.memory for viewer in viewers.values()] == [40, 40, 0]


async def test_below_its_limits_a_project_starts_what_it_wants(viewers: dict[int, Viewer]) -> None:
    assert fenced(viewers, {}, Limits(awake=2, memory=70)).admit(3, 30) is None
