"""TensorBoard's description. Only its program, in `program`, imports TensorBoard."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from belvedere.viewers.base import Appetite, AssetFile, Environment
from belvedere.viewers.tensorboard.assets import asset_files

# What our program needs beside it: the fast loader, HTTP/2 to talk to it, JSON; older versions ask for pkg_resources.
_BESIDE = ("tensorboard-data-server==0.7.2", "h2>=4,<5", "msgspec>=0.22,<1", "setuptools<81")
APPETITE = Appetite(
    bare=12 << 20,  # seen: 8.4 MiB at rest, 16.2 while it is asked
    per_log_byte=1.1,  # seen: 1.1 at 114 MB of scalars, 0.9 at 436 MB
    per_file=20 << 10,  # seen: 10,000 runs take 190 MiB more than one
)
PROJECTOR_FILES = (".tsv", ".bytes")  # tensors and metadata that a projector_config.pbtxt names
# Time Series asks for many curves at once, Scalars for one of many runs, HParams for its tables. Newer pages put the
# experiment before the path, and a board without a database has the one of this name.
_POST_READS = frozenset(
    f"{experiment}/data/plugin/{name}"
    for experiment in ("", "/experiment/defaultExperimentId")
    for name in (
        "timeseries/timeSeries",
        "scalars/scalars_multirun",
        "hparams/experiment",
        "hparams/session_groups",
        "hparams/metric_evals",
        "hparams/download_data",
    )
)


class TensorBoard:
    """Stock TensorBoard on its Rust data server.

    Which files belong to an embedding stands inside `projector_config.pbtxt`, which cannot be known from a list of
    names. So everything with the endings that its writers use is wanted, and of pictures those that are called a sprite
    (as every writer does): folders of training images must not be copied.
    """

    def __init__(self, name: str = "tensorboard", requirements: Sequence[str] = ()) -> None:
        """`requirements`: the packages of another version; none for the one in our own environment."""
        self._name = name
        self._requirements = tuple(requirements)

    def version(self, name: str, requirements: Sequence[str]) -> "TensorBoard":
        return TensorBoard(name, requirements)

    @property
    def name(self) -> str:
        return self._name

    @property
    def title(self) -> str:
        version = "".join(self._requirements[:1]).partition("==")[2]
        beside = ", ".join(each.rpartition("/")[2] for each in self._requirements[1:])
        return " ".join(filter(None, ("TensorBoard", version, beside and f"with {beside}")))

    @property
    def description(self) -> str:
        return (
            "Scalars, images, histograms, graphs and embeddings of TensorFlow, PyTorch and whatever writes event files"
        )

    @property
    def logs(self) -> str:
        return "TensorBoard event files"

    @property
    def program(self) -> str:
        return "belvedere.viewers.tensorboard.program"

    @property
    def can_fork(self) -> bool:
        return True

    @property
    def environment(self) -> Environment | None:
        if not self._requirements:
            return None
        return Environment(
            name=self._name,
            requirements="\n".join((*self._requirements, *_BESIDE)) + "\n",
            distribution="tensorboard",
            check="belvedere.viewers.tensorboard.check",
        )

    @property
    def liveness_path(self) -> str:
        """Asks the data server; ``/`` would stay 200 when that is dead."""
        return "/data/environment"

    @property
    def pages_poll(self) -> bool:
        return True

    @property
    def appetite(self) -> Appetite:
        return APPETITE

    @property
    def post_reads(self) -> frozenset[str]:
        return _POST_READS

    def wants(self, key: str) -> bool:
        *folders, base = key.split("/")
        if self.is_log(key) or base == "projector_config.pbtxt" or "plugins" in folders:
            return True
        return base.endswith(PROJECTOR_FILES) or (base.endswith(".png") and "sprite" in base.lower())

    def assets(self, environment: Path | None) -> Iterable[AssetFile]:
        return asset_files(environment)

    def is_log(self, key: str) -> bool:
        *folders, base = key.split("/")
        has_plugins = len(self._requirements) > 1  # such as the profiler's, which has files of its own alone
        return "tfevents" in base or (has_plugins and "plugins" in folders)
