"""Where memory could be limited, by what the kernel says."""

import pytest

from belvedere.host.cgroups import Hierarchy, hierarchies

NEW = "25 24 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
OLD = "33 30 0:31 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory"
OLD_CPU = "32 30 0:30 / /sys/fs/cgroup/cpu rw,nosuid shared:8 - cgroup cgroup rw,cpu,cpuacct"
IN_CONTAINER = "40 39 0:31 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory"


def new(own: str, *, is_top: bool = False) -> Hierarchy:
    return Hierarchy(version=2, own=own, is_top=is_top)


def old(own: str, *, is_top: bool = False) -> Hierarchy:
    return Hierarchy(version=1, own=own, is_top=is_top)


@pytest.mark.parametrize(
    ("memberships", "mounts", "found"),
    [
        ("0::/system.slice/b.service", [NEW], [new("/sys/fs/cgroup/system.slice/b.service")]),
        ("0::/", [NEW], [new("/sys/fs/cgroup", is_top=True)]),
        ("4:memory:/b\n2:cpu,cpuacct:/c", [OLD_CPU, OLD], [old("/sys/fs/cgroup/memory/b")]),
        ("4:memory:/docker/1f", [IN_CONTAINER], [old("/sys/fs/cgroup/memory", is_top=True)]),
        ("4:memory:/b\n0::/a", [OLD, NEW], [new("/sys/fs/cgroup/a"), old("/sys/fs/cgroup/memory/b")]),
        ("0::/a:b", [NEW.replace("/sys", "/a\\040b")], [new("/a b/fs/cgroup/a:b")]),
        ("0::/../other", [NEW], []),
        ("4:memory:/elsewhere", [IN_CONTAINER], []),
        ("2:cpu,cpuacct:/c", [OLD_CPU, OLD], []),
        ("0::/a", [OLD], []),
        ("", [], []),
    ],
)
def test_groups_are_found_where_we_are_and_can_see_them(
    memberships: str, mounts: list[str], found: list[Hierarchy]
) -> None:
    assert hierarchies(memberships, "\n".join(mounts)) == found
