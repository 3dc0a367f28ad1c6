"""From a create to the first scalar: a small log, a warm service, and stock starts in between."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from tests.support.seaweedfs import SeaweedFs

from benchmarks.asking import Asker
from benchmarks.datasets import SMALL, log_folder
from benchmarks.effort import Effort
from benchmarks.objects import for_stock, for_us, upload
from benchmarks.ours import Service, service
from benchmarks.report import Chapter
from benchmarks.stock import OURS, stock, wait_for_scalar, wait_for_viewer
from benchmarks.summary import Row, Unit, spread
from benchmarks.tools import stock_with

_WHERE = {"local": "a local folder", "store": "an object store"}


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the user's wish to: the create's answer (0 for stock), the viewer's, and the first points."""

    answered: float
    viewer: float
    scalar: float


def measure_local(effort: Effort) -> Chapter:
    """On a local folder."""
    logs = log_folder(SMALL)
    with service(log_roots=(logs.parent,)) as running:
        ours, theirs = _alternate(running, str(logs), str(logs), effort.of(20, 5))
    return chapter("local", ours, theirs, targets=(25.0, 14.0))


def measure_store(effort: Effort) -> Chapter:
    """On the object store."""
    program = stock_with("boto3")
    with SeaweedFs() as server:
        place = upload(server, SMALL, "small")
        with service(env=for_us(server)) as running:
            ours, theirs = _alternate(
                running, f"obs://{place}", f"s3://{place}", effort.of(20, 3), program=program, env=for_stock(server)
            )
    return chapter("store", ours, theirs, targets=(None, None))


def chapter(
    where: str, ours: Sequence[Course], theirs: Sequence[Course], targets: tuple[float | None, float | None]
) -> Chapter:
    """What was measured, summed up."""
    to_viewer, to_scalar = targets
    against = "`tensorboard`" if where == "local" else "`tensorboard` with boto3"
    return Chapter(
        name=f"opening-{where}",
        title=f"Opening a small log on {_WHERE[where]}",
        meaning=(
            "One run, 5 tags, 1,000 steps. Ours: from sending the create request to a warm service; each request on a "
            "new connection. Theirs: from starting the command. A job's viewer answers only when its data are loaded, "
            "so its first answer and its first points lie close together."
        ),
        rows=(
            Row(what="create → answered", unit=Unit.SECONDS, ours=spread([each.answered for each in ours])),
            Row(
                what="create → viewer answers",
                unit=Unit.SECONDS,
                ours=spread([each.viewer for each in ours]),
                peer=spread([each.viewer for each in theirs]),
                against=against,
                at_least=to_viewer,
            ),
            Row(
                what="create → first scalar",
                unit=Unit.SECONDS,
                ours=spread([each.scalar for each in ours]),
                peer=spread([each.scalar for each in theirs]),
                against=against,
                at_least=to_scalar,
            ),
        ),
    )


def _alternate(
    running: Service,
    our_url: str,
    their_url: str,
    rounds: int,
    *,
    program: Path = OURS,
    env: Mapping[str, str] | None = None,
) -> tuple[list[Course], list[Course]]:
    running.warm_up(our_url)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_open_ours(running, our_url))
        theirs.append(_open_stock(their_url, program, env))
    return ours, theirs


def _open_ours(running: Service, url: str) -> Course:
    api, gateway = running.api(), running.gateway()
    began = time.perf_counter()
    opened = running.create(api, url)
    answered = time.perf_counter() - began
    wait_for_viewer(gateway, opened.prefix)
    viewer = time.perf_counter() - began
    wait_for_scalar(gateway, opened.prefix)
    scalar = time.perf_counter() - began
    running.delete(opened)
    return Course(answered=answered, viewer=viewer, scalar=scalar)


def _open_stock(url: str, program: Path, env: Mapping[str, str] | None) -> Course:
    began = time.perf_counter()
    with stock(url, program=program, env=env) as started:
        asker = Asker(started.origin)
        started.wait()
        viewer = time.perf_counter() - began
        wait_for_scalar(asker)
        return Course(answered=0.0, viewer=viewer, scalar=time.perf_counter() - began)
