"""Where the key of the log stores' secrets comes from."""

from pathlib import Path

import pytest

from belvedere.server.settings import Settings, SettingsError
from belvedere.server.store_keys import open_sealer
from belvedere.store.sealing import Sealer, new_key

OLD, NEW = new_key(), new_key()


def test_a_key_is_drawn_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    sealed = open_sealer(Settings(), tmp_path).seal("hush")
    assert open_sealer(Settings(), tmp_path).open(sealed) == "hush"
    assert (tmp_path / "store.key").stat().st_mode & 0o777 == 0o600


def test_the_variable_comes_first_and_leaves_no_file(tmp_path: Path) -> None:
    sealed = open_sealer(Settings(store_key=f"{NEW},{OLD}"), tmp_path).seal("hush")
    assert Sealer([NEW]).open(sealed) == "hush"
    assert list(tmp_path.iterdir()) == []


def test_a_file_may_hold_several_keys_the_first_seals(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{NEW}\n{OLD}\n")
    sealer = open_sealer(Settings(store_key_file=str(tmp_path / "keys")), tmp_path)
    assert sealer.open(Sealer([OLD]).seal("hush")) == "hush"
    assert Sealer([NEW]).open(sealer.seal("hush")) == "hush"


@pytest.mark.parametrize("content", ["", "\n", "not a key", "ä"])
def test_a_file_without_a_key_is_named_with_the_remedy(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(SettingsError, match=str(path)):
        open_sealer(Settings(store_key_file=str(path)), tmp_path)


def test_a_named_file_that_is_not_there_is_not_made_up(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        open_sealer(Settings(store_key_file=str(tmp_path / "none")), tmp_path)


def test_keys_are_not_shown(tmp_path: Path) -> None:
    settings = Settings(store_key="hush-hush")
    assert "hush" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        open_sealer(settings, tmp_path)
    assert "hush" not in str(caught.value)
