"""API and gateway as `belvedere serve` wires them, without a reconciler: no viewer starts, so only requests cost.

``python -m benchmarks.programs.rooms DATA API_PORT GATEWAY_PORT JOBS UPSTREAM``: fills the database in DATA with so
many jobs, shows the first one's viewer at the unix socket UPSTREAM, writes bootstrap.json, and serves until it is
ended.
"""

import asyncio
import sys
from pathlib import Path

import msgspec
import uvloop

from belvedere.lifecycle.clock import utc_now
from belvedere.lifecycle.jobs import Job, Run
from belvedere.lifecycle.seen import Endpoint, Phase, Seen
from belvedere.runtimes.board import Board
from belvedere.server.apps import build_api, build_gateway
from belvedere.server.bootstrap import ADMINISTRATOR, ensure_bootstrap
from belvedere.server.main import _parts, settle_memory  # so that what is measured is what is served
from belvedere.server.serving import listen, serving_asgi, serving_gateway
from belvedere.server.settings import Settings
from belvedere.store.base import JobStore, NewJob
from belvedere.store.opening import open_store

_QUOTA = 10**9
_RATE = 10**9  # counted as always, and never reached
_AT_ONCE = 32


async def serve(data: Path, api_port: int, gateway_port: int, jobs: int, upstream: str) -> None:
    """Until the process is ended."""
    settings = Settings(
        data=str(data),
        log_root=(str(data),),
        port=api_port,
        viewer_port=gateway_port,
        job_quota=_QUOTA,
        user_rate=_RATE,
        address_rate=_RATE,
    )
    with open_store(data / "belvedere.db") as stores:
        parts = _parts(settings, data, stores)
        bootstrap = await ensure_bootstrap(
            data / "bootstrap.json",
            stores.identities,
            parts.people.gatekeeper,
            parts.people.ring,
            clock=utc_now,
            api_origin=settings.api_origin,
            viewer_origin=settings.viewer_origin,
        )
        first = await _fill(stores.jobs, bootstrap.project_id, str(data), jobs)
        _show(parts.board, first, upstream)
        api = serving_asgi(build_api(parts, ""), listen("127.0.0.1", api_port, "port"))
        gateway = serving_gateway(build_gateway(parts), listen("127.0.0.1", gateway_port, "viewer-port"))
        async with api, gateway:
            await asyncio.Event().wait()


async def _fill(store: JobStore, project_id: str, folder: str, count: int) -> Job:
    """Create the jobs; the first one."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def add(number: int) -> Job:
        async with free:
            new = NewJob(
                project_id=project_id,
                name=f"job-{number}",
                description="",
                job_type="tensorboard",
                train_url=folder,
                flavor="default",
                owner=ADMINISTRATOR,
            )
            return (await store.create(new, now=utc_now(), quota=_QUOTA))[0]

    return (await asyncio.gather(*map(add, range(count))))[0]


def _show(board: Board, job: Job, upstream: str) -> None:
    """Let the job's viewer be the upstream."""
    now = utc_now()
    running = msgspec.structs.replace(job, run=Run(taken_up_at=now, submitted_at=now, running_since=now))
    endpoint = Endpoint(socket=upstream)
    board.put(running, Seen(phase=Phase.READY, attempt=job.attempt, ready_at=now, endpoint=endpoint, starts=1))


if __name__ == "__main__":
    folder, api, viewers, number, socket = sys.argv[1:]
    settle_memory()
    uvloop.run(serve(Path(folder), int(api), int(viewers), int(number), socket))
