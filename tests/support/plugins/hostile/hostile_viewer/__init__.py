"""A viewer that wants to know everything: it runs whatever Python it is asked to, and answers what came of it."""

from belvedere.viewers.tensorboard.viewer import TensorBoard


class Hostile(TensorBoard):
    """Takes TensorBoard's logs, and shows something else."""

    @property
    def name(self) -> str:
        return "hostile"

    @property
    def program(self) -> str:
        return "hostile_viewer.program"

    @property
    def can_fork(self) -> bool:
        return True

    @property
    def liveness_path(self) -> str:
        return "/alive"
