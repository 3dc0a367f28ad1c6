"""What `belvedere serve` says and leaves behind when it starts."""

from pathlib import Path

import pytest

from tests.support.logs import RICH
from tests.support.service import running_service, wait_until

pytestmark = pytest.mark.e2e


def test_a_text_log_begins_with_where_things_are_and_what_to_mind(tmp_path: Path) -> None:
    with running_service(tmp_path, flags=("--log-format", "text", "--host", "0.0.0.0")) as service:
        wait_until(lambda: "\n  Caution: It listens on all addresses" in service.log_file.read_text())
        text = service.log_file.read_text()
        assert f"API and console  {service.endpoint}/" in text
        assert "caution" in text.partition("is up.")[0]  # in the log too, for whom the greeting scrolled away


def test_nothing_in_the_data_folder_is_for_others_to_read(tmp_path: Path) -> None:
    with running_service(tmp_path, log_roots=(RICH,)) as service:
        service.run("private", RICH / "exp_0")
        files = [service.data / "serve.lock", service.data / "host" / "host.err", service.data / "bootstrap.json"]
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3
