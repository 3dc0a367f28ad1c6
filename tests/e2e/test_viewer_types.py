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
from tests.support.installed import MINDSPORE_VALUES, MODELS
from tests.support.logs import RICH
from tests.support.viewers import command, descendants, get_json, running, stand_up, until, viewer_spec
from tests.support.wheels import write_wheel

pytestmark = pytest.mark.e2e
LOGS = {"tensorboard": RICH, "mindinsight": MINDSPORE_VALUES, "netron": MODELS}


@pytest.mark.parametrize("name", ["tensorboard", "mindinsight", "netron"])
def test_every_duty_is_done(name: str, environments: Environments, tmp_path_factory: pytest.TempPathFactory) -> None:
    trial = ViewerTrial(viewer=viewer_types()[name], environments=environments, logs=LOGS[name])
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


PLUGIN = """
from tensorboard.plugins.base_plugin import TBPlugin

class Tiny(TBPlugin):
    plugin_name = "tiny"

    def get_plugin_apps(self):
        return {}

    def is_active(self):
        return True
"""
POINTS = "[tensorboard_plugins]\ntiny = tiny_plugin:Tiny\n"


async def test_another_version_of_tensorboard_stands_beside_ours_with_a_plug_in(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "wheels", "tiny-plugin", "1.0", {"tiny_plugin.py": PLUGIN}, POINTS)
    asked = ("tensorboard==2.20.0", str(wheel))
    wish = Wish(viewer=TensorBoard().version("tensorboard-2.20", asked), kind="tensorboard", requirements=asked)
    own = Environments(tmp_path / "viewers")
    await asyncio.to_thread(install, own, wish, print)
    runtime = LocalRuntime(tmp_path / "data", viewers_folder=own.folder)
    found = []
    try:
        for job_id, name in enumerate(("tensorboard", "tensorboard-2.20"), start=1):
            seen = await stand_up(runtime, viewer_spec(job_id, viewer_type=name))
            told, plugins = [await get_json(seen, f"/data/{what}") for what in ("environment", "plugins_listing")]
            assert isinstance(told, dict)
            assert isinstance(plugins, dict)
            assert await get_json(seen, "/data/plugin/scalars/scalars?run=exp_0/hp&tag=hp/acc")
            found.append((told["version"], plugins.get("tiny", {}).get("enabled")))
    finally:
        await runtime.close(end_viewers=True)
    assert found == [("2.21.0", None), ("2.20.0", True)]
