"""Which models Netron's page lists."""

import socket
from pathlib import Path

from belvedere.viewers.netron.program import Server


def listed(folder: Path) -> dict[str, int]:
    with socket.socket(socket.AF_UNIX) as listening, Server(listening.detach(), folder, "/") as server:
        return server.models()


def test_models_of_several_sources_are_listed_in_order(tmp_path: Path) -> None:
    """Each source is a link to its mirror, as the host lays them out."""
    for name in ("b", "a"):
        (tmp_path / "mirrors" / name).mkdir(parents=True)
        (tmp_path / "mirrors" / name / "model.onnx").write_bytes(b"onnx")
        (tmp_path / "shown").mkdir(exist_ok=True)
        (tmp_path / "shown" / name).symlink_to(tmp_path / "mirrors" / name)
    assert list(listed(tmp_path / "shown").items()) == [("a/model.onnx", 4), ("b/model.onnx", 4)]


def test_a_model_that_is_gone_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").symlink_to(tmp_path / "gone")
    assert listed(tmp_path) == {}
