"""Requests as fast as they are answered, by wrk; and what it prints, read."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.tools import wrk

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_MEDIAN = re.compile(r"50%\s+([\d.]+)(us|ms|s)\b")
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_BROKEN = re.compile(r"Socket errors: (.*)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, over how many connections at once, for how many seconds."""

    url: str
    headers: Mapping[str, str] = {}
    body: str | None = None
    connections: int = 1
    seconds: int = 3


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """Requests answered per second, and the median time of one in seconds."""

    rate: float
    latency: float


class BadLoad(Exception):
    """Not all requests were answered as they should be."""


def apply(load: Load) -> Throughput:
    """Send it. Raises BadLoad if any answer was an error."""
    command, env = wrk()
    words = [*command, "-t1", f"-c{load.connections}", f"-d{load.seconds}s", "--latency"]
    words += [word for name, value in load.headers.items() for word in ("-H", f"{name}: {value}")]
    with tempfile.TemporaryDirectory(prefix="wrk-") as folder:
        if load.body is not None:
            script = Path(folder) / "post.lua"
            script.write_text(post_script(load.body))
            words += ["-s", str(script)]
        done = subprocess.run(
            [*words, load.url], env={**os.environ, **env}, check=True, capture_output=True, text=True, timeout=120
        )
    return read(done.stdout)


def post_script(body: str) -> str:
    """wrk's own language for: POST this JSON."""
    return f'wrk.method = "POST"\nwrk.body = [==[{body}]==]\nwrk.headers["Content-Type"] = "application/json"\n'


def read(printed: str) -> Throughput:
    """What wrk printed. Raises BadLoad if it tells of errors, or of nothing."""
    for sign in (_REFUSED, _BROKEN):
        if found := sign.search(printed):
            raise BadLoad(found[0])
    rate, middle = _RATE.search(printed), _MEDIAN.search(printed)
    if rate is None or middle is None:
        raise BadLoad(f"wrk printed no figures: {printed!r}")
    return Throughput(rate=float(rate[1]), latency=float(middle[1]) * _SECONDS[middle[2]])
