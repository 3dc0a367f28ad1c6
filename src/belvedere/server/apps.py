"""From settings to the parts of a running service: what each room is given of the others."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette

from belvedere.api.app import create_app
from belvedere.console.routes import ConsoleRules, console_routes
from belvedere.contract.errors import BelvedereError
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.gateway.gateway import Gateway, create_gateway
from belvedere.gateway.rules import GatewayRules
from belvedere.host.protocol import ViewerSpec
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.lifecycle.clock import utc_now
from belvedere.lifecycle.jobs import Job
from belvedere.reconciler.loop import Reconciler
from belvedere.runtimes.base import Runtime
from belvedere.runtimes.board import Board
from belvedere.server.flavors import DEFAULT_CODE, flavors_of
from belvedere.server.health import health_routes
from belvedere.server.metrics import Metrics
from belvedere.server.settings import Settings
from belvedere.service.jobs import JobService
from belvedere.service.rules import Hint, ServiceRules
from belvedere.sources.base import SourceError
from belvedere.sources.checking import check, locate
from belvedere.sources.location import Location
from belvedere.store.base import JobStore
from belvedere.store.opening import Stores
from belvedere.viewers.registry import viewer_types


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """A service, taken apart."""

    settings: Settings
    stores: Stores
    board: Board
    runtime: Runtime
    reconciler: Reconciler
    gatekeeper: Gatekeeper
    jobs: JobService
    metrics: Metrics


def build_jobs(
    settings: Settings, jobs: JobStore, runtime: Runtime, board: Board, gatekeeper: Gatekeeper, hint: Hint
) -> JobService:
    """The use cases, with everything they need."""
    rules = ServiceRules(
        quota=settings.job_quota,
        viewer_origin=settings.viewer_origin,
        flavors=flavors_of(settings.flavors),
        job_types=tuple(viewer_types()),
    )
    return JobService(
        store=jobs,
        board=board,
        gatekeeper=gatekeeper,
        clock=utc_now,
        rules=rules,
        check_source=partial(_check_source, settings),
        hint=hint,
        read_logs=runtime.logs,
    )


def build_api(parts: Parts) -> Starlette:
    """API, console, health and metrics on one origin."""
    settings = parts.settings
    rules = ConsoleRules(public_origin=settings.api_origin, viewer_origin=settings.viewer_origin)
    return create_app(
        parts.jobs,
        parts.gatekeeper,
        utc_now,
        observe=parts.metrics.observe_api,
        routes=[
            *console_routes(jobs=parts.jobs, gatekeeper=parts.gatekeeper, clock=utc_now, rules=rules),
            *health_routes(parts.stores.jobs, parts.runtime, parts.metrics, parts.gatekeeper, utc_now),
        ],
    )


def build_gateway(parts: Parts) -> Gateway:
    """The viewers' origin."""
    settings = parts.settings
    ours = {name for origin in (settings.api_origin, settings.viewer_origin) if (name := urlsplit(origin).hostname)}
    rules = GatewayRules(
        public_origin=settings.viewer_origin,
        console_origin=settings.api_origin,
        allowed_hosts=frozenset(settings.allowed_hosts) | ours,
    )
    return create_gateway(
        board=parts.board,
        gatekeeper=parts.gatekeeper,
        find_job=parts.stores.jobs.find,
        clock=utc_now,
        rules=rules,
        observer=lambda job_id, status, seconds: parts.metrics.observe_gateway(status, seconds),
    )


def spec_builder(settings: Settings) -> Callable[[Job], Awaitable[ViewerSpec]]:
    """What to ask of a runtime for a job. Raises SourceError for a URL that the settings no longer allow."""
    flavors = {flavor.code: flavor for flavor in flavors_of(settings.flavors)}

    async def spec_of(job: Job) -> ViewerSpec:
        try:
            location = await _locate(settings, job.train_url)
        except BelvedereError as error:
            raise SourceError(ReasonCode.SOURCE_FORBIDDEN, error.message) from error
        sleep_after = _sleep_after(settings, job)
        return ViewerSpec(
            job_id=job.id,
            attempt=job.attempt,
            project_id=job.project_id,
            viewer_type=job.job_type,
            location=location,
            path_prefix=f"/modelarts2/{job.job_type}/{job.project_id}/{job.id}",
            revision=job.revision,
            sleep_after=sleep_after,
            # It ran before: its host was lost, and a thousand such jobs must not come back as a thousand processes.
            asleep=job.run.first_ran_at is not None and sleep_after is not None,
            # A flavor that the settings no longer have is not a reason to end a job.
            memory_bytes=flavors.get(job.flavor, flavors[DEFAULT_CODE]).memory_bytes,
        )

    return spec_of


def _sleep_after(settings: Settings, job: Job) -> float | None:
    seconds = settings.sleep_after if job.sleep_after is None else job.sleep_after
    return float(seconds) if seconds else None


async def _check_source(settings: Settings, train_url: str) -> Reason | None:
    location = await _locate(settings, train_url)
    return await check(location, settings.stores, settings.source_check_seconds)


async def _locate(settings: Settings, train_url: str) -> Location:
    return await locate(train_url, log_roots=_roots(settings), stores=tuple(settings.stores))


def _roots(settings: Settings) -> list[str]:
    return [str(Path(root).expanduser().absolute()) for root in settings.log_root]
