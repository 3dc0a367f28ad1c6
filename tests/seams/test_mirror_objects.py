"""Mirrors of a real object store."""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.contract.reasons import ReasonCode
from belvedere.host.mirroring import Mirror
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.location import ObjectLocation
from belvedere.sources.opening import open_source, source_identity
from belvedere.sources.stores import ObjectStore
from tests.support.raw_keys import put_raw
from tests.support.seaweedfs import SeaweedFs
from tests.support.sloppy_stores import SloppyStore, moto, nanio, rclone

from .mirroring import EventsViewer, content, has_failed, has_note, is_complete, until, until_content

pytestmark = pytest.mark.object_store

OBS_WRITER = Path(__file__).parent.parent / "support" / "obs_writer.py"
EVENTS = "events.out.tfevents.1"
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def seaweed() -> Iterator[SeaweedFs]:
    with SeaweedFs(tls=True) as server:
        server.make_bucket("bucket")
        yield server


class Bench:
    """Mirrors of one prefix of its own, with settings that a test may change."""

    def __init__(self, server: SeaweedFs, folder: Path) -> None:
        self.server = server
        self.prefix = f"p{next(_NUMBERS)}/"
        self.store = server.settings()
        self.mirrors = FolderMirrors(
            folder,
            lambda location: open_source(location, {"default": self.store}),
            identify=lambda location: source_identity(location, {"default": self.store}),
            poll_seconds=0.05,
            give_up_seconds=0.5,
        )

    def put(self, key: str, data: bytes) -> None:
        self.server.put("bucket", self.prefix + key, data)

    def delete(self, key: str) -> None:
        self.server.delete("bucket", self.prefix + key)

    def open(self, bucket: str = "bucket") -> Mirror:
        location = ObjectLocation(store="default", bucket=bucket, prefix=self.prefix)
        return self.mirrors.open("project", location, EventsViewer())


@pytest.fixture
async def bench(seaweed: SeaweedFs, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(seaweed, tmp_path / "mirrors")
    yield made
    await made.mirrors.close()


async def test_only_wanted_files_are_copied(bench: Bench) -> None:
    bench.put(f"a/{EVENTS}", b"x" * 5_000_000)
    bench.put("a/model.ckpt", b"no")
    mirror = bench.open()
    state = await until(mirror, is_complete)
    assert content(mirror.folder) == {f"a/{EVENTS}": b"x" * 5_000_000}
    assert (state.has_logs, state.note, state.rewrites) == (True, None, 0)
    assert (state.progress.files_done, state.progress.bytes_done) == (1, 5_000_000)
    assert bench.mirrors.bytes_fetched == 5_000_000


async def test_growth_is_appended_by_its_tail(bench: Bench) -> None:
    start = bytes(range(256)) * 4000
    bench.put(EVENTS, start)
    mirror = bench.open()
    await until(mirror, is_complete)
    inode = (mirror.folder / EVENTS).stat().st_ino
    bench.put(EVENTS, start + b"more")
    await until_content(mirror, {EVENTS: start + b"more"})
    assert (mirror.state.rewrites, (mirror.folder / EVENTS).stat().st_ino) == (0, inode)
    assert bench.mirrors.bytes_fetched < len(start) + 2**17


@pytest.mark.parametrize(
    "fresh",
    [b"other", b"y" * 200_000, b"x" * 100_000 + b"y" * 200_000],
    ids=["shorter", "same size", "another tail"],
)
async def test_a_rewritten_object_is_replaced_and_counted(bench: Bench, fresh: bytes) -> None:
    bench.put(EVENTS, b"x" * 200_000)
    mirror = bench.open()
    await until(mirror, is_complete)
    bench.put(EVENTS, fresh)
    await until_content(mirror, {EVENTS: fresh})
    assert (await until(mirror, lambda state: state.rewrites > 0)).rewrites == 1


async def test_a_file_that_is_no_log_is_compared_at_its_head_too(bench: Bench) -> None:
    bench.put("labels.tsv", b"x" * 200_000)
    mirror = bench.open()
    await until(mirror, is_complete)
    fresh = b"y" + b"x" * 299_999
    bench.put("labels.tsv", fresh)
    await until_content(mirror, {"labels.tsv": fresh})


async def test_a_deleted_object_goes_and_so_does_its_folder(bench: Bench) -> None:
    bench.put(f"a/b/{EVENTS}", b"1")
    bench.put(EVENTS, b"2")
    mirror = bench.open()
    await until(mirror, is_complete)
    bench.delete(f"a/b/{EVENTS}")
    await until(mirror, lambda state: state.rewrites == 1)
    assert [path.name for path in mirror.folder.iterdir()] == [EVENTS]


async def test_a_wrong_secret_ends_the_mirror_with_a_reason(bench: Bench, seaweed: SeaweedFs) -> None:
    bench.store = seaweed.settings(secret_key="wrong")
    failure = (await until(bench.open(), has_failed)).failure
    assert failure is not None
    assert failure.code is ReasonCode.BAD_CREDENTIALS


async def test_a_store_behind_tls_is_mirrored_by_its_own_certificate(bench: Bench, seaweed: SeaweedFs) -> None:
    bench.store, data = seaweed.secure_settings(), os.urandom(12_000_000)  # longer than a part
    bench.put(EVENTS, data)
    mirror = bench.open()
    await until_content(mirror, {EVENTS: data})
    bench.put(EVENTS, data + b"more")
    await until_content(mirror, {EVENTS: data + b"more"})
    assert mirror.state.rewrites == 0


async def test_a_certificate_that_nobody_vouches_for_is_told(bench: Bench, seaweed: SeaweedFs) -> None:
    bench.store = replace(seaweed.secure_settings(), ca_file="")
    note = (await until(bench.open(), has_note)).note
    assert note is not None
    assert note.code is ReasonCode.BAD_CERTIFICATE


async def test_an_absent_bucket_ends_the_mirror_with_a_reason(bench: Bench) -> None:
    failure = (await until(bench.open("absent-bucket"), has_failed)).failure
    assert failure is not None
    assert failure.code is ReasonCode.NO_SUCH_BUCKET


async def test_a_dead_endpoint_is_a_note_first_and_the_end_when_it_lasts(bench: Bench) -> None:
    bench.store = ObjectStore(endpoint="http://127.0.0.1:9", access_key="a", secret_key="b", allow_http=True)
    mirror = bench.open()
    noted = await until(mirror, has_note)
    assert (noted.failure, noted.progress.state) == (None, "waiting")
    assert noted.progress.gives_up_at is not None
    failed = await until(mirror, has_failed)
    assert failed.failure is not None
    assert (failed.failure.code, failed.progress.gives_up_at) == (ReasonCode.SOURCE_UNREACHABLE, None)


async def test_keys_that_go_bad_later_are_a_note_and_mended_keys_take_effect(bench: Bench, seaweed: SeaweedFs) -> None:
    bench.put(EVENTS, b"1")
    mirror = bench.open()
    await until(mirror, is_complete)
    good, bench.store = bench.store, seaweed.settings(secret_key="wrong")
    bench.mirrors.renew_sources()
    noted = await until(mirror, has_note)
    assert (noted.failure, noted.has_logs) == (None, True)
    bench.store = good
    bench.put(EVENTS, b"12")
    await until_content(mirror, {EVENTS: b"12"})


async def test_an_absent_prefix_is_told_and_logs_that_come_later_are_shown(bench: Bench) -> None:
    mirror = bench.open()
    note = (await until(mirror, is_complete)).note
    assert note is not None
    assert note.code is ReasonCode.NO_SUCH_PATH
    assert note.text.startswith(f"Nothing is stored below obs://bucket/{bench.prefix} yet.")
    bench.put(EVENTS, b"1")
    await until(mirror, lambda state: state.has_logs and state.note is None)


async def test_nothing_to_show_says_what_is_there(bench: Bench) -> None:
    bench.put("a.ckpt", b"1")
    bench.put("b.ckpt", b"1")
    note = (await until(bench.open(), is_complete)).note
    assert note is not None
    assert note.code is ReasonCode.NOTHING_TO_SHOW
    assert (
        f"No TensorBoard event files below obs://bucket/{bench.prefix} yet: 2 checkpoint files are there." in note.text
    )


async def test_a_closed_mirror_is_kept_and_not_fetched_again(bench: Bench) -> None:
    bench.put(EVENTS, b"x" * 1000)
    mirror = bench.open()
    await until(mirror, is_complete)
    await mirror.close()
    again = bench.open()
    checked = again.state.progress.checked_at
    again.refresh()
    await until(again, lambda state: state.progress.checked_at != checked)
    assert content(again.folder) == {EVENTS: b"x" * 1000}
    assert bench.mirrors.bytes_fetched == 1000


async def test_of_two_that_name_one_prefix_the_second_fetches_nothing_and_stays_when_the_first_goes(
    bench: Bench,
) -> None:
    bench.put(EVENTS, b"x" * 1000)
    first, second = bench.open(), bench.open()
    await until_content(first, {EVENTS: b"x" * 1000})
    await until_content(second, {EVENTS: b"x" * 1000})
    assert bench.mirrors.bytes_fetched == 1000
    await first.close()
    bench.put(EVENTS, b"x" * 1500)
    await until_content(second, {EVENTS: b"x" * 1500})


async def test_an_unchanged_source_costs_one_request_a_pass(bench: Bench) -> None:
    bench.put(EVENTS, b"1")
    mirror = bench.open()
    checked = (await until(mirror, is_complete)).progress
    later = (await until(mirror, lambda state: state.progress.checked_at != checked.checked_at)).progress
    assert later.requests == checked.requests + 1


async def test_projector_settings_that_lead_out_are_not_copied(bench: Bench) -> None:
    bench.put("projector_config.pbtxt", b'embeddings { metadata_path: "/etc/passwd" }')
    bench.put(EVENTS, b"1")
    mirror = bench.open()
    note = (await until(mirror, is_complete)).note
    assert note is not None
    assert note.code is ReasonCode.UNSAFE_FILE
    assert set(content(mirror.folder)) == {EVENTS}


async def test_many_files_are_all_copied(bench: Bench) -> None:
    for number in range(40):
        bench.put(f"run-{number:02}/{EVENTS}", bytes([number]) * 1000)
    mirror = bench.open()
    await until(mirror, is_complete)
    assert len(content(mirror.folder)) == 40


async def test_places_nearby_that_have_logs_are_named(bench: Bench) -> None:
    whole = bench.prefix
    for key in (f"run-1/{EVENTS}", f"run-2/a/b/{EVENTS}", "other/x.ckpt", "mine/y.ckpt"):
        bench.put(key, b"1")
    bench.prefix = f"{whole}mine/"
    note = (await until(bench.open(), is_complete)).note
    assert note is not None
    assert f"There are some below obs://bucket/{whole}run-1/ and obs://bucket/{whole}run-2/." in note.text


async def test_a_key_that_cannot_be_a_file_is_named_and_hides_nothing(bench: Bench, seaweed: SeaweedFs) -> None:
    bench.put(EVENTS, b"1")
    for bad in (f"a\x01b.{EVENTS}", f"a\nb.{EVENTS}"):
        await put_raw(seaweed, "bucket", bench.prefix + bad)
    mirror = bench.open()
    note = (await until(mirror, is_complete)).note
    assert note is not None
    assert note.code is ReasonCode.UNSAFE_FILE
    assert f"Left out 'a\\nb.{EVENTS}' and 1 more" in note.text
    assert content(mirror.folder) == {EVENTS: b"1"}


@pytest.mark.parametrize("make", [rclone, nanio, moto])
async def test_sloppy_stores_end_in_the_same_bytes(make: Callable[[], SloppyStore], tmp_path: Path) -> None:
    files = {EVENTS: b"0123456789" * 1000, f"a/{EVENTS}": bytes(range(256)) * 40_000, f"b/{EVENTS}": b""}
    with make() as server:
        for key, data in files.items():
            server.put("bucket", f"p/{key}", data)
        stores = {"default": server.settings()}
        mirrors = FolderMirrors(tmp_path, lambda location: open_source(location, stores), poll_seconds=0.05)
        mirror = mirrors.open("project", ObjectLocation(store="default", bucket="bucket", prefix="p/"), EventsViewer())
        await until_content(mirror, files)
        files[EVENTS] += b"more"
        server.put("bucket", f"p/{EVENTS}", files[EVENTS])
        await until_content(mirror, files)
        files[f"a/{EVENTS}"] = b"shorter"
        server.put("bucket", f"p/a/{EVENTS}", b"shorter")
        server.delete("bucket", f"p/b/{EVENTS}")
        del files[f"b/{EVENTS}"]
        await until_content(mirror, files)
        await mirrors.close()


async def test_what_huaweis_client_writes_is_mirrored(bench: Bench, seaweed: SeaweedFs) -> None:
    mirror = bench.open()
    for size in (10, 100_000, 250_000):
        await written_by_obs_client(seaweed, bench.prefix + EVENTS, size)
        await until_content(mirror, {EVENTS: b"x" * size})
    assert mirror.state.rewrites == 0


async def written_by_obs_client(server: SeaweedFs, key: str, size: int) -> None:
    keys = {"OBS_ACCESS_KEY": server.access_key, "OBS_SECRET_KEY": server.secret_key}
    command = (sys.executable, "-W", "ignore", str(OBS_WRITER), server.endpoint, "bucket", key, str(size))
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **keys})
    assert await process.wait() == 0
