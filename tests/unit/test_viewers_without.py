"""What TensorBoard imports, and a viewer goes without."""

import json
import subprocess
import sys
from typing import Any

import grpc
import pytest

from belvedere.viewers.tensorboard.without import StatusCode

SCRIPT = """
import json, sys
import belvedere.viewers.tensorboard.program
from tensorboard.compat.tensorflow_stub.io import gfile
from tensorboard.data import grpc_provider

found = {"stores": gfile.S3_ENABLED or gfile.FSSPEC_ENABLED, "core": "grpc._cython" in sys.modules}
import grpc.aio  # somebody who wants more
from grpc import insecure_channel
found["more"] = insecure_channel.__module__
found["caught"] = issubclass(belvedere.viewers.tensorboard.channel.CallFailed, grpc_provider.grpc.RpcError)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    run = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=60)
    loaded: dict[str, Any] = json.loads(run.stdout)
    return loaded


def test_a_viewer_has_no_clients_of_object_stores(found: dict[str, Any]) -> None:
    assert found["stores"] is False


def test_a_viewer_has_not_the_whole_of_grpc(found: dict[str, Any]) -> None:
    assert found["core"] is False


def test_who_wants_more_of_grpc_gets_it(found: dict[str, Any]) -> None:
    assert found["more"] == "grpc"


def test_tensorboard_still_sees_a_call_that_failed(found: dict[str, Any]) -> None:
    assert found["caught"] is True


def test_the_words_for_failures_are_those_of_grpc() -> None:
    assert {each.name: each.value for each in StatusCode} == {each.name: each.value for each in grpc.StatusCode}
