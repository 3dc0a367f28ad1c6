"""What is told at the start although it is no error."""

from pathlib import Path

import pytest

from belvedere.server.cautions import cautions
from belvedere.server.settings import Settings


def write(folder: Path, text: str, mode: int) -> Path:
    path = folder / "belvedere.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_usual_settings_need_no_word() -> None:
    assert cautions(Settings(), {"BELVEDERE_TOKEN": "t", "HOME": "/"}, None) == ()


def test_a_variable_that_nothing_reads_is_told() -> None:
    assert cautions(Settings(), {"BELVEDERE_COLOUR": "red"}, None) == (
        "BELVEDERE_COLOUR is no setting, and is ignored.",
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_addresses_without_a_name_for_them_are_told(host: str) -> None:
    (text,) = cautions(Settings(host=host, port=1, viewer_port=2), {}, None)
    assert "--public-url http://NAME:1 --viewer-url http://NAME:2" in text


@pytest.mark.parametrize(
    ("public", "viewers", "told"),
    [
        ("http://b.example.com:8080", "http://b.example.com:8081", "one host name"),
        ("https://b.example.com:8080", "https://b.example.com:8081", "one host name"),
        ("http://192.0.2.7:8080", "http://192.0.2.7:8081", "one host name"),
        ("http://b.example.com", "http://*.viewers.example.com", "one site, without https"),
        ("https://b.example.com", "https://*.viewers.example.com", ""),
        ("http://b.example.com", "http://*.viewers.example.org", ""),
        ("http://192.0.2.7:8080", "http://*.192.0.2.7.nip.example", ""),
        ("http://b.example.com", "http://v.example.org", ""),
    ],
)
def test_names_by_which_a_script_could_plant_a_session_are_told(public: str, viewers: str, told: str) -> None:
    found = cautions(Settings(public_url=public, viewer_url=viewers), {}, None)
    assert [told in text for text in found] == ([True] if told else [])


@pytest.mark.parametrize("text", ['[store]\nsecret_key = "s"\n', '[stores.a]\nsecret_key = "s"\n', 'store_key = "s"\n'])
def test_keys_that_everybody_can_read_are_told(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text, 0o644)
    assert f"chmod o-r {path}" in cautions(Settings(), {}, path)[0]
    path.chmod(0o640)
    assert cautions(Settings(), {}, path) == ()


def test_a_file_without_keys_may_be_read_by_everybody(tmp_path: Path) -> None:
    assert cautions(Settings(), {}, write(tmp_path, "port = 1\n", 0o644)) == ()
