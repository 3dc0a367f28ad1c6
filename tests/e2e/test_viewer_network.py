"""Viewers of every kind have a network of their own: nobody reaches their data servers, and they reach nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.host.places import places
from belvedere.lifecycle.seen import Phase
from belvedere.runtimes.local import LocalRuntime
from belvedere.viewers.environments import Environments
from belvedere.viewers.sandbox import Facet, lacks
from tests.support.installed import MINDSPORE_VALUES
from tests.support.viewers import LOGS, command, descendants, is_at_work, running, stand_up, viewer_spec

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not lacks(None).has(Facet.NETWORK), reason="this kernel gives no network namespaces"),
]

LISTENS = "0A"  # a state of TCP, as the kernel writes it


def network_of(pid: int | str) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def host_of(data: Path) -> int:
    home = str(places(data).home.parent)
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return next(pid for pid in pids if "belvedere.host " in command(pid) and home in command(pid))


async def test_each_data_server_listens_in_a_network_of_its_viewer_alone(tmp_path: Path) -> None:
    runtime = LocalRuntime(tmp_path, poll_seconds=1)
    try:
        for job_id, folder in ((1, LOGS), (2, LOGS / "exp_0")):
            await stand_up(runtime, viewer_spec(job_id, folder=folder))
        servers = running("tensorboard_data_server", descendants(host_of(tmp_path)))
        networks = {network_of(pid) for pid in servers}
        assert (len(servers), len(networks)) == (2, 2)
        assert network_of("self") not in networks
    finally:
        await runtime.close(end_viewers=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser may look from a viewer's place")
async def test_a_viewer_reaches_its_own_data_server_and_no_other_projects(tmp_path: Path) -> None:
    runtime = LocalRuntime(tmp_path, poll_seconds=1)
    try:
        for job_id in (1, 2):
            await stand_up(runtime, replace(viewer_spec(job_id), project_id=f"project-{job_id}"))
        one, other = running("tensorboard_data_server", descendants(host_of(tmp_path)))
        assert reaches(one, port_of(one))
        assert not reaches(one, port_of(other))
        assert not reaches(other, port_of(one))
        assert not reaches(os.getpid(), port_of(one))
    finally:
        await runtime.close(end_viewers=True)


@pytest.mark.parametrize("name", ["tensorboard", "mindinsight", "netron"])
async def test_every_kind_of_viewer_is_confined(name: str, tmp_path: Path, environments: Environments) -> None:
    logs = {"tensorboard": LOGS, "mindinsight": MINDSPORE_VALUES, "netron": tmp_path / "models"}[name]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.onnx").write_bytes(b"\x08\x08")
    runtime = LocalRuntime(tmp_path / "data", poll_seconds=1, viewers_folder=environments.folder)
    try:
        seen = await stand_up(runtime, viewer_spec(1, folder=logs, viewer_type=name))
        assert seen.phase is Phase.READY, seen.reason
        at_work = [pid for pid in descendants(host_of(tmp_path / "data")) if is_at_work(pid)]
        assert at_work
        for pid in at_work:
            status = Path(f"/proc/{pid}/status").read_text()
            assert network_of(pid) != network_of("self")
            assert "NoNewPrivs:\t1" in status
            assert "CapEff:\t0000000000000000" in status
            assert not lacks(None).has(Facet.CALLS) or "Seccomp:\t2" in status
    finally:
        await runtime.close(end_viewers=True)


def port_of(server: int) -> int:
    """What it listens on, as its own network tells."""
    lines = [line.split() for line in Path(f"/proc/{server}/net/tcp").read_text().splitlines()[1:]]
    (address,) = {fields[1] for fields in lines if fields[3] == LISTENS}
    return int(address.rpartition(":")[2], 16)


def reaches(pid: int, port: int) -> bool:
    """Whether a process in this one's place reaches the loopback port."""
    program = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=10)"
    words = ["nsenter", "--target", str(pid), "--net", sys.executable, "-c", program]
    return subprocess.run(words, check=False, capture_output=True, timeout=60).returncode == 0
