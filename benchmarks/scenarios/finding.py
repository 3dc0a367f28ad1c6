"""Twenty event files among ten thousand other objects: from the create until all their runs are shown."""

import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.logs import log_content
from tests.support.seaweedfs import SeaweedFs

from benchmarks.asking import Asker, until
from benchmarks.datasets import SMALL, run_name
from benchmarks.effort import Effort
from benchmarks.objects import BUCKET, fill, for_stock, for_us, upload
from benchmarks.ours import Service, service
from benchmarks.report import Chapter
from benchmarks.stock import stock
from benchmarks.summary import Row, Unit, spread
from benchmarks.tools import stock_with

_RUNS = 20
_FOLDERS = 50  # of checkpoints, in each run
_FILES = 10  # in each folder
_AT_MOST = 2.0  # seconds


def measure(effort: Effort) -> Chapter:
    """Both sides in turn, on the whole prefix."""
    program = stock_with("boto3")
    ours, theirs = [], []
    with SeaweedFs() as server:
        upload(server, SMALL, "small")
        fill(server, objects(effort.of(_FOLDERS, 2)))
        with service(env=for_us(server)) as running:
            running.warm_up(f"obs://{BUCKET}/small/")
            for number in range(effort.of(6, 2)):
                ours.append(_open(running, number))
                if number % 3 == 0:
                    theirs.append(_stock(program, for_stock(server)))
    return chapter(ours, theirs)


def chapter(ours: list[float], theirs: list[float]) -> Chapter:
    """What was measured, summed up."""
    row = Row(
        what="create → all 20 runs shown",
        unit=Unit.SECONDS,
        ours=spread(ours),
        peer=spread(theirs),
        against="`tensorboard` with boto3",
        at_least=20,
        at_most=_AT_MOST,
    )
    return Chapter(
        name="finding",
        title="Twenty event files among 10,000 other objects",
        meaning=(
            "20 runs on an object store, each with a small event file and 50 folders of 10 checkpoint files. Ours: a "
            "job's first look and its viewer, from the create request on, on a source that the service has never seen. "
            "Theirs: from starting the command. Both until `data/runs` names all runs."
        ),
        rows=(row,),
    )


def objects(folders: int) -> Mapping[str, bytes]:
    """Each run's event file, and checkpoints around it, by key."""
    log = log_content(20)
    found = {f"crowd/{run_name(run)}/events.out.tfevents.1750000000.host.{run}": log for run in range(_RUNS)}
    for run in range(_RUNS):
        for folder in range(folders):
            for file in range(_FILES):
                found[f"crowd/{run_name(run)}/checkpoints/step-{folder:04}/part-{file}.ckpt"] = b"weights"
    return found


def _open(running: Service, number: int) -> float:
    """A pattern that no other round has makes it a source that the service has never seen."""
    source = {"url": f"obs://{BUCKET}/crowd/", "exclude": [f"no-such-run-{number}"]}
    gateway, began = running.gateway(), time.perf_counter()
    opened = running.open_sources(running.api(), [source])
    until(lambda: _all_shown(gateway, opened.prefix))
    seconds = time.perf_counter() - began
    running.delete(opened)
    return seconds


def _stock(program: Path, env: Mapping[str, str]) -> float:
    began = time.perf_counter()
    with stock(f"s3://{BUCKET}/crowd/", program=program, env=env) as started:
        asker = Asker(started.origin)
        until(lambda: _all_shown(asker, ""), pause=0.05)
        return time.perf_counter() - began


def _all_shown(asker: Asker, prefix: str) -> bool | None:
    answer = asker.get(f"{prefix}/data/runs")
    runs = answer.json() if answer.status == 200 else []
    return True if isinstance(runs, list) and len(runs) == _RUNS else None
