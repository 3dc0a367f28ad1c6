"""What TensorBoard imports, and a viewer goes without."""

import json
import os
import subprocess
import sys
from pathlib import Path
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


def test_a_plug_in_keeps_what_it_may_look_at_files_by(tmp_path: Path) -> None:
    info = tmp_path / "somebodys_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tensorboard_plugins]\nmine = somebodys_plugin:Mine\n")
    (tmp_path / "fsspec.py").touch()
    script = "import belvedere.viewers.tensorboard.without; import fsspec; print(fsspec.__file__)"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True, timeout=60
    )
    assert str(tmp_path) in run.stdout


def test_a_viewer_has_not_the_whole_of_grpc(found: dict[str, Any]) -> None:
    assert found["core"] is False


def test_who_wants_more_of_grpc_gets_it(found: dict[str, Any]) -> None:
    assert found["more"] == "grpc"


def test_tensorboard_still_sees_a_call_that_failed(found: dict[str, Any]) -> None:
    assert found["caught"] is True


def test_the_words_for_failures_are_those_of_grpc() -> None:
    assert {each.name: each.value for each in StatusCode} == {each.name: each.value for each in grpc.StatusCode}
