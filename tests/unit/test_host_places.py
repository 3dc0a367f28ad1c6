"""Where a host keeps its sockets."""

import os
from pathlib import Path

import pytest

from belvedere.host.launching import viewer_environment
from belvedere.host.places import LONGEST_INSIDE, LONGEST_SOCKET_PATH, make_private, run_folder


def test_a_short_data_folder_holds_its_sockets_itself() -> None:
    assert run_folder(Path("/srv/data")) == Path("/srv/data/run")


@pytest.mark.parametrize("length", [20, 60, 100, 300])
def test_sockets_never_have_too_long_a_name(length: int) -> None:
    folder = run_folder(Path("/" + "x" * length))
    assert len(os.fsencode(folder)) + LONGEST_INSIDE <= LONGEST_SOCKET_PATH


def test_long_data_folders_do_not_share_their_sockets() -> None:
    assert run_folder(Path("/" + "x" * 200)) != run_folder(Path("/" + "y" * 200))


def test_a_private_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o755)
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_symlink_in_the_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "private").symlink_to(tmp_path)
    with pytest.raises(OSError, match="belongs to somebody else"):
        make_private(tmp_path / "private")


def test_a_viewers_environment_has_no_secret() -> None:
    given = {"PATH": "/bin", "BELVEDERE_STORE_SECRET_KEY": "s", "AWS_SECRET_ACCESS_KEY": "s", "HOME": "/root"}
    assert "s" not in viewer_environment(given).values()
    assert viewer_environment(given)["PATH"] == "/bin"
