"""Calls to a real data server over our own channel, beside those of the grpc package."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tensorboard import errors
from tensorboard.data import grpc_provider, provider

from belvedere.viewers.tensorboard.channel import Channel, Port
from belvedere.viewers.tensorboard.dataserver import LISTENING, command_line, data_server_binary
from tests.support.viewers import LOGS

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with data_server(LOGS) as port:
        yield port


@contextlib.contextmanager
def data_server(folder: Path) -> Iterator[int]:
    binary = data_server_binary()
    assert binary is not None
    command = command_line(binary, str(folder), 1.0)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield _port_once_loaded(process)
        process.kill()


@contextlib.contextmanager
def provider_on(port: int) -> Iterator[provider.DataProvider]:
    shared = Port()
    shared.put(port)
    channel = Channel(shared)
    yield grpc_provider.GrpcDataProvider("localhost", grpc_provider.make_stub(channel))
    channel.hang_up()


def _port_once_loaded(process: "subprocess.Popen[bytes]") -> int:
    port = 0
    for line in process.stderr or ():
        if match := LISTENING.search(line):
            port = int(match[1])
        if b"Finished load cycle" in line:
            return port
    raise AssertionError("the data server ended")


@pytest.fixture
def ours(port: int) -> Iterator[provider.DataProvider]:
    with provider_on(port) as ours:
        yield ours


@pytest.fixture
def theirs(port: int) -> Iterator[provider.DataProvider]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield grpc_provider.GrpcDataProvider("localhost", grpc_provider.make_stub(channel))


def test_one_answer_is_the_grpc_packages(ours: provider.DataProvider, theirs: provider.DataProvider) -> None:
    asked = {"experiment_id": "", "plugin_name": "scalars", "downsample": 1000}
    points = ours.read_scalars(None, **asked)
    assert points == theirs.read_scalars(None, **asked)
    assert points


def test_many_answers_to_one_call_are_the_grpc_packages(
    ours: provider.DataProvider, theirs: provider.DataProvider
) -> None:
    found = ours.read_blob_sequences(None, experiment_id="", plugin_name="images", downsample=10)
    keys = [datum.values[0].blob_key for tags in found.values() for series in tags.values() for datum in series]
    assert keys
    for key in keys:
        assert ours.read_blob(None, blob_key=key) == theirs.read_blob(None, blob_key=key)


def test_a_refusal_is_told_as_the_grpc_package_tells_it(ours: provider.DataProvider) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="blob key"):
        ours.read_blob(None, blob_key="no such key")


def test_a_call_waits_for_a_data_server_that_comes_late(port: int) -> None:
    class LatePort(Port):
        looks = 0

        def get(self) -> int | None:
            self.looks += 1
            return port if self.looks > 3 else None

    channel = Channel(LatePort())
    late = grpc_provider.GrpcDataProvider("localhost", grpc_provider.make_stub(channel))
    assert late.list_runs(None, experiment_id="")
    channel.hang_up()


def test_without_any_data_server_a_call_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.viewers.tensorboard.channel.PATIENCE", 0.0)
    nobody = grpc_provider.GrpcDataProvider("localhost", grpc_provider.make_stub(Channel(Port())))
    with pytest.raises(grpc.RpcError) as caught:
        nobody.list_runs(None, experiment_id="")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_answers_larger_than_a_window_of_http_come_whole(tmp_path: Path) -> None:
    log = next(LOGS.rglob("*tfevents*"))
    for number in range(1000):
        run = tmp_path / f"{number}-{'x' * 200}"
        run.mkdir()
        (run / log.name).symlink_to(log)
    with data_server(tmp_path) as port, provider_on(port) as ours:
        for _ in range(2):
            assert len(ours.list_runs(None, experiment_id="")) == 1000
