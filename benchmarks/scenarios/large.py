"""Two million events on the object store: from the create until all of them are served."""

import subprocess
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import obstore
from obstore.store import S3Store
from tests.support.seaweedfs import SeaweedFs

from belvedere.viewers.tensorboard.dataserver import CYCLE_FINISHED, command_line, data_server_binary
from benchmarks.asking import Asker
from benchmarks.datasets import MEDIUM, SMALL, TENTH, LogSet
from benchmarks.effort import Effort
from benchmarks.objects import for_stock, for_us, upload
from benchmarks.ours import Service, service
from benchmarks.processes import weight
from benchmarks.report import Chapter
from benchmarks.stock import stock, wait_for_everything, wait_for_viewer
from benchmarks.summary import Row, Unit, extrapolated, spread
from benchmarks.tools import stock_with

_SLOW = 0.25  # seconds between two looks at a peer that takes minutes


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds until a viewer answered and until everything was served; what was weighed then, in bytes.

    `memory`: what serves the logs: ours without the control plane, which there is one of, however many jobs there are.
    `control`: the control plane.
    """

    viewer: float
    seconds: float
    memory: float
    control: float = 0.0


def measure(effort: Effort) -> Chapter:
    """Ours several times, each on a prefix never seen before; the peers once, in full or on a tenth."""
    by_boto3, by_s3fs = stock_with("boto3"), stock_with("fsspec", "s3fs")
    logs = TENTH if effort.quick else MEDIUM
    with SeaweedFs() as server:
        tenth = f"s3://{upload(server, TENTH, 'tenth')}"
        whole = f"s3://{upload(server, logs, 'whole')}"
        ours = _ours(server, effort.of(5, 1))
        boto3 = _stock(whole, logs, by_boto3, for_stock(server))
        s3fs = _stock(tenth, TENTH, by_s3fs, for_stock(server))
        floor = [_floor(server, "bench", "medium-0/") for _ in range(effort.of(5, 1))]
    scales = {"boto3_scale": MEDIUM.events / logs.events, "s3fs_scale": MEDIUM.events / TENTH.events}
    return chapter(ours, boto3, s3fs, floor, **scales)


def chapter(
    ours: list[Outcome],
    boto3: Outcome,
    s3fs: Outcome,
    floor: list[float],
    *,
    boto3_scale: float,
    s3fs_scale: float,
) -> Chapter:
    """What was measured, summed up."""
    seconds, memory = spread([each.seconds for each in ours]), spread([each.memory for each in ours])
    all_memory = spread([each.memory + each.control for each in ours])
    sides = (("boto3", boto3, boto3_scale), ("s3fs", s3fs, s3fs_scale))
    times = [
        Row(
            what="create → all data served",
            unit=Unit.SECONDS,
            ours=seconds,
            peer=spread([extrapolated(peer.viewer, peer.seconds, scale)]),
            against=f"`tensorboard` with {library}",
            scale=scale,
            at_least=100,
        )
        for library, peer, scale in sides
    ]
    bare = Row(
        what="the same",
        unit=Unit.SECONDS,
        ours=seconds,
        peer=spread(floor),
        against="raw parallel GET, then the data server alone",
        at_least=round(1 / 1.3, 2),
    )
    weights = [
        Row(
            what=what,
            unit=Unit.BYTES,
            ours=weighed,
            peer=spread([peer.memory]),
            against=f"`tensorboard` with {library}",
            at_least=wanted,
        )
        for library, peer, scale in sides
        if scale == 1  # memory does not grow in proportion, so it is not scaled
        for what, weighed, wanted in (
            ("memory then: host, mirror, viewer", memory, 6),
            ("… with the control plane", all_memory, None),
        )
    ]
    return Chapter(
        name="large",
        title="Two million events on an object store",
        meaning=(
            "20 runs, 50 tags, 2,000 steps: 110 MB in 20 objects. All data are served when the last tag of every "
            "run shows its last step. Ours: a prefix that the service has never seen, with its mirror, viewer and "
            "gateway; its memory is that of the host with its warm parent and spare, the mirror and the viewer; "
            "the control plane, which there is one of for all jobs, is in a row of its own. A peer that takes "
            "minutes is measured once; where that was on a tenth of the runs, its time after the first answer is "
            "multiplied by ten: it reads file after file. The raw way is what no service can beat: 16 threads get "
            "the objects into files, then TensorBoard's data server reads them, without a board; 1.3 times that "
            "is asked for."
        ),
        rows=(*times, bare, *weights),
    )


def _ours(server: SeaweedFs, rounds: int) -> list[Outcome]:
    upload(server, SMALL, "small")
    places = [upload(server, MEDIUM, f"medium-{number}") for number in range(rounds)]
    with service(env=for_us(server)) as running:
        running.warm_up("obs://bench/small/")
        return [_open(running, f"obs://{place}") for place in places]


def _open(running: Service, url: str) -> Outcome:
    gateway = running.gateway()
    began = time.perf_counter()
    opened = running.create(running.api(), url)
    wait_for_viewer(gateway, opened.prefix)
    viewer = time.perf_counter() - began
    wait_for_everything(gateway, MEDIUM, opened.prefix)
    seconds = time.perf_counter() - began
    memory, everything = weight(running.host_pids()), weight(running.all_pids())
    running.delete(opened)
    return Outcome(viewer=viewer, seconds=seconds, memory=memory, control=everything - memory)


def _floor(server: SeaweedFs, bucket: str, prefix: str) -> float:
    """Seconds of the shortest way: get all objects at once, then load the files."""
    store = S3Store(
        bucket,
        endpoint=server.endpoint,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        region="us-east-1",
        client_options={"allow_http": True},
    )
    with tempfile.TemporaryDirectory(prefix="floor-") as work, ThreadPoolExecutor(16) as threads:

        def get(key: str) -> None:
            path = Path(work) / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(obstore.get(store, key).bytes())

        began = time.perf_counter()
        list(threads.map(get, [meta["path"] for page in obstore.list(store, prefix) for meta in page]))
        _load(work)
        return time.perf_counter() - began


def _load(folder: str) -> None:
    """Until the data server has read everything once."""
    command = command_line(str(data_server_binary()), folder, 60)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        next(line for line in server.stderr or () if CYCLE_FINISHED in line)
        server.kill()


def _stock(url: str, logs: LogSet, program: Path, env: Mapping[str, str]) -> Outcome:
    began = time.perf_counter()
    with stock(url, program=program, env=env) as started:
        asker = Asker(started.origin)
        wait_for_viewer(asker)
        viewer = time.perf_counter() - began
        wait_for_everything(asker, logs, pause=_SLOW)
        seconds = time.perf_counter() - began
        return Outcome(viewer=viewer, seconds=seconds, memory=weight([started.process.pid]))
