"""Which files a TensorBoard wants, and how its data server is started."""

import pytest

from belvedere.viewers.registry import viewer_types
from belvedere.viewers.tensorboard.dataserver import command_line
from belvedere.viewers.tensorboard.viewer import TensorBoard


@pytest.mark.parametrize(
    "key",
    [
        "events.out.tfevents.1.host",
        "run/a b/events.out.tfevents.1.host.profile-empty",
        "projector_config.pbtxt",
        "run/00000/emb/tensors.tsv",
        "run/metadata.tsv",
        "run/vectors.bytes",
        "run/00000/emb/sprite.png",
        "run/plugins/profile/2026/host.xplane.pb",
    ],
)
def test_files_that_tensorboard_shows_are_wanted(key: str) -> None:
    assert TensorBoard().wants(key)


@pytest.mark.parametrize(
    "key", ["model.ckpt", "images/cat.png", "tfevents/readme.txt", "plugins", "train.tsv.gz", "config.pbtxt"]
)
def test_other_files_are_not_wanted(key: str) -> None:
    assert not TensorBoard().wants(key)


def test_only_event_files_are_logs() -> None:
    assert TensorBoard().is_log("run/events.out.tfevents.1")
    assert not TensorBoard().is_log("run/projector_config.pbtxt")


def test_another_version_has_a_name_and_an_environment_of_its_own() -> None:
    older = TensorBoard().version("tensorboard-2.20", ["tensorboard==2.20.0"])
    assert (older.name, older.logs) == ("tensorboard-2.20", TensorBoard().logs)
    assert older.environment is not None
    assert older.environment.requirements.startswith("tensorboard==2.20.0\n")


def test_plug_ins_beside_it_are_in_its_title_and_their_files_are_logs() -> None:
    traced = "run/plugins/profile/2026/host.xplane.pb"
    both = TensorBoard().version("tensorboard-profile", ["tensorboard==2.20.0", "tensorboard-plugin-profile"])
    assert both.title == "TensorBoard 2.20.0 with tensorboard-plugin-profile"
    assert (both.is_log(traced), TensorBoard().is_log(traced)) == (True, False)


def test_tensorboard_is_among_the_viewer_types() -> None:
    assert viewer_types()["tensorboard"].can_fork


def test_the_data_server_listens_on_loopback_and_ends_with_its_parent() -> None:
    command = command_line("/bin/server", "/logs", 2.0)
    assert {"--host=127.0.0.1", "--die-after-stdin", "--reload=2", "--logdir=/logs"} <= set(command)
