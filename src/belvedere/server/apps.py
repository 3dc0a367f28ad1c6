"""From settings to the parts of a running service: what each room is given of the others."""

import importlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.types import ASGIApp

from belvedere.api.app import create_app
from belvedere.api.doors import Doors
from belvedere.api.operation import services_of
from belvedere.api.throttle import Throttle
from belvedere.console.desk import Desk
from belvedere.console.oidc_routes import Oidc, oidc_routes
from belvedere.console.routes import console_routes
from belvedere.console.rules import ConsoleRules
from belvedere.gateway.gateway import Gateway, create_gateway
from belvedere.gateway.guard import Guard, Threshold
from belvedere.gateway.rules import GatewayRules
from belvedere.host.protocol import ViewerSpec
from belvedere.identity.keys import KeySealer
from belvedere.identity.oidc import ProviderSeam
from belvedere.identity.passes import Passes
from belvedere.identity.passwords import Passwords
from belvedere.identity.rates import Rates
from belvedere.identity.records import IdentityStore
from belvedere.identity.shares import ShareStore
from belvedere.lifecycle.clock import utc_now
from belvedere.lifecycle.jobs import Job
from belvedere.lifecycle.quotas import Quotas
from belvedere.reconciler.loop import Reconciler
from belvedere.runtimes.base import Runtime
from belvedere.runtimes.board import Board
from belvedere.server.edge import Edge, EdgeRules
from belvedere.server.flavors import DEFAULT_CODE, flavors_of
from belvedere.server.health import health_routes
from belvedere.server.locating import Locator, resolve, try_store
from belvedere.server.metrics import Metrics
from belvedere.server.settings import Settings
from belvedere.server.uses import Uses
from belvedere.server.viewer_kinds import viewer_kinds
from belvedere.service.audit import Auditor
from belvedere.service.jobs import JobService
from belvedere.service.log_stores import LogStoreService, StoreCatalog
from belvedere.service.oidc import OidcService
from belvedere.service.people import People
from belvedere.service.quotas import QuotaService
from belvedere.service.rules import Hint, ServiceRules
from belvedere.service.shares import ShareService
from belvedere.service.strangers import Strangers
from belvedere.service.tokens import TokenRules
from belvedere.store.base import JobStore, LogStoreRecords
from belvedere.store.opening import Stores


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """A service, taken apart."""

    settings: Settings
    stores: Stores
    board: Board
    runtime: Runtime
    reconciler: Reconciler
    people: People
    audit: Auditor
    quotas: QuotaService
    passes: Passes
    shares: ShareService
    jobs: JobService
    log_stores: LogStoreService
    oidc: Oidc | None
    rates: Rates
    strangers: Strangers
    metrics: Metrics
    uses: Uses


def build_jobs(
    settings: Settings,
    jobs: JobStore,
    runtime: Runtime,
    board: Board,
    passes: Passes,
    hint: Hint,
    locator: Locator,
    audit: Auditor,
) -> JobService:
    """The use cases, with everything they need."""
    return JobService(
        store=jobs,
        board=board,
        passes=passes,
        rules=service_rules(settings),
        places=locator,
        hint=hint,
        read_logs=runtime.logs,
        audit=audit,
    )


def service_rules(settings: Settings) -> ServiceRules:
    """What the operator has decided about the use cases."""
    return ServiceRules(
        quota=settings.job_quota,
        origins=settings.viewer_origins,
        public_origin=settings.api_origin,
        flavors=flavors_of(settings.flavors),
        viewers=partial(viewer_kinds, settings.environments),
    )


def default_quotas(settings: Settings) -> Quotas:
    """What a project may have, unless an administrator says otherwise."""
    return Quotas(
        jobs=settings.job_quota,
        running_jobs=settings.running_quota or None,
        awake_viewers=settings.awake_quota or None,
        memory_bytes=settings.project_memory_bytes,
        mirror_bytes=settings.project_mirrors_bytes,
    )


def build_shares(
    settings: Settings, store: ShareStore, passes: Passes, jobs: JobService, audit: Auditor
) -> ShareService:
    """The use cases of share links, with everything they need."""
    return ShareService(
        store=store,
        passes=passes,
        passwords=Passwords(at_once=1),  # apart from users': nobody's sign-in waits for guesses at a link
        find=jobs.find,
        clock=utc_now,
        rules=service_rules(settings),
        audit=audit,
    )


def token_rules(settings: Settings) -> TokenRules:
    """What tokens say and how long they live."""
    return TokenRules(
        origin=settings.api_origin,
        region=settings.region,
        domain=settings.domain,
        life=timedelta(hours=settings.token_hours),
    )


def build_oidc(
    settings: Settings, store: IdentityStore, sealer: KeySealer, those: People, audit: Auditor
) -> OidcService | None:
    """Sign-in at the OpenID provider, where there is one."""
    rules = settings.oidc.rules(settings.api_origin)
    if rules is None:
        return None
    # What checks signatures takes long to load, and most services need none of it.
    asking = importlib.import_module("belvedere.identity.oidc_provider")
    provider: ProviderSeam = asking.OidcProvider(rules)
    return OidcService(rules, provider, store, those.gatekeeper, those.tokens, sealer, utc_now, audit)


def build_log_stores(
    settings: Settings, records: LogStoreRecords, catalog: StoreCatalog, runtime: Runtime, audit: Auditor
) -> LogStoreService:
    """The use cases of log stores, with everything they need."""
    return LogStoreService(
        records,
        catalog,
        clock=utc_now,
        publish=runtime.set_stores,
        try_store=partial(try_store, timeout=settings.source_check_seconds),
        resolve=resolve,
        audit=audit,
    )


def build_api(parts: Parts, first_project: str) -> Starlette:
    """API, console, health and metrics on one origin. `first_project`: the id that bootstrap.json names."""
    settings = parts.settings
    rules = ConsoleRules(
        public_origin=settings.api_origin,
        viewers=settings.viewer_origins.sources,
        viewers_share_origin=not settings.viewer_origins.each,
        data_folder=str(settings.data_folder),
        first_project=first_project,
        outside=parts.oidc.rules.title if parts.oidc else "",
        log_roots=tuple(f"{_absolute(root)}/" for root in settings.log_root),
        example_logs=_example_logs(settings),
    )
    desk = Desk(parts.people.gatekeeper, utc_now, rules, parts.audit)
    return create_app(
        services_of(parts.jobs, parts.log_stores, parts.shares, parts.people, parts.audit, parts.quotas),
        Doors(parts.people.gatekeeper, parts.people.ring, utc_now),
        throttle=Throttle(parts.rates),
        strangers=parts.strangers,
        observe=parts.metrics.observe_api,
        page_for_error=desk.page_for_error,
        routes=[
            *console_routes(
                jobs=parts.jobs,
                shares=parts.shares,
                entrance=parts.people.tokens,
                oneself=parts.people.identities,
                keys=parts.people.keys,
                board=parts.board,
                desk=desk,
            ),
            *(oidc_routes(parts.oidc, desk) if parts.oidc else ()),
            *health_routes(
                parts.stores.jobs, parts.runtime, parts.metrics, parts.people.gatekeeper, parts.strangers, utc_now
            ),
        ],
    )


def rates_of(settings: Settings) -> Rates:
    """How often somebody may ask."""
    return Rates(user=settings.user_rate, address=settings.address_rate, guesses_per_minute=settings.guess_rate)


def build_edge(parts: Parts, first_project: str) -> ASGIApp:
    """The API's application behind what every request to it meets first."""
    settings = parts.settings
    name = urlsplit(settings.api_origin).hostname or ""
    rules = EdgeRules(
        names=frozenset({*settings.allowed_hosts, name}), is_secure=settings.is_secure, proxies=settings.proxies
    )
    return Edge(build_api(parts, first_project), rules)


def _example_logs(settings: Settings) -> str:
    """A train_url of a kind that this service reads; "" if the settings name no place at all."""
    if settings.object_stores:
        return "obs://my-bucket/run-1/"
    return str(_absolute(settings.log_root[0]) / "run-1") if settings.log_root else ""


def _absolute(folder: str) -> Path:
    return Path(folder).expanduser().absolute()


def build_gateway(parts: Parts) -> Gateway:
    """The viewers' origin."""
    settings = parts.settings
    names = {name for origin in (settings.api_origin, settings.viewer_origin) if (name := urlsplit(origin).hostname)}
    rules = GatewayRules(
        origins=settings.viewer_origins,
        console_origin=settings.api_origin,
        allowed_hosts=frozenset(settings.allowed_hosts) | names,
    )
    guard = Guard(parts.rates, settings.proxies, parts.strangers)
    return create_gateway(
        board=parts.board,
        threshold=Threshold(passes=parts.passes, guard=guard, clock=utc_now),
        find_job=parts.stores.jobs.find,
        rules=rules,
        use=parts.uses.note,
        environments=settings.environments,
        observer=lambda job_id, status, seconds: parts.metrics.observe_gateway(status, seconds),
    )


def spec_builder(
    settings: Settings, locator: Locator, quotas_of: Callable[[str], Awaitable[Quotas]]
) -> Callable[[Job], Awaitable[ViewerSpec]]:
    """What to ask of a runtime for a job. Raises SourceError for a URL that the settings no longer allow."""
    flavors = {flavor.code: flavor for flavor in flavors_of(settings.flavors)}

    async def spec_of(job: Job) -> ViewerSpec:
        sources = await locator.of_job(job)
        sleep_after = _sleep_after(settings, job)
        quota = await quotas_of(job.project_id)
        return ViewerSpec(
            job_id=job.id,
            attempt=job.attempt,
            project_id=job.project_id,
            viewer_type=job.job_type,
            sources=sources,
            revision=job.revision,
            sleep_after=sleep_after,
            # It ran before: its host was lost, and a thousand such jobs must not come back as a thousand processes.
            asleep=job.run.first_ran_at is not None and sleep_after is not None,
            # A flavor that the settings no longer have is not a reason to end a job.
            memory_bytes=flavors.get(job.flavor, flavors[DEFAULT_CODE]).memory_bytes,
            project_awake=quota.awake_viewers,
            project_memory=quota.memory_bytes,
            project_mirrors=quota.mirror_bytes,
        )

    return spec_of


def _sleep_after(settings: Settings, job: Job) -> float | None:
    seconds = settings.sleep_after if job.sleep_after is None else job.sleep_after
    return float(seconds) if seconds else None
