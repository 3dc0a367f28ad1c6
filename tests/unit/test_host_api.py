"""The control API in process: what it answers, and what it refuses. No viewer is started."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace

from belvedere.contract import limits
from belvedere.host.app import ControlApi
from belvedere.host.children import Children
from belvedere.host.host import Host
from belvedere.host.lately import Lately
from belvedere.host.launching import ColdLauncher
from belvedere.host.mirroring import Mirror
from belvedere.host.places import Places, listening_socket
from belvedere.host.protocol import HOST_HEADER, PROTOCOL, Changes, HostInfo, SourceSpec, ViewerSpec
from belvedere.host.supervisor import Surroundings
from belvedere.lifecycle.jobs import End
from belvedere.lifecycle.seen import ABSENT, Phase, Seen
from belvedere.sources.base import Meter
from belvedere.sources.location import Location, ObjectLocation
from belvedere.sources.selecting import Selection
from belvedere.sources.stores import ObjectStore
from belvedere.viewers.base import ViewerType
from belvedere.viewers.environments import Environments
from tests.support.viewers import viewer_spec

SPEC = viewer_spec(5, attempt=2, viewer_type="none-such")
STORE = ObjectStore(endpoint="http://127.0.0.1:1", access_key="a", secret_key="s")


class NoMirrors:
    """Mirrors of a host that has no viewers."""

    def __init__(self) -> None:
        self.traffic = {"default": Meter(), "": Meter()}
        self.traffic["default"].count(requests=3, size=12)

    def open(self, project_id: str, location: Location, viewer: ViewerType) -> Mirror:
        raise AssertionError("nothing should be mirrored")

    def limit(self, project_id: str, most: int | None) -> None:
        """It will not matter."""

    async def close(self) -> None:
        """Nothing is open."""


class Control:
    """The API on a socket, and what reached the host's owner."""

    def __init__(self, folder: Path) -> None:
        self.stores: list[ObjectStore] = []
        self.shut_down = 0
        self.host = Host(
            Surroundings(
                places=Places(home=folder, run=folder),
                children=Children(folder, sweeps=False),
                launcher=ColdLauncher(),
                mirrors=NoMirrors(),
                viewer_types=dict,
                environments=Environments(folder),
                lately=Lately(folder / "lately"),
            )
        )
        self.api = ControlApi(self.host, self._info, self.stores.extend, self._shut_down)

    def _info(self) -> HostInfo:
        now = datetime.now(UTC)
        return HostInfo(host_id="h", protocol=PROTOCOL, version="1", pid=1, started_at=now, viewers=len(self.host))

    def _shut_down(self) -> None:
        self.shut_down += 1

    async def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        async with self.session.request(method, f"http://host{path}", data=body and io.BytesIO(body)) as response:
            return response.status, await response.read()

    session: aiohttp.ClientSession


@pytest.fixture
async def control(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Control]:
    folder = tmp_path_factory.mktemp("c")
    control = Control(folder)
    runner = web.AppRunner(control.api.application(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listening_socket(folder / "s")).start()
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(folder / "s"))) as control.session:
        yield control
    await control.host.close()
    await runner.cleanup()


def encoded(spec: ViewerSpec) -> bytes:
    return msgspec.json.encode(spec)


async def ensured(control: Control, spec: ViewerSpec = SPEC) -> tuple[int, Seen]:
    status, body = await control.ask("PUT", f"/v1/viewers/{spec.job_id}", encoded(spec))
    return status, msgspec.json.decode(body, type=Seen)


async def test_a_host_introduces_itself(control: Control) -> None:
    _, body = await control.ask("GET", "/v1/host")
    assert msgspec.json.decode(body, type=HostInfo).protocol == PROTOCOL


async def test_stores_are_handed_over(control: Control) -> None:
    await control.ask("PUT", "/v1/stores", msgspec.json.encode([STORE]))
    assert control.stores == [STORE]


async def test_an_unknown_viewer_type_is_seen_as_failed(control: Control) -> None:
    await ensured(control)
    (seen,) = (await control.ask("GET", "/v1/viewers"))[1:]
    found = msgspec.json.decode(seen, type=dict[int, Seen])[5]
    assert (found.phase, found.end, found.attempt) == (Phase.FAILED, End.SUBMIT, 2)


async def test_an_older_attempt_is_refused_with_what_stands(control: Control) -> None:
    await ensured(control)
    status, seen = await ensured(control, viewer_spec(5, attempt=1))
    assert (status, seen.attempt) == (409, 2)


async def test_what_is_not_there_is_absent(control: Control) -> None:
    status, body = await control.ask("DELETE", "/v1/viewers/9")
    assert (status, msgspec.json.decode(body, type=Seen)) == (200, ABSENT)


async def test_a_question_from_the_beginning_names_all_jobs_at_once(control: Control) -> None:
    await ensured(control)
    _, body = await control.ask("GET", "/v1/changes?after=0")
    assert msgspec.json.decode(body, type=Changes).job_ids == [5]


async def test_a_change_ends_the_wait_for_one(control: Control) -> None:
    cursor = (await control.host.changes(0, 0)).cursor
    control.host.ensure(SPEC)
    assert (await control.host.changes(cursor, 60)).job_ids == [5]


async def test_a_cursor_of_another_host_gets_all_jobs(control: Control) -> None:
    control.host.ensure(SPEC)
    assert (await control.host.changes(2**52, 60)).job_ids == [5]


async def test_metrics_hold_the_mirrors_counters(control: Control) -> None:
    assert b'"stores":{"default":{"requests":3,"bytes":12}}' in (await control.ask("GET", "/v1/metrics"))[1]


async def test_a_shutdown_reaches_the_owner(control: Control) -> None:
    await control.ask("POST", "/v1/shutdown")
    assert control.shut_down == 1


async def test_a_question_makes_the_host_wanted(control: Control) -> None:
    await control.ask("GET", "/v1/host")
    assert control.api.idle_seconds < 3600


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/viewers/5", b""),
        ("PUT", "/v1/viewers/5", b"not json"),
        ("PUT", "/v1/viewers/5", b"[]"),
        ("PUT", "/v1/viewers/5", b'{"job_id": 5}'),
        ("PUT", "/v1/viewers/5", b"[" * 100_000),
        ("PUT", "/v1/viewers/5", b'{"job_id": "\xff"}'),
        ("PUT", "/v1/viewers/6", encoded(SPEC)),
        ("PUT", "/v1/viewers/five", encoded(SPEC)),
        ("DELETE", "/v1/viewers/-1", None),
        ("DELETE", f"/v1/viewers/{2**63}", None),
        ("GET", "/v1/viewers/5/logs?tail=-1", None),
        ("GET", "/v1/changes?after=x", None),
        ("PUT", "/v1/stores", b'{"endpoint": 1}'),
    ],
)
async def test_bad_input_is_refused_with_a_sentence(control: Control, method: str, path: str, body: bytes) -> None:
    status, answer = await control.ask(method, path, body)
    assert status == 400
    assert msgspec.json.decode(answer)["error"].endswith(".")
    assert len(control.host) == 0


async def test_a_question_that_is_meant_for_another_host_is_not_answered(control: Control) -> None:
    for host, status in (("h", 200), ("another", 421)):
        async with control.session.get("http://host/v1/viewers", headers={HOST_HEADER: host}) as response:
            assert response.status == status


async def test_only_the_wanted_jobs_are_looked_at(control: Control) -> None:
    await ensured(control)
    await ensured(control, viewer_spec(6, viewer_type="none-such"))
    _, body = await control.ask("GET", "/v1/viewers?ids=6,7")
    assert set(msgspec.json.decode(body, type=dict[int, Seen])) == {6}


async def test_use_of_anything_is_taken_note_of(control: Control) -> None:
    assert await control.ask("POST", "/v1/uses", b"[5,6,7]") == (200, b"{}")


@pytest.mark.parametrize("body", [b"", b"{}", b'["a"]', b"[1.5]"])
async def test_use_of_nonsense_is_refused(control: Control, body: bytes) -> None:
    assert (await control.ask("POST", "/v1/uses", body))[0] == 400


async def test_the_largest_job_that_the_contract_allows_fits(control: Control) -> None:
    patterns = ("\U0010ffff" * limits.PATTERN_LENGTH,) * limits.PATTERNS
    place = ObjectLocation(
        store="s", bucket="b", prefix="p" * 1024, selection=Selection(include=patterns, exclude=patterns)
    )
    sources = tuple(SourceSpec(name=f"{number}", location=place) for number in range(limits.SOURCES))
    spec = replace(SPEC, sources=sources)
    assert (await control.ask("PUT", "/v1/viewers/5", msgspec.json.encode(spec)))[0] == 200
