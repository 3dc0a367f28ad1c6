"""Mirrors of a real object store behind a line that fails in every way we know."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belvedere.host.mirroring import Mirror
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.location import ObjectLocation
from belvedere.sources.opening import open_source
from belvedere.sources.wire import Connection
from tests.support.fault_proxy import PASS, Fault, FaultProxy
from tests.support.seaweedfs import SeaweedFs

from .mirroring import EventsViewer, content, has_note, is_complete, until, until_content

pytestmark = pytest.mark.object_store

EVENTS = "events.out.tfevents.1"
LONG = bytes(range(256)) * 50_000  # 12.8 MB: several parts
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def seaweed() -> Iterator[SeaweedFs]:
    with SeaweedFs() as server:
        server.make_bucket("bucket")
        yield server


class Line:
    """Mirrors of one prefix of its own, through a proxy."""

    def __init__(self, server: SeaweedFs, proxy: FaultProxy, folder: Path, poll_seconds: float = 0.02) -> None:
        self.server, self.proxy = server, proxy
        self.prefix = f"p{next(_NUMBERS)}/"
        self.versions: dict[str, list[bytes]] = {}
        self.files: dict[str, bytes] = {}
        stores = {"default": proxy.settings()}
        self.mirrors = FolderMirrors(folder, lambda place: open_source(place, stores), poll_seconds=poll_seconds)

    def write(self, key: str, data: bytes) -> None:
        self.versions.setdefault(key, []).append(data)
        self.server.put("bucket", self.prefix + key, data)
        self.files[key] = data

    def remove(self, key: str) -> None:
        if self.files.pop(key, None) is not None:
            self.server.delete("bucket", self.prefix + key)

    def open(self) -> Mirror:
        location = ObjectLocation(store="default", bucket="bucket", prefix=self.prefix)
        return self.mirrors.open("project", location, EventsViewer())


@pytest.fixture
async def line(seaweed: SeaweedFs, tmp_path: Path) -> AsyncIterator[Line]:
    async with FaultProxy(seaweed.settings()) as proxy:
        made = Line(seaweed, proxy, tmp_path)
        yield made
        await made.mirrors.close()


FAULTS = {
    "503": Fault(status=503),
    "429": Fault(status=429, retry_after=0),
    "reset at once": Fault(reset_after=0),
    "reset in the middle": Fault(reset_after=700),
    "longer than said": Fault(longer_by=-200),
    "shorter than said": Fault(longer_by=200),
    "stale": Fault(stale=True),
    "500": Fault(status=500),
    "clocks that differ": Fault(status=403, body="<Error><Code>RequestTimeTooSkewed</Code></Error>"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_fault_is_survived_wherever_it_strikes(line: Line, fault: Fault) -> None:
    line.write(EVENTS, b"0123456789" * 100)
    line.proxy.spoil([fault, PASS, fault, PASS, fault])
    mirror = line.open()
    await until_content(mirror, line.files)
    line.write(EVENTS, b"0123456789" * 200)
    line.proxy.spoil([fault, fault, PASS, fault])
    await until_content(mirror, line.files)
    assert mirror.state.failure is None
    assert mirror.state.rewrites == 0


async def test_a_long_file_that_is_cut_goes_on_where_it_stopped(line: Line) -> None:
    line.write(EVENTS, LONG)
    line.proxy.spoil([PASS, PASS, PASS, Fault(reset_after=1_000_000)])
    mirror = line.open()
    await until_content(mirror, line.files)
    assert mirror.state.rewrites == 0
    assert line.proxy.sent < 1.8 * len(LONG)  # the parts that were whole before the cut one came once


async def test_a_line_that_breaks_every_time_gets_there(line: Line) -> None:
    line.write(EVENTS, LONG[:6_000_000])
    line.proxy.always = Fault(reset_after=700_000)
    await until_content(line.open(), line.files)


async def test_a_slow_line_shows_a_valid_prefix_with_a_rate_and_a_time_left(line: Line) -> None:
    data = bytes(range(250)) * 400
    line.write(EVENTS, data)
    line.proxy.spoil([PASS, Fault(bytes_per_second=20_000)])
    mirror = line.open()
    state = await until(mirror, lambda state: state.progress.rate is not None)
    assert state.progress.state == "copying"
    assert state.progress.seconds_left is not None
    seen = content(mirror.folder)[EVENTS]
    assert 0 < len(seen) < len(data)
    assert data.startswith(seen)


async def test_a_kilobyte_a_second_is_slow_and_no_fault(line: Line) -> None:
    line.write(EVENTS, b"0123456789" * 300)
    line.proxy.spoil([PASS, Fault(bytes_per_second=1000)])
    mirror = line.open()
    await until_content(mirror, line.files)
    assert (mirror.state.note, mirror.state.failure, mirror.state.rewrites) == (None, None, 0)


async def test_a_line_that_falls_silent_is_told_and_tried_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection.__init__, "__kwdefaults__", {"silence": 0.5})
    line.write(EVENTS, b"0123456789" * 300)
    line.proxy.spoil([PASS, Fault(bytes_per_second=10)])
    mirror = line.open()
    note = (await until(mirror, has_note)).note
    assert note is not None
    assert "does not answer in time" in note.text
    await until_content(mirror, line.files)
    assert (mirror.state.failure, mirror.state.rewrites) == (None, 0)


async def test_an_overloaded_store_is_told_with_the_next_try(line: Line) -> None:
    line.write(EVENTS, b"1")
    mirror = line.open()
    await until(mirror, is_complete)
    line.proxy.always = Fault(status=429, retry_after=30)
    state = await until(mirror, has_note)
    assert state.note is not None
    assert "overloaded (429)" in state.note.text
    progress = state.progress
    assert (progress.state, progress.failures) == ("waiting", 1)
    assert progress.next_look_at is not None
    assert progress.checked_at is not None
    assert progress.next_look_at - progress.checked_at >= 29_000


KEYS = st.sampled_from(["a.tfevents", "b/c.tfevents", "b/d.tfevents"])
WRITES = st.tuples(
    st.sampled_from(["append", "rewrite", "write", "remove", "rename"]), KEYS, st.binary(max_size=40), st.booleans()
)
Write = tuple[str, str, bytes, bool]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WRITES, max_size=8), st.lists(st.sampled_from([PASS, *FAULTS.values()]), max_size=20))
def test_once_faults_stop_the_mirror_equals_the_store_and_no_reader_ever_saw_anything_else(
    seaweed: SeaweedFs, writes: list[Write], faults: list[Fault]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_survives(seaweed, writes, faults, Path(folder)))


async def _survives(server: SeaweedFs, writes: list[Write], faults: list[Fault], folder: Path) -> None:
    async with FaultProxy(server.settings()) as proxy:
        line = Line(server, proxy, folder, poll_seconds=0.005)
        line.write("a.tfevents", b"start of a")
        proxy.spoil(faults)
        mirror = line.open()
        watching = asyncio.create_task(_watch(mirror, line))
        for kind, key, data, pauses in writes:
            await asyncio.to_thread(_write, line, kind, key, data)
            await asyncio.sleep(0.02 if pauses else 0)
        proxy.spoil([])
        await until_content(mirror, line.files)
        watching.cancel()
        await asyncio.wait([watching])
        assert watching.cancelled(), watching.exception()
        await line.mirrors.close()


def _write(line: Line, kind: str, key: str, data: bytes) -> None:
    before = line.files.get(key, b"")
    actions: dict[str, Callable[[], None]] = {
        "append": lambda: line.write(key, before + data),
        "rewrite": lambda: line.write(key, data + before + b"."),  # longer, and another
        "write": lambda: line.write(key, data),
        "remove": lambda: line.remove(key),
        "rename": lambda: _rename(line, key, before),
    }
    actions[kind]()


def _rename(line: Line, key: str, data: bytes) -> None:
    line.write(f"{key}.new", data)
    line.remove(key)


async def _watch(mirror: Mirror, line: Line) -> None:
    while True:
        for key, seen in content(mirror.folder).items():
            assert any(version.startswith(seen) for version in line.versions[key]), (key, seen)
        await asyncio.sleep(0.002)
