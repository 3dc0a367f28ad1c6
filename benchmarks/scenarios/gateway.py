"""The gateway against configurable-http-proxy, in front of the same upstream, under the same load."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.support.ports import free_port

from benchmarks.asking import Asker, until
from benchmarks.effort import Effort
from benchmarks.load import Load, Throughput, apply
from benchmarks.processes import running
from benchmarks.report import Chapter
from benchmarks.rooms import Rooms, rooms
from benchmarks.summary import Row, Unit, spread
from benchmarks.tools import configurable_http_proxy

_MANY = 32
_MOST_ADDED = 0.3e-3  # seconds
Found = Mapping[str, list[Throughput]]


def measure(effort: Effort) -> Chapter:
    """Alternating: us, the peer, and nothing in between."""
    rounds, seconds = effort.of(5, 1), effort.of(3, 1)
    with rooms(jobs=1) as there:
        port, control = free_port(), free_port()
        target = ["--default-target", there.upstream]
        command = [*configurable_http_proxy(), "--ip", "127.0.0.1", "--port", str(port), "--api-port", str(control)]
        with running([*command, *target, "--log-level", "error"], there.folder / "proxy.log"):
            proxy = f"http://127.0.0.1:{port}/file"
            until(lambda: Asker(proxy).get("/file"), pause=0.05, limit=60)
            return chapter(*(_rounds(there, proxy, connections, rounds, seconds) for connections in (_MANY, 1)))


def chapter(many: Found, one: Found) -> Chapter:
    """From what was answered over many connections and over one."""
    throughput = Row(
        what=f"requests, {_MANY} connections",
        unit=Unit.RATE,
        ours=spread([each.rate for each in many["ours"]]),
        peer=spread([each.rate for each in many["proxy"]]),
        against="configurable-http-proxy",
        at_least=1,
    )
    added = Row(
        what="time added to a request, 1 connection",
        unit=Unit.SECONDS,
        ours=spread(_added(one, "ours")),
        peer=spread(_added(one, "proxy")),
        against="configurable-http-proxy",
        at_most=_MOST_ADDED,
    )
    direct = Row(
        what=f"the upstream itself, {_MANY} connections",
        unit=Unit.RATE,
        ours=spread([each.rate for each in many["direct"]]),
    )
    return Chapter(
        name="gateway",
        title="Gateway",
        meaning=(
            "A body of 4 KiB from a plain upstream, on a unix socket for us and on loopback TCP for the peer, which "
            "can't speak to a socket. Ours looks at the Host, the token and the job's visibility for each request; the "
            "peer asks nobody. Time added: the median of a round, less that of a round without anything in between. "
            "Load by wrk, which has the same cores."
        ),
        rows=(throughput, added, direct),
    )


def _added(found: Found, side: str) -> list[float]:
    pairs = zip(found[side], found["direct"], strict=True)
    return [with_it.latency - without.latency for with_it, without in pairs]


def _rounds(there: Rooms, proxy: str, connections: int, rounds: int, seconds: int) -> Found:
    urls = {"ours": there.shown, "proxy": proxy, "direct": f"{there.upstream}{urlsplit(proxy).path}"}
    headers = {"X-Auth-Token": there.token}
    found: dict[str, list[Throughput]] = {side: [] for side in urls}
    for _ in range(rounds):
        for side, url in urls.items():
            found[side].append(apply(Load(url=url, headers=headers, connections=connections, seconds=seconds)))
    return found
