"""Prometheus metrics, each documented in `docs/how-to/operate.md`."""

import asyncio
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from belvedere.contract.statuses import JobStatus
from belvedere.host.protocol import Traffic
from belvedere.lifecycle.status import STATUS_TABLE
from belvedere.runtimes.base import Runtime
from belvedere.store.base import JobStore

_LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)  # seconds


class Metrics:
    """All metrics of one service process, in a registry of their own."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._build = Gauge("belvedere_build_info", "Always 1.", ["version"], registry=registry)
        self._build.labels(version=version).set(1)
        self._jobs = Gauge("belvedere_jobs", "Jobs by status.", ["status"], registry=registry)
        self._api = Histogram(
            "belvedere_api_request_seconds",
            "API requests.",
            ["route", "method", "status"],
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self._api_by_labels: dict[tuple[str, str, int], Histogram] = {}
        self._gateway = Histogram(
            "belvedere_gateway_request_seconds",
            "Gateway requests.",
            ["status"],
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self._gateway_by_status: dict[int, Histogram] = {}
        self._turned_away = Counter(
            "belvedere_turned_away", "Requests with a token or key that is no good.", ["shown"], registry=registry
        )
        self._host_up = Gauge("belvedere_viewer_host_up", "Whether the viewer host answers.", registry=registry)
        self._host_counters = {
            "viewer_starts": Gauge(
                "belvedere_viewer_starts", "Viewer starts since the host started.", registry=registry
            ),
            "viewer_crashes": Gauge(
                "belvedere_viewer_crashes", "Viewer crashes since the host started.", registry=registry
            ),
        }
        self._mirror_bytes = Gauge(
            "belvedere_mirror_bytes", "Bytes mirrored since the host started.", ["store"], registry=registry
        )
        self._mirror_requests = Gauge(
            "belvedere_mirror_requests", "Log source requests since the host started.", ["store"], registry=registry
        )

    def observe_api(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one API request."""
        timed = self._api_by_labels.get((route, method, status))
        if timed is None:  # finding it by its labels would take longer than counting
            timed = self._api.labels(route=route, method=method, status=str(status))
            self._api_by_labels[route, method, status] = timed
        timed.observe(seconds)

    def observe_gateway(self, status: int, seconds: float) -> None:
        """Count one gateway request."""
        timed = self._gateway_by_status.get(status)
        if timed is None:  # as above
            timed = self._gateway_by_status[status] = self._gateway.labels(status=str(status))
        timed.observe(seconds)

    def observe_stranger(self, shown: str) -> None:
        """Count one request with a token or key that is no good."""
        self._turned_away.labels(shown=shown).inc()

    async def render(self, store: JobStore, runtime: Runtime) -> bytes:
        """Everything, in Prometheus' text format."""
        counts, host = await asyncio.gather(store.count_by_status(), runtime.metrics())
        self._set_jobs(counts)
        self._host_up.set(host is not None)
        for name, gauge in self._host_counters.items():
            if host is not None:
                gauge.set(getattr(host, name))
        self._set_traffic(host.stores if host is not None else {})
        return generate_latest(self._registry)

    def _set_traffic(self, stores: Mapping[str, Traffic]) -> None:
        """Those of a host that is gone count no more."""
        self._mirror_bytes.clear()
        self._mirror_requests.clear()
        for store, traffic in stores.items():
            self._mirror_bytes.labels(store=store).set(traffic.bytes)
            self._mirror_requests.labels(store=store).set(traffic.requests)

    def _set_jobs(self, counts: Mapping[JobStatus, int]) -> None:
        for status in STATUS_TABLE:
            self._jobs.labels(status=status.name).set(counts.get(status, 0))
