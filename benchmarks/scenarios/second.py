"""The second job that is opened in the same browser: what it still has to be sent."""

import asyncio
from pathlib import Path

from tests.support.chromium import CHROMIUM, browser
from tests.support.received import bytes_received

from benchmarks.datasets import SMALL, log_folder
from benchmarks.effort import Effort
from benchmarks.ours import Service, service
from benchmarks.report import Chapter
from benchmarks.stock import Stock, stock, wait_for_scalar
from benchmarks.summary import Row, Unit, spread


def measure(effort: Effort) -> Chapter:
    """Each round in a browser with a fresh profile."""
    logs = log_folder(SMALL)
    sizes: list[tuple[int, int, int]] = []
    with service(log_roots=(logs.parent,)) as running, stock(str(logs)) as one, stock(str(logs)) as other:
        for _ in range(effort.of(5, 1)):
            ours = asyncio.run(_received(_links(running, logs)))
            theirs = asyncio.run(_received(_origins(one, other)))
            sizes.append((*ours, theirs[1]))
    first, second, stocks = (spread(each) for each in zip(*sizes, strict=True))
    return Chapter(
        name="second",
        title="A second job in the same browser",
        meaning="One run, 5 tags, 1,000 steps. Bytes over the wire, with headers, until the first chart is drawn and "
        "nothing more is asked for, in Chromium, each job on an origin of its own. The first row compares it with the "
        "first job in the same browser, the other with a second TensorBoard on a port of its own.",
        rows=(
            Row(what="second job", unit=Unit.BYTES, ours=second, peer=first, against="the first", at_least=20),
            Row(what="second job", unit=Unit.BYTES, ours=second, peer=stocks, against="`tensorboard`"),
        ),
    )


def _links(running: Service, logs: Path) -> list[str]:
    links = []
    for _ in range(2):
        opened = running.create(running.api(), str(logs))
        wait_for_scalar(running.gateway(), opened.prefix)
        links.append(running.process.ask("POST", f"/{opened.job_id}/ticket").json()["url"])
    return links


def _origins(*peers: Stock) -> list[str]:
    for peer in peers:
        peer.wait()
    return [peer.origin for peer in peers]


async def _received(urls: list[str]) -> tuple[int, int]:
    if not CHROMIUM.exists():
        raise RuntimeError("This needs Debian's chromium: apt install chromium")
    async with browser() as context:
        one, other = [await bytes_received(context, url) for url in urls]
    return one, other
