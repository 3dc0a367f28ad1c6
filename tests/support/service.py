"""A real `belvedere serve` process for tests, on free ports, with everything it leaves behind in one folder."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

START_LIMIT = 60.0  # seconds; generous, since test machines are shared
STOP_LIMIT = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Any, limit: float = START_LIMIT, pause: float = 0.05) -> Any:
    """The condition's first true value. Fails after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        if value := condition():
            return value
        assert time.monotonic() < end, f"not within {limit} s: {condition}"
        time.sleep(pause)


class BelvedereProcess:
    """`belvedere serve` in a process. Start it again after a stop or kill: ports and data stay the same."""

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
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def viewer_url(self) -> str:
        return f"http://127.0.0.1:{self.viewer_port}"

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

    def start(self) -> "BelvedereProcess":
        words = ["serve", "--data", self.data, "--port", self.port, "--viewer-port", self.viewer_port]
        command = [sys.executable, "-m", "belvedere.cli.main", *map(str, words), *self._roots, *self._flags]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
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

    def client(self) -> httpx2.Client:
        """An HTTP client with the token, based at the project's path."""
        return httpx2.Client(
            base_url=f"{self.endpoint}/v1/{self.project_id}",
            headers={"X-Auth-Token": self.token},
            timeout=60,
        )

    def create(self, name: str, train_url: str, **fields: Any) -> dict[str, Any]:
        """Create a job by the documented request; the answer."""
        with self.client() as client:
            answer = client.post("/visualization-jobs", json={"job_name": name, "train_url": train_url, **fields})
            assert answer.status_code == 200, answer.text
            created: dict[str, Any] = answer.json()
            return created

    def details(self, job_id: int) -> dict[str, Any]:
        with self.client() as client:
            found: dict[str, Any] = client.get(f"/visualization-jobs/{job_id}").json()
            return found

    def wait_for_status(self, job_id: int, *statuses: int, limit: float = START_LIMIT) -> dict[str, Any]:
        """The job's details once its status is one of these."""

        def reached() -> dict[str, Any] | None:
            details = self.details(job_id)
            return details if details.get("status") in statuses else None

        found: dict[str, Any] = wait_until(reached, limit)
        return found


def processes_of(folder: Path) -> list[str]:
    """Command lines (with pids) of all living processes that mention the folder."""
    return [f"{pid} {line}" for pid, line in _command_lines() if str(folder) in line]


def _command_lines() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                environment = (entry / "environ").read_bytes()
                words = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z":
                    yield int(entry.name), (words + b"\0" + environment).replace(b"\0", b" ").decode(errors="replace")


@contextlib.contextmanager
def running_service(folder: Path, **options: Any) -> Iterator[BelvedereProcess]:
    """A service that is started, and ended with all it started, whatever happens in between."""
    service = BelvedereProcess(folder, **options)
    service.start()
    try:
        yield service
    finally:
        service.stop()
        wait_until(lambda: not processes_of(service.data), STOP_LIMIT)
