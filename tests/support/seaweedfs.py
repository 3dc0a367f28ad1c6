"""A real S3 server that checks signatures: SeaweedFS from PyPI, on 127.0.0.1 and free ports."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
import msgspec
import obstore
from obstore.store import S3Store

from belvedere.sources.signing import signed_headers
from belvedere.sources.stores import ObjectStore
from tests.support.certificates import write_certificate
from tests.support.ports import free_port, free_ports

DOMAIN = "s3.test"  # buckets are served under their own names below it, too; nobody resolves it but tests
_START_SECONDS = 60.0


class SeaweedFs:
    """One server with one identity. `start` returns when a bucket can be made; `stop` ends it and removes its data.

    `public` is the bucket that can be read without keys. With `tls` it speaks https on a port of its own, too.
    """

    public = "public"

    access_key = "belvedere-test-key"
    secret_key = "belvedere-test-secret"

    def __init__(self, *, tls: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="seaweedfs-")
        self._process: subprocess.Popen[bytes] | None = None
        self._buckets: dict[str, S3Store] = {}
        port, self._ports = _arguments()
        self.endpoint = f"http://127.0.0.1:{port}"
        if tls:
            self._certificate, key = write_certificate(Path(self._folder.name), "localhost")
            self._secure_port = free_port()
            files = {"port.https": self._secure_port, "cert.file": self._certificate, "key.file": key}
            self._ports += [f"-s3.{name}={value}" for name, value in files.items()]

    def start(self) -> Self:
        """Start the server and wait until it answers."""
        root = Path(self._folder.name)
        config = root / "s3.json"
        config.write_text(json.dumps(_identities(self.access_key, self.secret_key, self.public)))
        log = (root / "log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [_weed(), "server", f"-dir={root}", *self._ports, f"-s3.config={config}", *_QUIET],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=root,
            )  # fmt: skip
        self._wait()
        return self

    def stop(self) -> None:
        """End the server by its pid and remove its data."""
        self.halt()
        self._folder.cleanup()

    def halt(self) -> None:
        """End the server; `start` brings it back with its data and under its address."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    def change_keys(self, access_key: str, secret_key: str) -> None:
        """From now on it knows this pair alone."""
        self.halt()
        self.access_key, self.secret_key = access_key, secret_key
        self._buckets.clear()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def settings(self, *, secret_key: str | None = None, access_key: str | None = None) -> ObjectStore:
        """How the service is told of this store; other keys on request."""
        return ObjectStore(
            endpoint=self.endpoint,
            access_key=self.access_key if access_key is None else access_key,
            secret_key=self.secret_key if secret_key is None else secret_key,
            allow_http=True,
        )

    def secure_settings(self) -> ObjectStore:
        """The same over https, with the file that makes its certificate trusted."""
        address, file = f"https://localhost:{self._secure_port}", str(self._certificate)
        return msgspec.structs.replace(self.settings(), endpoint=address, ca_file=file, allow_http=False)

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket; it may exist."""
        obstore.put(self._store(bucket), ".made", b"")
        obstore.delete(self._store(bucket), ".made")

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object, and the bucket with it."""
        obstore.put(self._store(bucket), key, content, use_multipart=False)

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object."""
        obstore.delete(self._store(bucket), key)

    def remove_bucket(self, bucket: str) -> None:
        """Remove a bucket and all that is in it."""
        store, path = self.settings(), f"/{bucket}"
        host = store.endpoint.removeprefix("http://")
        signed = signed_headers(store, host, path, "", datetime.now(UTC), method="DELETE")
        for page in obstore.list(self._store(bucket)):
            obstore.delete(self._store(bucket), [meta["path"] for meta in page])
        answer = httpx2.delete(store.endpoint + path, headers=signed)
        assert answer.status_code in {200, 204}, answer.text

    def versions(self, bucket: str, prefix: str) -> dict[str, str]:
        """Names of the objects below a prefix, with what tells their versions apart."""
        metas = [meta for page in obstore.list(self._store(bucket), prefix) for meta in page]
        return {meta["path"]: f"{meta['e_tag']} {meta['last_modified']}" for meta in metas}

    def _store(self, bucket: str) -> S3Store:
        if bucket not in self._buckets:
            self._buckets[bucket] = S3Store(
                bucket,
                endpoint=self.endpoint,
                access_key_id=self.access_key,
                secret_access_key=self.secret_key,
                region="us-east-1",
                client_options={"allow_http": True},
            )
        return self._buckets[bucket]

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.make_bucket("warm-up")
            except Exception as error:
                if time.monotonic() > deadline or (self._process and self._process.poll() is not None):
                    log = (Path(self._folder.name) / "log").read_text(errors="replace")[-4000:]
                    self.stop()
                    raise RuntimeError(f"SeaweedFS did not start:\n{log}") from error
                time.sleep(0.1)
            else:
                return


def _weed() -> str:
    return os.environ.get("WEED", str(Path(sys.executable).parent / "weed"))


def _identities(access_key: str, secret_key: str, public: str) -> dict[str, object]:
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    credentials = [{"accessKey": access_key, "secretKey": secret_key}]
    ours = {"name": "belvedere", "credentials": credentials, "actions": actions}
    anybody = {"name": "anonymous", "actions": [f"Read:{public}", f"List:{public}"]}
    return {"identities": [ours, anybody]}


_QUIET = ("-master.volumeSizeLimitMB=64", "-volume.max=0", "-master.volumePreallocate=false", "-master.telemetry=false")


def _arguments() -> tuple[int, list[str]]:
    """The S3 port, and all the options that keep the server on loopback."""
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
             "s3.port", "s3.port.grpc", "s3.port.iceberg", "s3.port.lance")  # fmt: skip
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    options = [
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3",
        f"-s3.domainName={DOMAIN}",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    return ports["s3.port"], options
