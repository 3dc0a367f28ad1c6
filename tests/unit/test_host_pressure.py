"""Who starts, who waits and who gives way when memory is short."""

import pytest

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import ReasonCode
from belvedere.host import pressure
from belvedere.host.pressure import MIB, Standing, Verdict
from belvedere.viewers.base import UNKNOWN_APPETITE, appetite_of
from belvedere.viewers.registry import viewer_types
from belvedere.viewers.tensorboard.viewer import APPETITE

NOW = 1000.0
IN_USE = Standing(number=1, memory=100, idle_since=NOW - 59)
IDLE = Standing(number=2, memory=100, idle_since=NOW - 60)
IDLE_LONGER = Standing(number=3, memory=100, idle_since=NOW - 600)
SLEEPLESS = Standing(number=4, memory=100, idle_since=None)
ALL = (IN_USE, IDLE, IDLE_LONGER, SLEEPLESS)


@pytest.mark.parametrize(
    ("needed", "standings", "budget", "verdict"),
    [
        (100, (), 100, Verdict(fits=True)),
        (101, (), 100, Verdict(fits=False)),
        (100, ALL, 500, Verdict(fits=True)),
        (100, ALL, 499, Verdict(fits=True, give_way=(3,))),
        (100, ALL, 400, Verdict(fits=True, give_way=(3,))),
        (100, ALL, 399, Verdict(fits=True, give_way=(3, 2))),
        (100, ALL, 300, Verdict(fits=True, give_way=(3, 2))),
        (100, ALL, 299, Verdict(fits=False)),
        (100, (IN_USE, SLEEPLESS), 250, Verdict(fits=False)),
    ],
)
def test_the_least_recently_used_idle_viewers_give_way_if_that_is_enough(
    needed: int, standings: tuple[Standing, ...], budget: int, verdict: Verdict
) -> None:
    assert pressure.room_for(needed, standings, budget, NOW) == verdict


@pytest.mark.parametrize(("budget", "numbers"), [(400, ()), (399, (3,)), (299, (3, 2)), (10, (3, 2))])
def test_when_viewers_have_grown_idle_ones_give_way_even_if_it_is_not_enough(
    budget: int, numbers: tuple[int, ...]
) -> None:
    assert pressure.relief(ALL, budget, NOW) == numbers


@pytest.mark.parametrize(
    ("files", "size", "seen"),
    [(1, 300_000, 12), (20, 114 * MIB, 143), (20, 436 * MIB, 403), (10_000, 2 * MIB, 209)],
)
def test_the_estimate_is_near_what_was_seen(files: int, size: int, seen: int) -> None:
    progress = SourceProgress(state="current", files_total=files, bytes_total=size)
    assert 0.8 < pressure.estimate(APPETITE, progress, None) / (seen * MIB) < 1.4


def test_what_is_not_known_yet_counts_as_little() -> None:
    assert pressure.estimate(APPETITE, None, None) == APPETITE.bare


def test_no_viewer_is_expected_to_take_more_than_it_may() -> None:
    progress = SourceProgress(state="current", files_total=1, bytes_total=10**10)
    assert pressure.estimate(APPETITE, progress, 50 * MIB) == 50 * MIB


def test_one_that_waits_is_told_the_figures() -> None:
    reason = pressure.no_room(20 * MIB, [Standing(number=1, memory=90 * MIB, idle_since=NOW)], 100 * MIB)
    assert reason.code is ReasonCode.NO_CAPACITY
    assert all(figure in reason.text for figure in ("20 MiB", "the 1 that", "90 MiB", "100 MiB", "memory_budget"))


def test_one_that_took_too_much_is_told_the_figures_and_the_remedy() -> None:
    reason = pressure.over_limit(600 * MIB, 512 * MIB)
    assert reason.code is ReasonCode.MEMORY_LIMIT
    assert all(words in reason.text for words in ("600 MiB", "512 MiB", "larger flavor"))


def test_every_viewer_of_ours_has_been_weighed_and_a_plug_in_may_be_unknown() -> None:
    known = {name: appetite_of(viewer) for name, viewer in viewer_types().items()}
    assert len({appetite.bare for appetite in known.values()}) == len(known) == 3
    assert appetite_of(object()) == UNKNOWN_APPETITE
