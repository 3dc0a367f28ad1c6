"""What to do when memory is short. Pure: bytes, and seconds of a monotonic clock."""

from collections.abc import Iterable

import msgspec

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.viewers.base import Appetite

MIB = 1 << 20
IDLE_SECONDS = 60.0  # without use, and a viewer may give way; a visible page uses its viewer every 20 s


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer that is awake. `idle_since`: its last use; None for one that may not be put to sleep."""

    number: int
    memory: int
    idle_since: float | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many viewers of one project may be awake, and what they may take together. None: no limit."""

    awake: int | None = None
    memory: int | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there is room, once `give_way` (numbers of viewers) have been put to sleep."""

    fits: bool
    give_way: tuple[int, ...] = ()


def estimate(appetite: Appetite, progress: SourceProgress | None, limit: int | None) -> int:
    """Bytes that a viewer of these logs will take, as far as its mirror knows them; never more than it may."""
    files, size = (progress.files_total or 0, progress.bytes_total or 0) if progress else (0, 0)
    needed = appetite.bare + round(size * appetite.per_log_byte) + files * appetite.per_file
    return needed if limit is None else min(needed, limit)


def room_for(needed: int, standings: Iterable[Standing], budget: int, now: float) -> Verdict:
    """Whether so much more fits. Nobody gives way when that would not make room enough."""
    awake = list(standings)
    given = _give_way(awake, sum(each.memory for each in awake) + needed - budget, now)
    return Verdict(fits=False) if given is None else Verdict(fits=True, give_way=given)


def room_within(needed: int, standings: Iterable[Standing], limits: Limits, now: float) -> Verdict:
    """The same for the project that the viewer belongs to; `standings` are the project's."""
    awake = list(standings)
    idle = _idle(awake, now)
    too_many = 0 if limits.awake is None else max(len(awake) + 1 - limits.awake, 0)
    memory = Verdict(fits=True) if limits.memory is None else room_for(needed, awake, limits.memory, now)
    if too_many > len(idle) or not memory.fits:
        return Verdict(fits=False)
    longer = max(too_many, len(memory.give_way))  # both begin with the longest idle one
    return Verdict(fits=True, give_way=tuple(each.number for each in idle[:longer]))


def relief(standings: Iterable[Standing], budget: int, now: float) -> tuple[int, ...]:
    """Who gives way when more is taken than there is: as many as help, though it may not be enough."""
    awake = list(standings)
    excess = sum(each.memory for each in awake) - budget
    given = _give_way(awake, excess, now)
    return tuple(each.number for each in _idle(awake, now)) if given is None else given


def _give_way(awake: list[Standing], excess: int, now: float) -> tuple[int, ...] | None:
    """The least recently used idle ones that take so much together; None if all of them take less."""
    given: list[int] = []
    for each in _idle(awake, now):
        if excess <= 0:
            break
        excess -= each.memory
        given.append(each.number)
    return tuple(given) if excess <= 0 else None


def _idle(awake: list[Standing], now: float) -> list[Standing]:
    idle = [(each.idle_since, each) for each in awake if each.idle_since is not None]
    return [each for since, each in sorted(idle, key=lambda pair: pair[0]) if now - since >= IDLE_SECONDS]


def no_room(needed: int, standings: Iterable[Standing], budget: int) -> Reason:
    """Why a viewer waits."""
    awake = list(standings)
    taken = sum(each.memory for each in awake)
    text = (
        f"The viewer needs about {_mib(needed)}; the {len(awake)} that are awake take {_mib(taken)} of the "
        f"{_mib(budget)} for all, and none of them has been unused for {IDLE_SECONDS:.0f} s. It starts when there is "
        "room. Stop other jobs, or ask the operator for a larger memory_budget."
    )
    return Reason(code=ReasonCode.NO_CAPACITY, text=text)


def no_place(standings: Iterable[Standing], limits: Limits) -> Reason:
    """Why a viewer waits for others of its project."""
    awake = list(standings)
    allowed = [
        *([f"{limits.awake} of them awake"] if limits.awake is not None else []),
        *([f"{_mib(limits.memory)} together"] if limits.memory is not None else []),
    ]
    taken = _mib(sum(each.memory for each in awake))
    text = (
        f"{len(awake)} viewers of the project are awake and take {taken}; its quota is {' and '.join(allowed)}, and "
        f"too few of them have been unused for {IDLE_SECONDS:.0f} s. It starts when there is room."
    )
    return Reason(code=ReasonCode.NO_CAPACITY, text=text)


def over_limit(taken: int | None, limit: int) -> Reason:
    """Why a viewer was ended. `taken` None: it was kept from taking more than it may."""
    wanted = "wanted more memory than its flavor allows" if taken is None else f"took {_mib(taken)} of memory"
    allowed = f"({_mib(limit)}) and was ended" if taken is None else f"and was ended: its flavor allows {_mib(limit)}"
    text = f"The viewer {wanted} {allowed}. Choose a larger flavor or fewer logs, then restart the job."
    return Reason(code=ReasonCode.MEMORY_LIMIT, text=text)


def _mib(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"
