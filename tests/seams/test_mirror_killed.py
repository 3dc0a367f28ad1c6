"""A process that mirrors, killed in the middle of everything."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from belvedere.sources.location import ObjectLocation
from belvedere.sources.objects import PAGE
from tests.support import mirror_process
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.seaweedfs import SeaweedFs

from .mirroring import PATIENCE, content

pytestmark = pytest.mark.object_store

SMALL = {f"run-{number:02}/events.out.tfevents.1": bytes([number]) * 300_000 for number in range(20)}
LARGE = {"big/events.out.tfevents.1": bytes(range(256)) * 80_000}  # 20 MB: several parts
TAILS = 2**16 + 2**12  # bytes that are compared when a file was cut short


@pytest.fixture(scope="module")
def seaweed() -> Iterator[SeaweedFs]:
    with SeaweedFs() as server:
        for number, files in enumerate((SMALL, LARGE)):
            for key, data in files.items():
                server.put("bucket", f"p{number}/{key}", data)
        yield server


def logs(folder: Path) -> dict[str, bytes]:
    """The content of the one mirror below `folder`."""
    places = list(folder.glob("*/logs"))
    return content(places[0]) if places else {}


async def start(folder: Path, proxy: FaultProxy, prefix: str, first_page: int) -> asyncio.subprocess.Process:
    location = ObjectLocation(store="default", bucket="bucket", prefix=prefix)
    task = mirror_process.Task(store=proxy.settings(), location=location, first_page=first_page)
    words = [str(mirror_process.__file__), str(folder), msgspec.json.encode(task).decode()]
    return await asyncio.create_subprocess_exec(sys.executable, *words)


async def holds(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not claim():  # noqa: ASYNC110 - another process tells nothing
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("prefix", "files", "first_page"),
    [("p0/", SMALL, PAGE), ("p1/", LARGE, PAGE), ("p0/", SMALL, 3)],
    ids=["many files", "one long file", "first look"],
)
async def test_what_a_killed_process_has_is_not_fetched_again(
    seaweed: SeaweedFs, tmp_path: Path, prefix: str, files: dict[str, bytes], first_page: int
) -> None:
    total = sum(map(len, files.values()))
    async with FaultProxy(seaweed.settings()) as proxy:
        proxy.always = Fault(bytes_per_second=1_000_000)
        process = await start(tmp_path, proxy, prefix, first_page)
        await holds(lambda: sum(map(len, logs(tmp_path).values())) > total / 3)
        process.kill()
        await process.wait()
        had = logs(tmp_path)
        assert all(files[key].startswith(data) for key, data in had.items())
        assert 0 < sum(map(len, had.values())) < total
        await asyncio.sleep(0.2)  # what the proxy is still sending to nobody
        proxy.always, proxy.sent = Fault(), 0
        process = await start(tmp_path, proxy, prefix, first_page)
        await holds(lambda: logs(tmp_path) == files)
        process.kill()
        await process.wait()
    unfinished = sum(1 for key, data in had.items() if data != files[key])
    listings = 2**15 * len([line for line in proxy.requests if "list-type" in line])
    assert proxy.sent <= total - sum(map(len, had.values())) + unfinished * TAILS + TAILS + listings
