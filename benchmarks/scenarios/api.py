"""Requests to the API with ten thousand jobs in the database."""

from benchmarks.effort import Effort
from benchmarks.load import Load, apply
from benchmarks.report import Chapter
from benchmarks.rooms import Rooms, rooms
from benchmarks.summary import Row, Unit, spread

_CONNECTIONS = (1, 16)


def measure(effort: Effort) -> Chapter:
    """Each request over one connection, then over sixteen, round after round."""
    jobs, rounds, seconds = effort.of(10_000, 1_000), effort.of(3, 1), effort.of(3, 1)
    with rooms(jobs) as there:
        asked = {
            (what, connections): _load(there, path, body, connections, seconds)
            for what, path, body in _requests(there)
            for connections in _CONNECTIONS
        }
        rates: dict[tuple[str, int], list[float]] = {key: [] for key in asked}
        for _ in range(rounds):
            for key, load in asked.items():
                rates[key].append(apply(load).rate)
    rows = [
        Row(what=f"{what}, {connections} connection{'s' * (connections > 1)}", unit=Unit.RATE, ours=spread(found))
        for (what, connections), found in rates.items()
    ]
    return Chapter(
        name="api",
        title="API",
        meaning=(
            f"Real database (SQLite, synchronous=FULL) with {jobs:,} jobs, real HTTP, real tokens; the reconciler is "
            "left out, so that no viewer starts compete. A create is answered when it is durable, so this is the "
            "disk's figure as much as ours. There is no peer to run beside it. Load by wrk, on the same cores."
        ),
        rows=tuple(rows),
    )


def _requests(there: Rooms) -> list[tuple[str, str, str | None]]:
    # creates come last: they make the database grow
    return [
        ("details", f"/{there.first_job}", None),
        ("list, page of 10", "?per_page=10", None),
        ("list, page of 100", "?per_page=100", None),
        ("create", "", f'{{"job_name":"bench","train_url":"{there.folder}"}}'),
    ]


def _load(there: Rooms, path: str, body: str | None, connections: int, seconds: int) -> Load:
    return Load(
        url=there.jobs + path,
        headers={"X-Auth-Token": there.token},
        body=body,
        connections=connections,
        seconds=seconds,
    )
