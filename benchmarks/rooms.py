"""Starts `programs.rooms` and `programs.upstream`, and tells where they are."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.support.ports import free_port

from benchmarks.asking import Asker, until
from benchmarks.processes import running


class Rooms(msgspec.Struct, frozen=True, kw_only=True):
    """Origins of the API, the gateway and the upstream behind it; the gateway's path to the upstream."""

    folder: Path
    api: str
    gateway: str
    upstream: str
    project_id: str
    token: str
    first_job: int

    @property
    def jobs(self) -> str:
        """URL of the project's jobs."""
        return f"{self.api}/v1/{self.project_id}/visualization-jobs"

    @property
    def shown(self) -> str:
        """URL of the upstream through the gateway."""
        return f"{self.gateway}/modelarts2/tensorboard/{self.project_id}/{self.first_job}/file"


@contextlib.contextmanager
def rooms(jobs: int) -> Iterator[Rooms]:
    """Both while the context lasts, with so many jobs in the database."""
    with tempfile.TemporaryDirectory(prefix="belvedere-rooms-") as name, contextlib.ExitStack() as stack:
        folder, socket = Path(name), f"{name}/upstream.sock"
        api, viewers, upstream = free_port(), free_port(), free_port()
        python = [sys.executable, "-m"]
        stack.enter_context(
            running([*python, "benchmarks.programs.upstream", socket, str(upstream)], folder / "upstream.log")
        )
        words = ["benchmarks.programs.rooms", name, str(api), str(viewers), str(jobs), socket]
        stack.enter_context(running([*python, *words], folder / "rooms.log"))
        until(lambda: Asker(f"http://127.0.0.1:{api}").get("/healthz"), pause=0.05, limit=180)
        yield _found(folder, api, viewers, upstream)


def _found(folder: Path, api: int, viewers: int, upstream: int) -> Rooms:
    told = json.loads((folder / "bootstrap.json").read_text())
    asker = Asker(f"http://127.0.0.1:{api}", {"X-Auth-Token": told["token"]})
    page = asker.get(f"/v1/{told['project_id']}/visualization-jobs?per_page=1&order=asc&sort_by=job_id").json()
    assert isinstance(page, dict)
    return Rooms(
        folder=folder,
        api=f"http://127.0.0.1:{api}",
        gateway=f"http://127.0.0.1:{viewers}",
        upstream=f"http://127.0.0.1:{upstream}",
        project_id=told["project_id"],
        token=told["token"],
        first_job=page["jobs"][0]["job_id"],
    )
