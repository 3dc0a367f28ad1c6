"""Netron's description."""

from belvedere.viewers.base import Appetite, Environment
from belvedere.viewers.netron.names import is_model


class Netron:
    """Stock Netron on all models of a folder."""

    @property
    def name(self) -> str:
        return "netron"

    @property
    def title(self) -> str:
        return "Netron"

    @property
    def description(self) -> str:
        return "The layers, weights and metadata of saved models: ONNX, PyTorch, TensorFlow Lite, Keras and others"

    @property
    def logs(self) -> str:
        return "model files"

    @property
    def program(self) -> str:
        return "belvedere.viewers.netron.program"

    @property
    def can_fork(self) -> bool:
        return False  # a bare interpreter is up in 0.1 s, and there is nothing to warm

    @property
    def environment(self) -> Environment | None:
        return Environment(
            name=self.name,
            requirements="netron==9.3.3\n",
            distribution="netron",
            check="belvedere.viewers.netron.check",
        )

    @property
    def appetite(self) -> Appetite:
        return Appetite(bare=17 << 20)  # browsers read the models

    @property
    def liveness_path(self) -> str:
        return "/"

    @property
    def pages_poll(self) -> bool:
        return False

    def wants(self, key: str) -> bool:
        return is_model(key)

    def is_log(self, key: str) -> bool:
        return is_model(key)
