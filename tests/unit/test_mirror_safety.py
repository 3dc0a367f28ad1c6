import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from belvedere.host.mirror_safety import GUARDED_BYTES, is_guarded, stays_inside

SAFE = """
# written by tensorboardX "as is"
model_checkpoint_path: 'model.ckpt'
embeddings { tensor_name: "default:00000" tensor_path: "00000/default/tensors.tsv"
  metadata_path: "00000/default/metadata.tsv"
  sprite { image_path: "00000/default/sprite.png" single_image_dim: 8 single_image_dim: 8 } }
"""


def test_what_real_writers_write_is_safe() -> None:
    assert stays_inside(SAFE.encode())


@pytest.mark.parametrize(
    "path",
    [
        '"/etc/passwd"',
        "'/etc/passwd'",
        '"../other/metadata.tsv"',
        '"a/../../b"',
        '"~/.ssh/id_rsa"',
        '"s3://bucket/key"',
        '"a" "/../../b"',
        '"." # a comment\n "./b"',
        "\".\" './b'",
        '"\\056\\056/b"',
        '"a\0b"',
        '"unpaired',
        "\"it's",
    ],
)
def test_a_path_that_could_lead_out_is_not(path: str) -> None:
    assert not stays_inside(f"embeddings {{ metadata_path: {path} }}".encode())


def test_a_file_that_is_no_text_or_too_long_is_not() -> None:
    assert not stays_inside(b"\xff\xfe")
    assert not stays_inside(b" " * (GUARDED_BYTES + 1))


PIECES = st.sampled_from(
    ["..", "/", "a", "~", ".", '"', "'", "\\056", "#", "\n", " ", '"a/', '/b"', "sprite { image_path: ", "}", ":"]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_whatever_the_real_parser_reads_as_a_way_out_is_refused(text: str) -> None:
    config = ProjectorConfig()
    source = f"embeddings {{ metadata_path: {text} }}"
    try:
        text_format.Parse(source, config)
    except text_format.ParseError:
        return
    paths = [path for each in config.embeddings for path in (each.metadata_path, each.sprite.image_path)]
    if any(path.startswith(("/", "~")) or ".." in path.split("/") for path in paths):
        assert not stays_inside(source.encode())


def test_only_projector_settings_are_guarded() -> None:
    assert is_guarded("run/plugins/projector_config.pbtxt")
    assert not is_guarded("run/events.out.tfevents.1")
