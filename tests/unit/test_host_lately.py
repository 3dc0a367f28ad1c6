"""Which viewers a host is warm for from its start."""

from pathlib import Path

import pytest

from belvedere.host.lately import DAYS, Lately
from belvedere.host.warming import takes_its_place
from belvedere.viewers.base import Program

DAY = 86_400.0


def test_what_was_shown_is_remembered_by_the_next_host_for_some_days(tmp_path: Path) -> None:
    Lately(tmp_path / "lately").note("mindinsight")
    began = (tmp_path / "lately" / "mindinsight").stat().st_mtime
    assert Lately(tmp_path / "lately").shown("mindinsight", began + (DAYS - 1) * DAY)
    assert not Lately(tmp_path / "lately").shown("mindinsight", began + (DAYS + 1) * DAY)
    assert not Lately(tmp_path / "lately").shown("netron", began)


def test_a_folder_that_cant_be_written_to_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "lately").write_text("a file")
    Lately(tmp_path / "lately").note("mindinsight")
    assert not Lately(tmp_path / "lately").shown("mindinsight", 0.0)


def program(python: str, module: str = "m") -> Program:
    return Program(module=module, python=python, can_fork=True)


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        (program("/v/mindinsight/env-1/bin/python"), True),
        (program("/v/mindinsight/env-1/bin/python", "n"), False),
        (program("/v/tensorboard-2.20/env-1/bin/python"), False),
        (Program(module="m", can_fork=True), False),
    ],
)
def test_a_viewer_that_was_installed_anew_takes_the_place_of_the_former(other: Program, taken: bool) -> None:
    assert takes_its_place(program("/v/mindinsight/env-2/bin/python"), other) is taken
