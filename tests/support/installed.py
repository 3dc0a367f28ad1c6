"""Viewers with environments of their own, installed once for all tests: by `make test`, or by the first that asks."""

from pathlib import Path

from belvedere.viewers.environments import Environments
from belvedere.viewers.installing import Wish, install
from belvedere.viewers.mindinsight.viewer import MindInsight
from belvedere.viewers.netron.viewer import Netron

VIEWERS = Path(__file__).parents[2] / ".viewers"
MINDSPORE_VALUES = Path(__file__).parents[1] / "data" / "mindspore-values"
MINDSPORE_TRAINING = Path(__file__).parents[1] / "data" / "mindspore-training"
MODELS = Path(__file__).parents[1] / "data" / "models"


def installed() -> Environments:
    """The environments of the tests, with MindInsight and Netron."""
    environments = Environments(VIEWERS)
    for viewer in (MindInsight(), Netron()):
        install(environments, Wish(viewer=viewer), print)
    return environments
