"""What every log source owes its readers: the folder, the object store and the fake alike."""

import asyncio
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest
from msgspec.structs import replace
from yarl import URL

from belvedere.contract.errors import BelvedereError, LogSourceForbidden, LogSourceRefused
from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import Entry, LogSource, SourceChanged, SourceDenied, SourceMissing, SourceUnavailable
from belvedere.sources.checking import check
from belvedere.sources.folder import FolderSource
from belvedere.sources.location import FolderLocation, ObjectLocation
from belvedere.sources.object_errors import refused
from belvedere.sources.opening import open_source
from belvedere.sources.signing import encoded_path, signed_headers
from belvedere.sources.stores import Addressing, ObjectStore
from belvedere.testing.source import MemorySource
from tests.support.fault_proxy import FaultProxy
from tests.support.raw_keys import put_raw
from tests.support.seaweedfs import DOMAIN, SeaweedFs
from tests.support.sloppy_stores import SloppyStore, moto, nanio, rclone

LONG = bytes(range(256)) * 40_000  # 10 MB: several chunks


@pytest.fixture(scope="module")
def seaweed() -> Iterator[SeaweedFs]:
    with SeaweedFs() as server:
        yield server


class Rig(Protocol):
    """A source and a way to write to it."""

    source: LogSource

    def put(self, key: str, content: bytes) -> None: ...


class MemoryRig:
    def __init__(self) -> None:
        self._memory = MemorySource()
        self.source: LogSource = self._memory

    def put(self, key: str, content: bytes) -> None:
        self._memory.write(key, content)


class FolderRig:
    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self.source: LogSource = FolderSource(FolderLocation(path=str(self._folder), root=str(self._folder)))

    def put(self, key: str, content: bytes) -> None:
        (self._folder / key).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / key).write_bytes(content)


class ObjectRig:
    prefix = "a run/%2f ü/"
    buckets = 0

    def __init__(self, server: SeaweedFs) -> None:
        ObjectRig.buckets += 1
        self._server, self._bucket = server, f"conformance-{ObjectRig.buckets}"
        server.make_bucket(self._bucket)
        location = ObjectLocation(store="default", bucket=self._bucket, prefix=self.prefix)
        self.source: LogSource = open_source(location, {"default": server.settings()})

    def put(self, key: str, content: bytes) -> None:
        self._server.put(self._bucket, self.prefix + key, content)


class SloppyRig:
    """A store that bends the protocol; one prefix of it."""

    prefixes = 0

    def __init__(self, server: SloppyStore) -> None:
        SloppyRig.prefixes += 1
        self._server, self._prefix = server, f"p{SloppyRig.prefixes}/"
        location = ObjectLocation(store="default", bucket="bucket", prefix=self._prefix)
        self.source: LogSource = open_source(location, {"default": server.settings()})

    def put(self, key: str, content: bytes) -> None:
        self._server.put("bucket", self._prefix + key, content)


@pytest.fixture(scope="module")
def rclone_server() -> Iterator[SloppyStore]:
    with rclone() as server:
        yield server


@pytest.fixture(scope="module")
def nanio_server() -> Iterator[SloppyStore]:
    with nanio() as server:
        yield server


@pytest.fixture(scope="module")
def moto_server() -> Iterator[SloppyStore]:
    with moto() as server:
        yield server


STORES = [pytest.param(name, marks=pytest.mark.object_store) for name in ("objects", "rclone", "nanio", "moto")]


@pytest.fixture(params=["memory", "folder", *STORES])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    make: dict[str, Callable[[], Rig]] = {
        "memory": MemoryRig,
        "folder": lambda: FolderRig(tmp_path),
        "objects": lambda: ObjectRig(request.getfixturevalue("seaweed")),
        "rclone": lambda: SloppyRig(request.getfixturevalue("rclone_server")),
        "nanio": lambda: SloppyRig(request.getfixturevalue("nanio_server")),
        "moto": lambda: SloppyRig(request.getfixturevalue("moto_server")),
    }
    made = make[request.param]()
    yield made
    await made.source.close()


async def listed(source: LogSource) -> dict[str, Entry]:
    return {entry.key: entry async for page in source.list() for entry in page}


async def read(source: LogSource, key: str, start: int, end: int) -> bytes:
    return b"".join([bytes(chunk) async for chunk in source.read(key, start, end)])


async def test_an_empty_location_can_be_probed_and_lists_nothing(rig: Rig) -> None:
    await rig.source.probe()
    assert await listed(rig.source) == {}


async def test_all_files_at_any_depth_are_listed_with_their_sizes(rig: Rig, request: pytest.FixtureRequest) -> None:
    _needs_odd_names(request)
    for key in ("a", "b/c", "b/d/e f", "b/%2e", "ü"):
        rig.put(key, b"12345")
    found = await listed(rig.source)
    assert {key: entry.size for key, entry in found.items()} == dict.fromkeys(("a", "b/c", "b/d/e f", "b/%2e", "ü"), 5)
    assert all(entry.modified.tzinfo is not None for entry in found.values())


async def test_more_files_than_a_page_are_all_listed_once(rig: Rig) -> None:
    keys = {f"k{number:04}" for number in range(1050)}
    for key in keys:
        rig.put(key, b"")
    pages = [entry.key async for page in rig.source.list() for entry in page]
    assert len(pages) == len(keys)
    assert set(pages) == keys


def _needs_odd_names(request: pytest.FixtureRequest) -> None:
    if "nanio" in request.node.name:
        pytest.skip("nanio checks signatures of odd names wrongly")


async def test_a_range_is_read_exactly(rig: Rig) -> None:
    rig.put("f", b"0123456789")
    assert await read(rig.source, "f", 2, 5) == b"234"


async def test_odd_names_can_be_read(rig: Rig, request: pytest.FixtureRequest) -> None:
    _needs_odd_names(request)
    for key in ("b/d/e f", "b/%2e", "ü", "q?x=1#y"):
        rig.put(key, key.encode())
        assert await read(rig.source, key, 0, 100) == key.encode()


async def test_a_long_file_comes_in_bounded_chunks(rig: Rig) -> None:
    rig.put("f", LONG)
    chunks = [bytes(chunk) async for chunk in rig.source.read("f", 0, len(LONG))]
    assert b"".join(chunks) == LONG
    assert max(map(len, chunks)) <= 2**23


@pytest.mark.parametrize(("start", "end"), [(0, len(LONG)), (5, 70_000), (len(LONG) - 3, len(LONG) + 9), (7, 7)])
async def test_what_is_poured_is_what_is_read(rig: Rig, start: int, end: int) -> None:
    rig.put("f", LONG)
    written = bytearray()
    counts = [count async for count in rig.source.pour("f", start, end, written.extend)]
    assert (bytes(written), sum(counts)) == (LONG[start:end], len(LONG[start:end]))


@pytest.mark.object_store
async def test_several_long_files_are_poured_at_a_time_without_parts(seaweed: SeaweedFs) -> None:
    seaweed.put("bucket", "p/long", LONG)
    async with opened(seaweed.settings()) as source:
        written = [bytearray() for _ in range(4)]
        await asyncio.gather(*(_poured(source, each) for each in written))
        assert (set(map(bytes, written)), source.meter.requests) == ({LONG}, 4)


async def _poured(source: LogSource, written: bytearray) -> None:
    async for _ in source.pour("long", 0, len(LONG), written.extend):
        pass


@pytest.mark.parametrize(("start", "end", "expected"), [(8, 20, b"89"), (10, 20, b""), (15, 20, b""), (3, 3, b"")])
async def test_a_range_past_the_end_yields_what_there_is(rig: Rig, start: int, end: int, expected: bytes) -> None:
    rig.put("f", b"0123456789")
    assert await read(rig.source, "f", start, end) == expected


async def test_an_absent_file_is_missing(rig: Rig) -> None:
    rig.put("f", b"")
    with pytest.raises(SourceMissing) as error:
        await read(rig.source, "absent", 0, 1)
    assert error.value.reason.code is ReasonCode.NO_SUCH_PATH


async def test_a_changed_file_has_another_tag_or_size(rig: Rig) -> None:
    rig.put("f", b"1")
    before = (await listed(rig.source))["f"]
    rig.put("f", b"12")
    after = (await listed(rig.source))["f"]
    assert (before.tag, before.size) != (after.tag, after.size)


@asynccontextmanager
async def opened(store: ObjectStore, bucket: str = "bucket", prefix: str = "p/") -> AsyncIterator[LogSource]:
    source = open_source(ObjectLocation(store="default", bucket=bucket, prefix=prefix), {"default": store})
    try:
        yield source
    finally:
        await source.close()


@pytest.mark.object_store
@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [
        ({"access_key": "unknown"}, ReasonCode.BAD_CREDENTIALS, "does not know the access key"),
        ({"secret_key": "wrong-secret"}, ReasonCode.BAD_CREDENTIALS, "does not accept the secret key"),
        ({"access_key": "", "secret_key": ""}, ReasonCode.SOURCE_FORBIDDEN, "forbidden to requests without keys"),
    ],
)
async def test_wrong_keys_are_told_apart_and_never_shown(
    seaweed: SeaweedFs, keys: dict[str, str], code: ReasonCode, words: str
) -> None:
    seaweed.make_bucket("bucket")
    async with opened(seaweed.settings(**keys)) as source:
        with pytest.raises(SourceDenied, match=words) as error:
            await source.probe()
    assert error.value.reason.code is code
    assert not any(key in error.value.reason.text for key in keys.values() if key)


@pytest.mark.object_store
async def test_an_absent_bucket_is_named(seaweed: SeaweedFs) -> None:
    async with opened(seaweed.settings(), "absent-bucket") as source:
        with pytest.raises(SourceMissing, match="bucket 'absent-bucket' does not exist") as error:
            await source.probe()
    assert error.value.reason.code is ReasonCode.NO_SUCH_BUCKET


@pytest.mark.object_store
async def test_an_absent_bucket_is_named_when_an_object_is_read(seaweed: SeaweedFs) -> None:
    async with opened(seaweed.settings(), "absent-bucket") as source:
        with pytest.raises(SourceMissing) as error:
            await read(source, "k", 0, 1)
    assert error.value.reason.code is ReasonCode.NO_SUCH_BUCKET


@pytest.mark.object_store
@pytest.mark.parametrize("bad", ["x//y", "a\nb", "a\x01b", "", "/"])
async def test_one_hostile_key_hides_nothing(seaweed: SeaweedFs, bad: str) -> None:
    seaweed.make_bucket("hostile")
    prefix = f"p{abs(hash(bad))}/"
    for key in ("a", bad, "z"):
        await put_raw(seaweed, "hostile", prefix + key)
    async with opened(seaweed.settings(), "hostile", prefix) as source:
        assert {"a", "z"} <= set(await listed(source))


@pytest.mark.object_store
async def test_a_long_object_that_changes_while_it_is_read_is_told(seaweed: SeaweedFs) -> None:
    seaweed.put("bucket", "p/changing", LONG * 4)
    async with opened(seaweed.settings()) as source:
        chunks = source.read("changing", 0, len(LONG) * 4)
        assert LONG.startswith(await anext(chunks))
        seaweed.put("bucket", "p/changing", b"other" * len(LONG))
        with pytest.raises(SourceChanged):
            async for _ in chunks:
                pass


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://127.0.0.1:9", "connection refused"),
        ("http://no.such.host.invalid", "host name is unknown"),
    ],
)
async def test_a_dead_endpoint_is_unreachable(endpoint: str, words: str) -> None:
    store = ObjectStore(endpoint=endpoint, access_key="a", secret_key="b", allow_http=True)
    async with opened(store) as source:
        with pytest.raises(SourceUnavailable, match=words) as error:
            await source.probe()
    assert error.value.reason.code is ReasonCode.SOURCE_UNREACHABLE


@pytest.mark.object_store
async def test_https_to_a_plain_server_is_told(seaweed: SeaweedFs) -> None:
    store = ObjectStore(endpoint=seaweed.endpoint.replace("http", "https"), access_key="a", secret_key="b")
    async with opened(store) as source:
        with pytest.raises(SourceUnavailable, match="does not speak https") as error:
            await source.probe()
    assert error.value.reason.code is ReasonCode.WRONG_ENDPOINT


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of 127.0.0.1's own, and a server's context with it."""
    key, found = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=store -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(["openssl", *words.split(), "-keyout", key, "-out", found], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(found, key)
    return found, context


@pytest.mark.object_store
async def test_a_certificate_of_ones_own_is_trusted_once_the_store_has_its_file(
    seaweed: SeaweedFs, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    seaweed.put("bucket", "p/f", b"0123456789")
    file, context = certificate
    async with FaultProxy(seaweed.settings(), context) as proxy:
        store = replace(proxy.settings(), allow_http=False)
        async with opened(replace(store, ca_file=str(file))) as source:
            assert await read(source, "f", 2, 5) == b"234"
        async with opened(store) as source:
            with pytest.raises(SourceUnavailable, match="Give the store its CA file") as error:
                await source.probe()
    assert error.value.reason.code is ReasonCode.BAD_CERTIFICATE


@pytest.mark.object_store
async def test_a_bucket_is_found_under_a_host_name_of_its_own(
    seaweed: SeaweedFs, monkeypatch: pytest.MonkeyPatch
) -> None:
    seaweed.put("bucket", "p/f ü", b"0123456789")
    resolve, asked = socket.getaddrinfo, []

    def here(host: str, *others: object, **more: object) -> object:
        asked.append(host)
        return resolve("127.0.0.1", *others, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", here)
    endpoint = seaweed.endpoint.replace("127.0.0.1", DOMAIN)
    async with opened(replace(seaweed.settings(), endpoint=endpoint, addressing=Addressing.VIRTUAL_HOST)) as source:
        assert "f ü" in await listed(source)
        assert await read(source, "f ü", 2, 5) == b"234"
    assert set(asked) == {f"bucket.{DOMAIN}"}


async def test_an_endpoint_that_is_no_object_store_is_told() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        store = ObjectStore(endpoint=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", allow_http=True)
        async with opened(store) as source:
            with pytest.raises(SourceUnavailable, match="is no object store") as error:
                await source.probe()
    assert error.value.reason.code is ReasonCode.WRONG_ENDPOINT


@pytest.mark.object_store
async def test_clocks_that_differ_are_told(seaweed: SeaweedFs) -> None:
    store, path = seaweed.settings(), encoded_path("/bucket/p/f")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    signed = signed_headers(store, store.endpoint.removeprefix("http://"), path, "", an_hour_ago)
    async with aiohttp.ClientSession() as session:
        answer = await session.get(URL(store.endpoint + path, encoded=True), headers=signed)
        place = ObjectLocation(store="default", bucket="bucket", prefix="p/")
        error = refused(answer.status, await answer.text(), {}, place, store, "p/f")
    assert "the clocks differ" in error.reason.text


def test_plain_http_has_to_be_allowed() -> None:
    store = ObjectStore(endpoint="http://127.0.0.1:9", access_key="a", secret_key="b")
    with pytest.raises(SourceMissing, match="http://, which is not allowed") as error:
        open_source(ObjectLocation(store="default", bucket="bucket", prefix=""), {"default": store})
    assert error.value.reason.code is ReasonCode.STORE_NOT_CONFIGURED


def test_a_store_that_nobody_configured_is_named() -> None:
    with pytest.raises(SourceMissing, match="'other' is not configured"):
        open_source(ObjectLocation(store="other", bucket="bucket", prefix=""), {})


def folder_source(folder: Path, root: Path) -> FolderSource:
    return FolderSource(FolderLocation(path=str(folder.resolve()), root=str(root.resolve())))


async def test_a_folder_follows_links_inside_its_root_only(tmp_path: Path) -> None:
    (tmp_path / "root" / "run").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"s")
    (tmp_path / "root" / "inside").write_bytes(b"i")
    (tmp_path / "root" / "run" / "good").symlink_to("../inside")
    (tmp_path / "root" / "run" / "bad").symlink_to(tmp_path / "secret")
    source = folder_source(tmp_path / "root" / "run", tmp_path / "root")
    assert set(await listed(source)) == {"good"}
    with pytest.raises(SourceDenied, match="leads out of the allowed log root"):
        await read(source, "bad", 0, 1)


async def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "f").write_bytes(b"")
    assert set(await listed(folder_source(tmp_path, tmp_path))) == {"a/f"}


async def test_a_pipe_is_not_listed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert await listed(folder_source(tmp_path, tmp_path)) == {}


async def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(SourceMissing, match=r"f is a file, not a folder\. Name its folder, the log root\."):
        await folder_source(tmp_path / "f", tmp_path).probe()


@pytest.mark.object_store
@pytest.mark.parametrize(
    ("bucket", "secret", "error", "code"),
    [
        ("absent-bucket", None, LogSourceRefused, "ModelArts.4311"),
        ("bucket", "wrong", LogSourceForbidden, "ModelArts.4310"),
    ],
)
async def test_a_store_that_says_no_at_create_time_is_a_refusal_with_its_code(
    seaweed: SeaweedFs, bucket: str, secret: str | None, error: type[BelvedereError], code: str
) -> None:
    seaweed.make_bucket("bucket")
    location = ObjectLocation(store="default", bucket=bucket, prefix="p/")
    with pytest.raises(error) as refusal:
        await check(location, {"default": seaweed.settings(secret_key=secret)}, timeout=30)
    assert refusal.value.error_code == code


@pytest.mark.object_store
async def test_a_glance_at_create_time_sees_past_the_marks_of_empty_folders(seaweed: SeaweedFs) -> None:
    seaweed.make_bucket("bucket")
    for number in range(30):  # more than it begins with
        await put_raw(seaweed, "bucket", f"marked/{number:02}/")
    location = ObjectLocation(store="default", bucket="bucket", prefix="marked/")
    found = [await check(location, {"default": seaweed.settings()}, timeout=30)]
    seaweed.put("bucket", "marked/99/events", b"1")
    found.append(await check(location, {"default": seaweed.settings()}, timeout=30))
    assert [reason and reason.code for reason in found] == [ReasonCode.NOTHING_TO_SHOW, None]


@pytest.mark.object_store
async def test_an_absent_prefix_is_told_but_no_refusal(seaweed: SeaweedFs) -> None:
    seaweed.make_bucket("bucket")
    location = ObjectLocation(store="default", bucket="bucket", prefix="absent/")
    reason = await check(location, {"default": seaweed.settings()}, timeout=30)
    assert reason is not None
    assert reason.code is ReasonCode.NO_SUCH_PATH
    assert reason.text.startswith("Nothing is stored below obs://bucket/absent/ yet.")
