"""TLS by certificate files that may be replaced while the service runs."""

import asyncio
import ssl
from pathlib import Path
from typing import Final

import structlog

from belvedere.server.settings import SettingsError

LOOK_SECONDS: Final = 2.0  # between two looks at the files
_log = structlog.get_logger("belvedere.server")


class Certificate:
    """A certificate with its key, and the context that new connections are made with."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """PEM files: the certificate with its chain, and its key without a password. Raises SettingsError."""
        self._files = certificate, key
        self._seen = self._stamps()
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.set_alpn_protocols(["http/1.1"])
        try:
            self.context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"tls_cert {certificate} and tls_key {key} can't be used: {_why(error)}.") from error

    def renew(self) -> bool:
        """Take the files as they are now; whether they could be used. If not, what was there before stays in force."""
        try:
            # Tried apart first: a certificate without its key, as amid a replacement, must not get into the live one.
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*self._files)
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            _log.error("tls-files-unusable", why=_why(error), certificate=str(self._files[0]))
            return False
        _log.info("tls-files-taken", certificate=str(self._files[0]))
        return True

    async def follow(self) -> None:
        """Renew whenever the files change, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            stamps = self._stamps()
            if stamps != self._seen:
                self._seen = stamps
                self.renew()

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _why(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or "they are no PEM files").replace("_", " ").lower()
