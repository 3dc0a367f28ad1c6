"""nginx in front of a service, set up as our documentation says."""

import contextlib
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.ports import free_port
from tests.support.service import wait_until

NGINX: Final = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or shutil.which("nginx")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx: apt install nginx")
_PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "service.md"
_AROUND: Final = """daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{sample}
}}
"""


def sample() -> str:
    """The configuration as it stands in the documentation."""
    found = re.search(r"```nginx\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@contextlib.contextmanager
def nginx(folder: Path, *, api: int, gateway: int) -> Iterator[int]:
    """The port where it listens, without TLS, until the block ends."""
    port = free_port()
    ours = sample().replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    ours = ours.replace("127.0.0.1:8080", f"127.0.0.1:{api}").replace("127.0.0.1:8081", f"127.0.0.1:{gateway}")
    file = folder / "nginx.conf"
    file.write_text(_AROUND.format(folder=folder, sample=ours), encoding="utf-8")
    assert NGINX
    process = subprocess.Popen([NGINX, "-c", file, "-p", folder, "-e", folder / "error.log"])
    try:
        wait_until(lambda: process.poll() is None and _is_up(port))
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _is_up(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
