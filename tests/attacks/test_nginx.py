"""Behind an nginx that is set up as the documentation says: what strangers say of themselves, and full jars."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from belvedere.contract.origins import ViewerOrigins
from belvedere.identity.addresses import Proxies, networks
from belvedere.identity.rates import Rates
from tests.attacks.test_places import JAR, TO_SEE
from tests.support.gateway import Stage, stage
from tests.support.nginx import needs_nginx, nginx
from tests.support.raw import exchange, statuses

pytestmark = needs_nginx
ORIGINS = ViewerOrigins(
    shared="https://viewers.example.org", each="https://*.viewers.example.org", is_known=True
)  # fmt: skip


@contextlib.asynccontextmanager
async def behind(folder: Path, rates: Rates) -> AsyncIterator[tuple[Stage, int]]:
    ours = Proxies(networks=networks(["127.0.0.1"]))
    async with stage(origins=ORIGINS, rates=rates, proxies=ours) as made:
        made.ready()
        with nginx(folder, api=1, gateway=int(made.origin.rpartition(":")[2])) as port:
            yield made, port


def asked(made: Stage, **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    host = "Host: job-1.viewers.example.org\r\nConnection: close\r\n"
    return f"GET {made.url('/x').raw_path} HTTP/1.1\r\n{host}{lines}\r\n".encode()


async def test_nobody_chooses_the_address_that_they_are_counted_by(tmp_path: Path) -> None:
    async with behind(tmp_path, Rates(address=2)) as (made, port):
        found = [
            statuses(await exchange(port, asked(made, X_Forwarded_For=f"203.0.113.{n}", Forwarded=f"for=192.0.2.{n}")))
            for n in range(6)
        ]
        assert found == [[401]] * 4 + [[429]] * 2


@pytest.mark.parametrize("cookies", [JAR, "; ".join(f"{n:04}={'v' * 4000}" for n in range(180))])
async def test_a_full_jar_is_emptied_through_it(tmp_path: Path, cookies: str) -> None:
    async with behind(tmp_path, Rates()) as (made, port):
        headers = {name.replace("-", "_"): value for name, value in TO_SEE.items()}
        answer = await exchange(port, asked(made, **headers, Cookie=cookies))
        assert statuses(answer) == [303]
        assert answer.count(b"Set-Cookie: ") > 100
