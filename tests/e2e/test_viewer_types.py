"""What every kind of viewer owes its host: TensorBoard, MindInsight and Netron alike."""

import asyncio
from pathlib import Path

import pytest

from belvedere.host.children import children_of
from belvedere.runtimes.local import LocalRuntime
from belvedere.testing.viewer import ViewerTrial
from belvedere.viewers.environments import Environments
from belvedere.viewers.installing import Wish, install
from belvedere.viewers.registry import viewer_types
from belvedere.viewers.tensorboard.viewer import TensorBoard
from tests.support.installed import MINDSPORE_VALUES
from tests.support.logs import RICH
from tests.support.viewers import command, descendants, get_json, running, stand_up, until, viewer_spec

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


async def until_it_is_warm_for_mindinsight(runtime: LocalRuntime) -> list[str]:
    """What runs then of MindInsight, below a host that shows something."""
    host = await runtime.host()
    assert host is not None
    await until(lambda: bool(running("mindinsight.program", children_of(host.pid))))
    return [command(pid) for pid in running("mindinsight.program", descendants(host.pid))]


async def test_a_host_is_warm_for_what_was_shown_lately(environments: Environments, tmp_path: Path) -> None:
    for job_id, name in enumerate(("mindinsight", "tensorboard"), start=1):
        runtime = LocalRuntime(tmp_path / "data", viewers_folder=environments.folder)
        try:
            await stand_up(runtime, viewer_spec(job_id, viewer_type=name, folder=LOGS[name]))
            found = await until_it_is_warm_for_mindinsight(runtime)
        finally:
            await runtime.close(end_viewers=True)
        assert all("belvedere.host.warm" in each for each in found)  # no viewer has imported it all for itself


async def test_another_version_of_tensorboard_stands_beside_ours(environments: Environments, tmp_path: Path) -> None:
    older = TensorBoard().version("tensorboard-2.20", ["tensorboard==2.20.0"])
    wish = Wish(viewer=older, kind="tensorboard", requirements=("tensorboard==2.20.0",))
    await asyncio.to_thread(install, environments, wish, print)
    runtime = LocalRuntime(tmp_path / "data", viewers_folder=environments.folder)
    try:
        versions = []
        for job_id, name in enumerate(("tensorboard", "tensorboard-2.20"), start=1):
            seen = await stand_up(runtime, viewer_spec(job_id, viewer_type=name))
            answer = await get_json(seen, "/data/environment")
            assert isinstance(answer, dict)
            versions.append(answer["version"])
            assert await get_json(seen, "/data/plugin/scalars/scalars?run=exp_0/hp&tag=hp/acc")
    finally:
        await runtime.close(end_viewers=True)
    assert versions == ["2.21.0", "2.20.0"]
