"""Viewers have a network of their own: nobody else on the machine can reach their data servers."""

from pathlib import Path

import pytest

from belvedere.host.places import places
from belvedere.runtimes.local import LocalRuntime
from belvedere.viewers.sandbox import Facet, lacks
from tests.support.viewers import LOGS, command, descendants, running, stand_up, viewer_spec

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not lacks(None).has(Facet.NETWORK), reason="this kernel gives no network namespaces"),
]


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
