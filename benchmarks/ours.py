"""Us: `belvedere serve` as everybody runs it, asked over HTTP alone."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from tests.support.service import BelvedereProcess, running_service

from belvedere.runtimes.local import LocalRuntime
from benchmarks.asking import Asker, until
from benchmarks.processes import with_words
from benchmarks.stock import wait_for_scalar

_WARMS_UP = 3.0  # seconds; a warm parent takes one or two to import everything


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was created: its id, and its viewer's path at the gateway."""

    job_id: int
    prefix: str


class Service:
    """A running service, and what a script does with it."""

    def __init__(self, process: BelvedereProcess) -> None:
        self.process = process
        self._token = {"X-Auth-Token": process.token}
        self._jobs = f"/v1/{process.project_id}/visualization-jobs"

    def api(self) -> Asker:
        """A connection to the API."""
        return Asker(self.process.endpoint, self._token)

    def gateway(self) -> Asker:
        """A connection to the viewers' origin."""
        return Asker(self.process.viewer_url, self._token)

    @property
    def jobs_path(self) -> str:
        """Where the API has this project's jobs."""
        return self._jobs

    @property
    def token(self) -> str:
        """What to send as X-Auth-Token."""
        return self.process.token

    def create(self, api: Asker, train_url: str, **more: object) -> Opened:
        """Create a job."""
        return self._create(api, {"train_url": train_url, **more})

    def open_sources(self, api: Asker, sources: Sequence[Mapping[str, object]]) -> Opened:
        """Create a job of several sources, or of one with patterns."""
        return self._create(api, {"sources": sources})

    def _create(self, api: Asker, fields: Mapping[str, object]) -> Opened:
        answer = api.post(self._jobs, {"job_name": "bench", **fields})
        if answer.status != 200:
            raise RuntimeError(f"The create was refused: {answer.status} {answer.body.decode()}")
        created = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
        job_id = msgspec.json.decode(created["job_id"], type=int)
        return Opened(job_id=job_id, prefix=self.prefix(job_id))

    def prefix(self, job_id: int) -> str:
        """The job's path at the gateway."""
        return f"/modelarts2/tensorboard/{self.process.project_id}/{job_id}"

    def delete(self, *opened: Opened) -> None:
        """Delete jobs, and wait until they are gone with their viewers."""
        api = self.api()
        for each in opened:
            api.ask("DELETE", f"{self._jobs}/{each.job_id}")
        for each in opened:
            until(lambda path=f"{self._jobs}/{each.job_id}": True if api.get(path).status == 404 else None, 0.01)  # type: ignore[misc]
        api.close()

    def host_pids(self) -> list[int]:
        """The viewer host; the warm parent and all viewers are its descendants."""
        return with_words("belvedere.host", str(self.process.data))

    def data_servers(self) -> list[int]:
        """One for each viewer that is awake."""
        return with_words("tensorboard_data_server", str(self.process.data))

    def all_pids(self) -> list[int]:
        """Control plane and viewer host."""
        assert self.process.process is not None
        return [self.process.process.pid, *self.host_pids()]

    def viewers_known(self) -> int:
        """How many viewers the host has, asleep or awake."""

        async def ask() -> int:
            runtime = LocalRuntime(self.process.data)
            info = await runtime.host()
            await runtime.close(end_viewers=False)
            return info.viewers if info else 0

        return asyncio.run(ask())

    def cut_power(self) -> None:
        """Kill the control plane, the host and all that it has started; they are gone when this returns."""
        self.process.kill()
        for pid in self.host_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: None if self.process.processes() else True, 0.01)

    def warm_up(self, train_url: str) -> None:
        """Until its first viewers have been shown, and its warm parent has had time to get ready."""
        for pause in (_WARMS_UP, 0.0):
            opened = self.create(self.api(), train_url)
            wait_for_scalar(self.gateway(), opened.prefix)
            self.delete(opened)
            time.sleep(pause)


# Counted as always, and never reached: a benchmark is one user at one address.
_LIMITS = {
    "BELVEDERE_JOB_QUOTA": "100000",
    "BELVEDERE_USER_RATE": "1000000",
    "BELVEDERE_ADDRESS_RATE": "1000000",
}


@contextlib.contextmanager
def service(*, log_roots: tuple[Path, ...] = (), env: Mapping[str, str] | None = None) -> Iterator[Service]:
    """A service that runs while the context lasts, in a folder of its own."""
    settings = {**_LIMITS, "BELVEDERE_LOG_LEVEL": "warning", **(env or {})}
    with (
        tempfile.TemporaryDirectory(prefix="belvedere-bench-") as folder,
        running_service(Path(folder), log_roots=log_roots, env=settings) as process,
    ):
        yield Service(process)
