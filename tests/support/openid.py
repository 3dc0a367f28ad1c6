"""A real OpenID provider in a process of its own, with keys of its own, which also insists on PKCE."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import httpx2

from tests.support.ports import free_port
from tests.support.service import BelvedereProcess, wait_until


class OpenIdProvider:
    """Somebody signs in there by their subject alone. Its name is another site's than 127.0.0.1 to a browser."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.issuer = f"http://localhost:{self.port}"

    def add_person(self, subject: str, **claims: object) -> None:
        httpx2.put(f"{self.issuer}/users/{subject}", json={"org": "hill", **claims}).raise_for_status()

    def registered(self, service: BelvedereProcess, *, origin: str = "", **settings: str) -> Mapping[str, str]:
        """The settings of a service that is known to the provider from now on, by its console's origin."""
        redirect = f"{origin or service.endpoint}/sign-in/oidc/callback"
        client = httpx2.post(f"{self.issuer}/oauth2/clients", json={"redirect_uris": [redirect]}).json()
        said = {
            "issuer": self.issuer,
            "client_id": client["client_id"],
            "client_secret": client["client_secret"],
            "title": "Hill ID",
            **settings,
        }
        return {f"BELVEDERE_OIDC_{name.upper()}": value for name, value in said.items()}


@contextlib.contextmanager
def openid_provider(provider: OpenIdProvider | None = None) -> Iterator[OpenIdProvider]:
    """The provider until the block ends."""
    provider = provider or OpenIdProvider()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.support.openid_process", str(provider.port)],
        env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is None and _is_up(provider))
        yield provider
    finally:
        process.terminate()
        process.wait(10)


def _is_up(provider: OpenIdProvider) -> bool:
    try:
        return httpx2.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False
