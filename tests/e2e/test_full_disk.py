"""A start on a disk that is full."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disks import small_disk

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("left", [0, 8, 40], ids=lambda left: f"{left} KiB left")
def test_a_start_on_a_full_disk_says_so_and_what_to_do(tmp_path: Path, left: int) -> None:
    with small_disk(tmp_path, "256k") as disk:
        (disk / "ballast").write_bytes(bytes(256 - left << 10))
        words = ["serve", "--data", str(disk / "data"), "--port", "0", "--viewer-port", "0"]
        ended = subprocess.run(
            [sys.executable, "-m", "belvedere.cli.main", *words],
            env={**os.environ, "BELVEDERE_LOG_LEVEL": "error"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2, ended.stderr
    assert "is full" in ended.stderr
    assert "another disk by --data" in ended.stderr
    assert "Traceback" not in ended.stderr
