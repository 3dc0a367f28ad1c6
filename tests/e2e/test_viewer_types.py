"""What every kind of viewer owes its host: TensorBoard, MindInsight and Netron alike."""

from pathlib import Path

import pytest

from belvedere.testing.viewer import ViewerTrial
from belvedere.viewers.environments import Environments
from belvedere.viewers.registry import viewer_types
from tests.support.installed import MINDSPORE_VALUES
from tests.support.logs import RICH

pytestmark = pytest.mark.e2e
LOGS = {"tensorboard": RICH, "mindinsight": MINDSPORE_VALUES}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.onnx").write_bytes(b"\x08\x08")
    return tmp_path / "models"


@pytest.mark.parametrize("name", ["tensorboard", "mindinsight", "netron"])
def test_every_duty_is_done(
    name: str, environments: Environments, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trial = ViewerTrial(viewer=viewer_types()[name], environments=environments, logs=LOGS.get(name, models))
    trial.every_duty(tmp_path_factory.mktemp("v"))
