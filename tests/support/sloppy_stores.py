"""S3 servers that are less strict than most: rclone's ``serve s3``, nanio and moto, on 127.0.0.1 and free ports.

rclone answers ranges with status 200, nanio one past the end with 400; neither knows all conditions. moto looks at no
signature, and keeps all in memory.
"""

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import obstore
from obstore.store import S3Store

from belvedere.sources.stores import ObjectStore
from tests.support.ports import free_port, wait_for_port

ACCESS_KEY = "belvedere-test-key"
SECRET_KEY = "belvedere-test-secret"


class SloppyStore:
    """A server over a folder of its own, with one bucket, ``bucket``."""

    def __init__(self, command: Callable[[Path, int], list[str]], environment: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sloppy-")
        self._port = free_port()
        self._environment = {**os.environ, **environment}
        program, *rest = command(Path(self._folder.name), self._port)
        self._command = [str(Path(sys.executable).parent / program), *rest]
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        (Path(self._folder.name) / "bucket").mkdir()
        self._process = subprocess.Popen(
            self._command, env=self._environment, cwd=self._folder.name,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for_port(self._port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
        self._folder.cleanup()

    def settings(self) -> ObjectStore:
        """How the service is told of this store."""
        return ObjectStore(endpoint=self.endpoint, access_key=ACCESS_KEY, secret_key=SECRET_KEY, allow_http=True)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object."""
        obstore.put(self._store(bucket), key, content, use_multipart=False)

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object."""
        obstore.delete(self._store(bucket), key)

    def _store(self, bucket: str) -> S3Store:
        return S3Store(
            bucket, endpoint=self.endpoint, access_key_id=ACCESS_KEY, secret_access_key=SECRET_KEY, region="us-east-1",
            client_options={"allow_http": True},
        )  # fmt: skip


def rclone() -> SloppyStore:
    """rclone over a folder."""
    return SloppyStore(_rclone, {"RCLONE_CONFIG": os.devnull})


class _Moto(SloppyStore):
    def __enter__(self) -> Self:
        super().__enter__()
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/bucket", method="PUT"), timeout=30).close()
        return self


def moto() -> SloppyStore:
    """moto's server, as many test suites start it."""
    return _Moto(_moto, {})


def nanio() -> SloppyStore:
    """nanio over a folder."""
    return SloppyStore(_nanio, {"NANIO_ACCESS_KEY": ACCESS_KEY, "NANIO_SECRET_KEY": SECRET_KEY})


def _rclone(folder: Path, port: int) -> list[str]:
    keys = f"{ACCESS_KEY},{SECRET_KEY}"
    return ["rclone", "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--auth-key", keys]


def _moto(_: Path, port: int) -> list[str]:
    return ["moto_server", "-H", "127.0.0.1", "-p", str(port)]


def _nanio(folder: Path, port: int) -> list[str]:
    return ["nanio", "serve", "--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
