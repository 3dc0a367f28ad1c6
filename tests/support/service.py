"""A real `belvedere serve` process for tests, on free ports, with everything it leaves behind in one folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tests.support.ports import free_port
from tests.support.processes import Process, processes_of, viewers_among

START_LIMIT = 60.0  # seconds; generous, since test machines are shared
STOP_LIMIT = 20.0

Value = TypeVar("Value")


def wait_until(condition: Callable[[], Value], limit: float = START_LIMIT, pause: float = 0.05) -> Value:
    """The condition's first true value. Fails after `limit` seconds."""
    end = time.monotonic() + limit
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {limit} s: {condition}; it is {value!r}"
        time.sleep(pause)
    return value


class BelvedereProcess:
    """`belvedere serve` in a process. Start it again after a stop or kill: ports and data stay the same.

    Whatever it starts, at any depth, bears the data folder's name at the end of its PATH, and so can be counted.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log_roots: tuple[Path, ...] = (),
        env: Mapping[str, str] | None = None,
        flags: tuple[str, ...] = (),
    ) -> None:
        self.data = folder / "data"
        self.log_file = folder / "serve.log"
        self.port, self.viewer_port = free_port(), free_port()
        self._roots = [word for root in log_roots for word in ("--log-root", str(root))]
        self._flags = flags
        self._env = {**os.environ, **(env or {})}
        self._env["PATH"] = f"{self._env['PATH']}{os.pathsep}{self.data}"
        self.process: subprocess.Popen[bytes] | None = None

    def add_flags(self, *flags: str) -> None:
        """Flags for the next start, such as those that name its ports."""
        self._flags = (*self._flags, *flags)

    def add_variables(self, variables: Mapping[str, str]) -> None:
        """Variables of its environment from the next start on."""
        self._env |= variables

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def viewer_url(self) -> str:
        return f"http://127.0.0.1:{self.viewer_port}"

    def browser_url(self, job: Mapping[str, Any]) -> str:
        """Where browsers see the job: its service URL on an origin of its own."""
        own = f"http://job-{job['job_id']}.belvedere.localhost:{self.viewer_port}"
        return str(job["service_url"]).replace(self.viewer_url, own)

    @property
    def bootstrap(self) -> dict[str, str]:
        loaded: dict[str, str] = json.loads((self.data / "bootstrap.json").read_text())
        return loaded

    @property
    def project_id(self) -> str:
        return self.bootstrap["project_id"]

    @property
    def token(self) -> str:
        return self.bootstrap["token"]

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Auth-Token": self.token}

    # The process

    def launch(self) -> "BelvedereProcess":
        """Start it, and don't wait until it can be asked."""
        words = ["serve", "--data", self.data, "--port", self.port, "--viewer-port", self.viewer_port]
        command = [sys.executable, "-m", "belvedere.cli.main", *map(str, words), *self._roots, *self._flags]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def start(self) -> "BelvedereProcess":
        """Start it; it can be asked when this returns."""
        self.launch()
        wait_until(self._is_ready)
        return self

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"serve ended: {self.log_file.read_text()[-3000:]}"
        try:
            return httpx2.get(f"{self.endpoint}/readyz", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def signal(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STOP_LIMIT)

    def kill(self) -> None:
        """As a power cut would: kill -9 of the control plane alone."""
        self.signal(signal.SIGKILL)

    def stop(self) -> int:
        """As Ctrl-C: the service ends, and all viewers with it."""
        if self.process is None or self.process.poll() is not None:
            self.start()  # what it left running is ended by itself only
        return self.signal(signal.SIGINT)

    def processes(self) -> list[Process]:
        """All that lives of it."""
        return processes_of(self.data)

    def host(self) -> Process:
        """The viewer host."""
        (host,) = [process for process in self.processes() if process.is_host]
        return host

    def viewers(self) -> set[int]:
        """Process ids of the TensorBoards."""
        return {process.pid for process in viewers_among(self.processes())}

    # Its API

    def client(self) -> httpx2.Client:
        """An HTTP client with the token, based at the project's path."""
        return httpx2.Client(base_url=f"{self.endpoint}/v1/{self.project_id}", headers=self.headers, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """One request below the project's jobs: "" is all of them, "/7/stop" stops one."""
        with self.client() as client:
            return client.request(method, f"/visualization-jobs{path}", json=body, headers=headers)

    def create(self, name: str, train_url: str | Path, **fields: Any) -> dict[str, Any]:
        """Create a job by the documented request; the answer."""
        answer = self.ask("POST", "", {"job_name": name, "train_url": str(train_url), **fields})
        assert answer.status_code == 200, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def run(self, name: str, train_url: str | Path, **fields: Any) -> dict[str, Any]:
        """Create a job; its details once it runs."""
        return self.wait_for_status(self.create(name, train_url, **fields)["job_id"], 8)

    def act(self, job_id: int, verb: str) -> None:
        """`stop` or `restart` it."""
        answer = self.ask("POST", f"/{job_id}/{verb}")
        assert answer.status_code == 200, answer.text

    def delete(self, job_id: int) -> None:
        """Delete it; it is gone when this returns."""
        answer = self.ask("DELETE", f"/{job_id}")
        assert answer.status_code == 200, answer.text
        wait_until(lambda: self.ask("GET", f"/{job_id}").status_code == 404)

    def details(self, job_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/{job_id}").json()
        return found

    def wait_for_status(self, job_id: int, *statuses: int, limit: float = START_LIMIT) -> dict[str, Any]:
        """The job's details once its status is one of these."""
        return self.wait_for(job_id, lambda details: details.get("status") in statuses, limit)

    def wait_for_reason(self, job_id: int, code: str | None, limit: float = START_LIMIT) -> dict[str, Any]:
        """The job's details once its reason has this code."""
        return self.wait_for(job_id, lambda details: (details.get("reason") or {}).get("code") == code, limit)

    def wait_for(self, job_id: int, wanted: Callable[[dict[str, Any]], bool], limit: float) -> dict[str, Any]:
        """The job's details once they are as wanted."""
        last: dict[str, Any] = {}

        def reached() -> bool:
            nonlocal last
            last = self.details(job_id)
            return wanted(last)

        try:
            wait_until(reached, limit)
        except AssertionError as error:
            raise AssertionError(f"not within {limit} s; it is {last}\n{self.log_file.read_text()[-2000:]}") from error
        return last

    # Its viewers

    def view(self, service_url: str, path: str = "", **parameters: str) -> httpx2.Response:
        """A script's request to a viewer."""
        return httpx2.get(service_url + path, params=parameters, headers=self.headers, timeout=60)

    def curve(self, service_url: str, *, run: str = ".", tag: str = "loss") -> list[list[float]]:
        """A curve's points [wall time, step, value], as TensorBoard gives them; none while it doesn't know the tag."""
        answer = self.view(service_url, "data/plugin/scalars/scalars", run=run, tag=tag)
        points: list[list[float]] = answer.json() if answer.status_code == 200 else []
        return points


@contextlib.contextmanager
def running_service(folder: Path, **options: Any) -> Iterator[BelvedereProcess]:
    """A service that is started, and ended with all it started, whatever happens in between."""
    service = BelvedereProcess(folder, **options)
    service.start()
    try:
        yield service
    finally:
        if service.processes():
            service.stop()
        try:
            wait_until(lambda: not service.processes(), STOP_LIMIT)
        finally:
            for process in service.processes():
                process.kill()
