"""Mirrors of a source in memory, under writers and faults."""

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belvedere.contract.reasons import ReasonCode
from belvedere.host.mirror_growth import Growth, NotWritten
from belvedere.host.mirror_safety import is_guarded, stays_inside
from belvedere.host.mirroring import Mirror
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.base import SourceDenied, SourceUnavailable
from belvedere.sources.location import ObjectLocation
from belvedere.testing.source import Fault, MemorySource

from .mirroring import EventsViewer, content, has_failed, has_note, is_complete, until, until_content

LOCATION = ObjectLocation(store="default", bucket="bucket", prefix="p/")
EVENTS = "events.out.tfevents.1"


@pytest.fixture
def source() -> MemorySource:
    return MemorySource(chunk_bytes=4)


@pytest.fixture
async def mirrors(tmp_path: Path, source: MemorySource) -> AsyncIterator[FolderMirrors]:
    made = mirrors_of(source, tmp_path / "mirrors")
    yield made
    await made.close()


def mirrors_of(source: MemorySource, folder: Path) -> FolderMirrors:
    return FolderMirrors(folder, lambda _: source, poll_seconds=0.01, give_up_seconds=0.2)


def open_mirror(mirrors: FolderMirrors) -> Mirror:
    return mirrors.open("project", LOCATION, EventsViewer())


async def test_a_cut_transfer_goes_on_where_it_stopped(mirrors: FolderMirrors, source: MemorySource) -> None:
    source.write(EVENTS, b"0123456789")
    source.fail_next([Fault.NONE, Fault.CUT])
    mirror = open_mirror(mirrors)
    await until_content(mirror, {EVENTS: b"0123456789"})
    assert source.reads[:2] == [(EVENTS, 0, 10), (EVENTS, 0, 10)]  # the second one checks 5 bytes, then brings the rest
    assert mirror.state.rewrites == 0


async def test_a_pass_that_was_killed_resumes_without_fetching_again(
    mirrors: FolderMirrors, source: MemorySource, tmp_path: Path
) -> None:
    source.chunk_bytes = 2**16
    source.write("done.tfevents", b"x" * 300_000)
    source.write("half.tfevents", b"y" * 300_000)
    mirror = open_mirror(mirrors)
    await until(mirror, is_complete)
    await mirror.close()
    with (mirror.folder / "half.tfevents").open("r+b") as file:
        file.truncate(200_000)
    (mirror.folder.parent / "incoming" / "7").write_bytes(b"left behind")
    source.reads.clear()
    other = mirrors_of(source, tmp_path / "mirrors")  # another host process
    again = open_mirror(other)
    await until(again, is_complete)
    assert content(again.folder) == source.files
    assert {key for key, _, _ in source.reads} == {"half.tfevents"}
    assert sum(end - start for _, start, end in source.reads) <= 100_000 + 2**16 + 2**12
    assert not list((again.folder.parent / "incoming").glob("7"))
    await other.close()


async def test_a_pass_cancelled_in_the_middle_leaves_valid_prefixes(
    mirrors: FolderMirrors, source: MemorySource
) -> None:
    for number in range(20):
        source.write(f"{number}.tfevents", bytes([number]) * 400)
    mirror = open_mirror(mirrors)
    await until(mirror, lambda state: state.progress.bytes_done > 0)
    await mirror.close()
    assert all(source.files[key].startswith(data) for key, data in content(mirror.folder).items())
    again = open_mirror(mirrors)
    await until_content(again, source.files)
    assert again.state.rewrites == 0


async def test_without_a_manifest_files_are_looked_at_and_not_fetched(
    mirrors: FolderMirrors, source: MemorySource
) -> None:
    source.chunk_bytes = 2**16
    source.write(EVENTS, b"x" * 500_000)
    mirror = open_mirror(mirrors)
    await until(mirror, is_complete)
    await mirror.close()
    (mirror.folder.parent / "manifest").unlink()
    fetched = mirrors.bytes_fetched
    again = open_mirror(mirrors)
    await until_content(again, source.files)
    assert mirrors.bytes_fetched - fetched <= 2**16 + 2**12


async def test_after_a_crash_of_the_machine_nothing_on_disk_is_trusted(
    mirrors: FolderMirrors, source: MemorySource
) -> None:
    source.write(EVENTS, b"x" * 100)
    mirror = open_mirror(mirrors)
    await until(mirror, is_complete)
    await mirror.close()
    manifest = mirror.folder.parent / "manifest"
    manifest.write_text(f"another-{manifest.read_text()}")
    (mirror.folder / EVENTS).write_bytes(b"\0" * 100)
    await until_content(open_mirror(mirrors), source.files)


async def test_faults_after_the_first_pass_never_end_a_mirror(mirrors: FolderMirrors, source: MemorySource) -> None:
    source.write(EVENTS, b"1")
    mirror = open_mirror(mirrors)
    await until(mirror, is_complete)
    source.refusal = SourceDenied(ReasonCode.SOURCE_FORBIDDEN, "no")
    assert (await until(mirror, has_note)).failure is None
    source.refusal = None
    source.append(EVENTS, b"2")
    await until_content(mirror, {EVENTS: b"12"})
    await until(mirror, lambda state: state.note is None)


async def test_a_source_that_never_answered_is_given_up(mirrors: FolderMirrors, source: MemorySource) -> None:
    source.refusal = SourceUnavailable(ReasonCode.SOURCE_UNREACHABLE, "gone")
    state = await until(open_mirror(mirrors), has_failed)
    assert (state.progress.state, state.complete) == ("failed", False)


async def test_a_source_is_closed_with_its_mirror(mirrors: FolderMirrors, source: MemorySource) -> None:
    mirror = open_mirror(mirrors)
    await until(mirror, is_complete)
    await mirror.close()
    assert source.closed


async def test_a_full_disk_is_told_and_copying_goes_on_when_there_is_room(
    mirrors: FolderMirrors, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, full = Growth.write, True

    def refuse(growth: Growth, chunk: bytes) -> None:
        if full and growth.size >= 4:
            raise NotWritten(OSError(errno.ENOSPC, "No space left on device"))
        write(growth, chunk)

    monkeypatch.setattr(Growth, "write", refuse)
    source.write(EVENTS, b"0123456789")
    mirror = open_mirror(mirrors)
    state = await until(mirror, has_note)
    assert state.note is not None
    assert (state.note.code, state.failure) == (ReasonCode.DISK_FULL, None)
    assert content(mirror.folder) == {EVENTS: b"0123"}
    full = False
    await until_content(mirror, source.files)


async def test_keys_that_cannot_be_files_are_left_out_by_name(mirrors: FolderMirrors, source: MemorySource) -> None:
    source.write("../../escape.tfevents", b"x")
    source.write(EVENTS, b"1")
    mirror = open_mirror(mirrors)
    note = (await until(mirror, is_complete)).note
    assert note is not None
    assert "'../../escape.tfevents'" in note.text
    assert content(mirror.folder) == {EVENTS: b"1"}
    assert not list(mirror.folder.parent.parent.parent.rglob("escape*"))


@pytest.mark.parametrize(
    "key",
    ["with space.tfevents", "a%2fb/%2e%2e.tfevents", "größe/日本.tfevents", "q?x=1#2&y.tfevents", "a..b/...tfevents"],
)
async def test_an_odd_key_is_a_file_of_just_that_name(mirrors: FolderMirrors, source: MemorySource, key: str) -> None:
    source.write(key, b"odd")
    mirror = open_mirror(mirrors)
    assert (await until(mirror, is_complete)).note is None
    assert content(mirror.folder) == {key: b"odd"}


@pytest.mark.parametrize(
    "key",
    [
        "../tfevents",
        "a/../../tfevents",
        "/etc/tfevents",
        "a//tfevents",
        "a/./tfevents",
        "a\x01.tfevents",
        "a\n.tfevents",
        f"{'k/' * 508}.tfevents",
    ],
    ids=["parent", "far up", "absolute", "no name", "self", "control", "line", "1,025 bytes"],
)
async def test_a_key_that_can_be_no_file_is_named_and_written_nowhere(
    mirrors: FolderMirrors, source: MemorySource, tmp_path: Path, key: str
) -> None:
    source.write(key, b"bad")
    source.write("good.tfevents", b"good")
    mirror = open_mirror(mirrors)
    note = (await until(mirror, is_complete)).note
    assert note is not None
    assert repr(key)[:100] in note.text
    assert content(mirror.folder) == {"good.tfevents": b"good"}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"bad"]


async def test_a_key_that_ends_in_two_dots_is_no_log_and_written_nowhere(
    mirrors: FolderMirrors, source: MemorySource, tmp_path: Path
) -> None:
    source.write("a.tfevents/..", b"bad")
    source.write("good.tfevents", b"good")
    mirror = open_mirror(mirrors)
    await until(mirror, is_complete)
    assert content(mirror.folder) == {"good.tfevents": b"good"}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"bad"]


async def test_a_key_of_1024_bytes_is_a_file(mirrors: FolderMirrors, source: MemorySource) -> None:
    key = f"{'k/' * 507}x.tfevents"
    assert len(key.encode()) == 1024
    source.write(key, b"long")
    mirror = open_mirror(mirrors)
    await until_content(mirror, {key: b"long"})


async def test_keys_that_differ_in_case_or_spelling_alone_keep_their_own_bytes(
    mirrors: FolderMirrors, source: MemorySource
) -> None:
    files = {
        key: key.encode() for key in ("Run/a.tfevents", "run/a.tfevents", "run/\xe9.tfevents", "run/e\u0301.tfevents")
    }
    for key, data in files.items():
        source.write(key, data)
    mirror = open_mirror(mirrors)
    await until_content(mirror, files)


async def test_of_a_file_and_a_folder_of_one_name_the_folder_is_shown_and_the_file_named(
    mirrors: FolderMirrors, source: MemorySource
) -> None:
    source.write("a.tfevents", b"file")
    source.write("a.tfevents/b.tfevents", b"below")
    mirror = open_mirror(mirrors)
    note = (await until(mirror, is_complete)).note
    assert note is not None
    assert "'a.tfevents'" in note.text
    assert content(mirror.folder) == {"a.tfevents/b.tfevents": b"below"}


async def test_a_file_that_becomes_a_folder_and_back_is_followed(mirrors: FolderMirrors, source: MemorySource) -> None:
    mirror = open_mirror(mirrors)
    for key in ("a.tfevents", "a.tfevents/b.tfevents", "a.tfevents"):
        for old in source.files:
            source.remove(old)
        source.write(key, key.encode())
        await until_content(mirror, {key: key.encode()})


KEYS = st.sampled_from(["a.tfevents", "b/c.tfevents", "b/d.tfevents", "projector_config.pbtxt"])
WRITES = st.tuples(
    st.sampled_from(["append", "overwrite", "write", "remove", "rename"]), KEYS, st.binary(max_size=12), st.booleans()
)
Write = tuple[str, str, bytes, bool]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WRITES, max_size=12), st.lists(st.sampled_from(list(Fault)), max_size=20))
def test_once_faults_stop_the_mirror_equals_the_source_and_no_reader_ever_saw_anything_else(
    writes: list[Write], faults: list[Fault]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_survives(writes, faults, Path(folder)))


async def _survives(writes: list[Write], faults: list[Fault], folder: Path) -> None:
    source = MemorySource(chunk_bytes=3, page_size=2)
    for key in ("a.tfevents", "b/c.tfevents", "b/c/far.tfevents"):  # more than a page
        source.write(key, b"start of a")
    mirrors = FolderMirrors(folder, lambda _: source, poll_seconds=0.002, give_up_seconds=60)
    mirror = open_mirror(mirrors)
    source.fail_next(faults)
    watching = asyncio.create_task(_watch(mirror, source))
    for kind, key, data, pauses in writes:
        _write(source, kind, key, data)
        await asyncio.sleep(0.006 if pauses else 0)
    source.fail_next([])
    await until_content(
        mirror, {key: data for key, data in source.files.items() if not is_guarded(key) or stays_inside(data)}
    )
    watching.cancel()
    await asyncio.wait([watching])
    assert watching.cancelled(), watching.exception()
    await mirrors.close()


def _write(source: MemorySource, kind: str, key: str, data: bytes) -> None:
    actions: dict[str, Callable[[], None]] = {
        "append": lambda: source.append(key, data),
        "overwrite": lambda: source.write(key, data + source.files.get(key, b"") + b"."),  # longer, and another
        "write": lambda: source.write(key, data),
        "remove": lambda: source.remove(key),
        "rename": lambda: _rename(source, key),
    }
    actions[kind]()


def _rename(source: MemorySource, key: str) -> None:
    content = source.files.get(key)
    if content is not None:
        source.write(f"b/{key}", content)
        source.remove(key)


async def _watch(mirror: Mirror, source: MemorySource) -> None:
    """A reader who looks at all times and never sees bytes that were not the beginning of some version."""
    while True:
        for key, seen in content(mirror.folder).items():
            assert any(version.startswith(seen) for version in source.versions[key]), (key, seen)
        await asyncio.sleep(0.001)
