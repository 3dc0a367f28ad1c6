"""Which files a projector configuration may name."""

import pytest

from belvedere.viewers.tensorboard.confinement import asset_below

CONFIG = "/mirror/run/projector_config.pbtxt"


def test_files_below_the_configuration_are_found() -> None:
    assert asset_below("emb/tensors.tsv", CONFIG) == "/mirror/run/emb/tensors.tsv"


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.tsv", "emb/../../x", "/mirror/running/x"])
def test_files_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="outside the folder"):
        asset_below(path, CONFIG)
