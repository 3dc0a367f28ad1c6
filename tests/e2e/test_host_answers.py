"""Warm viewer, cold viewer and the stock command give the same answers, byte for byte.

But for JSON, whose members the data server sends in any order: there the values are compared.
"""

import asyncio
import gzip
import importlib.util
import json
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from belvedere.lifecycle.seen import Endpoint
from belvedere.runtimes.local import LocalRuntime
from tests.support.viewers import LOGS, PATIENCE, get, stand_up, until, viewer_spec

pytestmark = pytest.mark.e2e
DATA = (
    "runs",
    "window_properties",
    "experiments",
    "plugin/scalars/tags",
    "plugin/scalars/scalars?run=exp_0/hp&tag=hp/acc",
    "plugin/timeseries/tags",
    "plugin/images/tags",
    "plugin/histograms/tags",
    "plugin/distributions/tags",
    "plugin/audio/tags",
    "plugin/text/tags",
    "plugin/graphs/info",
    "plugin/graphs/graph?run=exp_0&tag=",
    "plugin/pr_curves/tags",
    "plugin/projector/runs",
    "plugin/projector/info?run=exp_0",
    "plugin/custom_scalars/layout",
    "plugin/mesh/tags",
)
KEPT_HEADERS = ("content-type", "content-encoding", "content-length", "cache-control", "content-security-policy")
JSON = "application/json"
Answers = dict[str, tuple[int, dict[str, str], object]]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a stock `tensorboard` on the same logs, all loaded."""
    said = tmp_path_factory.mktemp("stock") / "said"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(LOGS)]
    with said.open("wb") as file:
        process = subprocess.Popen([*command, "--port=0", "--host=127.0.0.1", "--load_fast=true"], stderr=file)
    try:
        asyncio.run(until(lambda: "http://" in said.read_text()))
        origin = "http://" + said.read_text().partition("http://")[2].split("/")[0]
        asyncio.run(until(lambda: len(_fetch(f"{origin}/data/runs")[2]) > 40))
        yield origin
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(params=["cold", "warm"])
async def endpoint(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Endpoint]:
    runtime = LocalRuntime(tmp_path)
    if request.param == "cold":
        runtime._options.append("--cold")
    else:
        await runtime._meet(start=True)
        host_log = tmp_path / "host" / "host.log"
        await until(lambda: "is ready" in host_log.read_text())
    seen = await stand_up(runtime, viewer_spec(1))
    assert seen.endpoint is not None
    yield seen.endpoint
    await runtime.close(end_viewers=True)


async def test_all_web_assets_are_the_stock_commands(endpoint: Endpoint, stock: str) -> None:
    paths = [f"/{name}" for name in _asset_names()] + ["/", "/index.js?_file_hash=1"]
    assert await asyncio.to_thread(_ours, endpoint, paths) == await asyncio.to_thread(_theirs, stock, paths)


@pytest.mark.parametrize("path", DATA)
async def test_data_are_the_stock_commands(path: str, endpoint: Endpoint, stock: str) -> None:
    paths = [f"/data/{path}"]
    assert await asyncio.to_thread(_ours, endpoint, paths) == await asyncio.to_thread(_theirs, stock, paths)


async def test_plugins_are_the_stock_commands_once_the_projector_has_looked(endpoint: Endpoint, stock: str) -> None:
    paths = ["/data/plugins_listing"]
    await until(lambda: _ours(endpoint, paths) == _theirs(stock, paths))


def _asset_names() -> list[str]:
    spec = importlib.util.find_spec("tensorboard")
    assert spec is not None
    assert spec.origin is not None
    with zipfile.ZipFile(Path(spec.origin).with_name("webfiles.zip")) as archive:
        return archive.namelist()


def _ours(endpoint: Endpoint, paths: list[str]) -> Answers:
    return {path: _comparable(*get(endpoint.socket, path, encoding="gzip")) for path in paths}


def _theirs(origin: str, paths: list[str]) -> Answers:
    return {path: _comparable(*_fetch(origin + path)) for path in paths}


def _comparable(status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], object]:
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    if not kept["content-type"].startswith(JSON):
        return status, kept, body
    kept.pop("content-length")
    return status, kept, json.loads(gzip.decompress(body) if "content-encoding" in kept else body)


def _fetch(url: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()
