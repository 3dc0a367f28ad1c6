"""How much memory processes take: PSS, which counts a page that several share in parts. Linux only."""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

PAGE = os.sysconf("SC_PAGE_SIZE")
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def default_budget() -> int:
    """Half of what this machine, or the container that we are in, has."""
    total = os.sysconf("SC_PHYS_PAGES") * PAGE
    for name in CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # ValueError: "max"
            total = min(total, int(Path(name).read_text()))
    return total // 2


def sessions(leaders: Collection[int]) -> dict[int, list[int]]:
    """The processes of each of these sessions, by its leader."""
    found: dict[int, list[int]] = {leader: [] for leader in leaders}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                session = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[3])
                if session in found:
                    found[session].append(int(entry.name))
    return found


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """PSS in bytes by the leaders of sessions: of those over their limit, and of those that were to be weighed."""

    over: dict[int, int]
    weights: dict[int, int]


def survey(limits: Mapping[int, int | None], weighed: Collection[int]) -> Survey:
    """Look at the sessions of these leaders. Blocks for some milliseconds.

    What is resident is never less than PSS and costs little to ask, so mostly that is enough.
    """
    over, weights = {}, {}
    for leader, pids in sessions(limits).items():
        limit = limits[leader]
        suspect = limit is not None and sum(map(_resident, pids)) > limit
        if pids and (suspect or leader in weighed):
            weights[leader] = weigh(pids)
            if limit is not None and weights[leader] > limit:
                over[leader] = weights[leader]
    return Survey(over=over, weights=weights)


def weigh(pids: Collection[int]) -> int:
    """PSS of these processes together, in bytes."""
    return sum(map(_pss, pids))


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0
