"""Caddy in front of a service: it ends TLS, and tells who asks by X-Forwarded-For and by Forwarded."""

import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2

from tests.support.certificates import write_certificate
from tests.support.ports import free_port
from tests.support.service import wait_until

CADDY: Final = Path(sys.executable).parent / "caddy"
_CONFIGURATION: Final = """{{
    admin off
    auto_https off
    persist_config off
    storage file_system {folder}
}}
https://{console}:{port} {{
    bind 127.0.0.1
    tls {certificate} {key}
    reverse_proxy 127.0.0.1:{api} {{
        header_up Forwarded for={{remote_host}};proto=https
    }}
}}
https://{viewers}:{port}, https://*.{viewers}:{port} {{
    bind 127.0.0.1
    tls {certificate} {key}
    reverse_proxy 127.0.0.1:{gateway} {{
        header_up Forwarded for={{remote_host}};proto=https
    }}
}}
"""


class Caddy:
    """Names that browsers resolve to this machine by themselves, and other programs mostly don't."""

    console_name, viewers_name = "belvedere.localhost", "viewers.localhost"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        names = (self.console_name, self.viewers_name, f"*.{self.viewers_name}")
        self.certificate, self.key = write_certificate(folder, *names)

    @property
    def console(self) -> str:
        return f"https://{self.console_name}:{self.port}"

    @property
    def viewers(self) -> str:
        return f"https://*.{self.viewers_name}:{self.port}"

    def client(self, address: str = "127.0.0.1") -> httpx2.Client:
        """A client for any of the names, from that address of this machine; it trusts this certificate alone."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        transport = httpx2.HTTPTransport(verify=context, local_address=address)
        return httpx2.Client(base_url=f"https://127.0.0.1:{self.port}", transport=transport, timeout=30)

    def ask(
        self, method: str, url: str, *, address: str = "127.0.0.1", headers: dict[str, str] | None = None, **what: str
    ) -> httpx2.Response:
        """One request to a URL of ours, by whatever name."""
        name = httpx2.URL(url).host
        with self.client(address) as client:
            return client.request(
                method,
                f"https://127.0.0.1:{self.port}{httpx2.URL(url).raw_path.decode()}",
                headers={"Host": f"{name}:{self.port}", **(headers or {})},
                extensions={"sni_hostname": name},
                data=what or None,
            )


@contextlib.contextmanager
def caddy(proxy: Caddy, *, api: int, gateway: int) -> Iterator[Caddy]:
    """The proxy until the block ends."""
    file = proxy.folder / "Caddyfile"
    file.write_text(
        _CONFIGURATION.format(
            folder=proxy.folder / "storage", console=proxy.console_name, viewers=proxy.viewers_name, port=proxy.port,
            certificate=proxy.certificate, key=proxy.key, api=api, gateway=gateway,
        )
    )  # fmt: skip
    with (proxy.folder / "caddy.log").open("ab") as log:
        process = subprocess.Popen(
            [CADDY, "run", "--config", file], stdout=log, stderr=log, env={**os.environ, "HOME": str(proxy.folder)}
        )
    try:
        wait_until(lambda: process.poll() is None and _is_up(proxy))
        yield proxy
    finally:
        process.terminate()
        process.wait(20)


def _is_up(proxy: Caddy) -> bool:
    try:
        return proxy.ask("GET", f"{proxy.console}/healthz").status_code in {200, 502}
    except httpx2.TransportError:
        return False
