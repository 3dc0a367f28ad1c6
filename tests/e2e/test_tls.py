"""API and viewers over TLS, and certificates that are replaced meanwhile."""

import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.certificates import write_certificate
from tests.support.service import BelvedereProcess, wait_until

pytestmark = pytest.mark.e2e


class TlsProcess(BelvedereProcess):
    """Asks over TLS, and trusts whatever certificate there is."""

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self.endpoint}/readyz", timeout=5, verify=False).status_code == 200
        except httpx2.TransportError:
            return False


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("tls"), "first.example")


@pytest.fixture(scope="module")
def tls_service(tmp_path_factory: pytest.TempPathFactory, files: tuple[Path, Path]) -> Iterator[TlsProcess]:
    certificate, key = map(str, files)
    made = TlsProcess(tmp_path_factory.mktemp("service"), flags=("--tls-cert", certificate, "--tls-key", key))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def certificate_at(port: int) -> bytes:
    """What is shown to a new connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="first.example") as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def in_file(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def test_both_ports_speak_tls_and_links_say_so(tls_service: TlsProcess, files: tuple[Path, Path]) -> None:
    for port in (tls_service.port, tls_service.viewer_port):
        assert certificate_at(port) == in_file(files[0])
    assert tls_service.bootstrap["endpoint"] == tls_service.endpoint
    assert tls_service.bootstrap["viewer_url"].startswith("https://")


def test_the_sessions_cookie_never_crosses_a_plain_connection(tls_service: TlsProcess) -> None:
    form, ours = {"token": tls_service.token}, {"Sec-Fetch-Site": "same-origin"}
    answer = httpx2.post(f"{tls_service.endpoint}/sign-in", data=form, headers=ours, verify=False)
    assert answer.headers["Set-Cookie"].startswith("__Host-Http-belvedere_console=")
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_plain_http_gets_no_answer(tls_service: TlsProcess) -> None:
    with pytest.raises(httpx2.TransportError):
        httpx2.get(f"http://127.0.0.1:{tls_service.port}/healthz", timeout=10)


@pytest.mark.parametrize("how", ["files", "signal"])
def test_a_new_certificate_is_taken_without_a_restart(
    tls_service: TlsProcess, files: tuple[Path, Path], how: str
) -> None:
    write_certificate(files[0].parent, f"by-{how}.example")
    if how == "signal" and tls_service.process:
        tls_service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: certificate_at(tls_service.port) == in_file(files[0]), 20)
    assert certificate_at(tls_service.viewer_port) == in_file(files[0])


def test_a_broken_certificate_leaves_the_old_one_in_force(tls_service: TlsProcess, files: tuple[Path, Path]) -> None:
    before, content = certificate_at(tls_service.port), files[0].read_bytes()
    files[0].write_text("nonsense")
    wait_until(lambda: "tls-files-unusable" in tls_service.log_file.read_text(), 20)
    assert certificate_at(tls_service.port) == before
    files[0].write_bytes(content)


def test_a_certificate_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    made = BelvedereProcess(tmp_path, flags=("--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key")).launch()
    assert made.process is not None
    assert made.process.wait(30) == 2
    assert "tls_cert /nowhere.pem and tls_key /nowhere.key can't be used: no such file" in made.log_file.read_text()
