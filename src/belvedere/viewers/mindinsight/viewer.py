"""MindInsight's description. Its program is in `program`.

Upstream ended it in 2025 with 2.3.1; whoever has MindSpore summaries depends on somebody keeping that version alive.
It can't share an environment with TensorBoard: it needs protobuf 3.20.
"""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final

from belvedere.viewers.base import Appetite, AssetFile, Environment
from belvedere.viewers.mindinsight.assets import asset_files
from belvedere.viewers.mindinsight.names import is_summary, run_of

VERSION: Final = "2.3.1"
# Seen: 10 MiB at rest with a small run, 20 while it is asked; 2 more for 20 MB of histograms, of which it keeps a part,
# and half a MiB for each run, of the fifteen that it keeps.
_APPETITE: Final = Appetite(bare=16 << 20, per_log_byte=0.1, per_file=100 << 10)
# What its pages ask by POST, to have it chosen by what the body says. Not the debugger's: its sessions are changed.
_POST_READS: Final = frozenset(
    f"/v1/mindinsight/{name}"
    for name in (
        "datavisual/train-job-caches",  # have a run loaded, as looking at it does
        "lineagemgr/lineages",
        "optimizer/targets/search",
        "explainer/hoc",
        "explainer/saliency",
        "profile/ops/search",
        "profile/minddata-pipeline/op-queue",
        "profile/minddata-cpu-utilization-summary",
        "profile/dynamic-shape-detail",
        "profile/cluster-step-trace-summary",
        "profile/search-cluster-communication",
        "profile/search-cluster-link",
    )
)


class MindInsight:
    """Stock MindInsight on one process."""

    @property
    def name(self) -> str:
        return "mindinsight"

    @property
    def title(self) -> str:
        return "MindInsight"

    @property
    def description(self) -> str:
        return "Scalars, images, histograms, tensors, graphs and lineage of MindSpore trainings"

    @property
    def logs(self) -> str:
        return "MindSpore summary files"

    @property
    def program(self) -> str:
        return "belvedere.viewers.mindinsight.program"

    @property
    def can_fork(self) -> bool:
        return True

    @property
    def environment(self) -> Environment | None:
        return Environment(
            name=self.name,
            requirements=(files(__package__) / "requirements.txt").read_text(),
            distribution="mindinsight",
            pythons=((3, 11), (3, 12)),  # it imports imghdr, which Python 3.13 has no more
            check="belvedere.viewers.mindinsight.check",
        )

    @property
    def liveness_path(self) -> str:
        return "/v1/mindinsight/ui-config"

    @property
    def pages_poll(self) -> bool:
        return True

    @property
    def appetite(self) -> Appetite:
        return _APPETITE

    @property
    def post_reads(self) -> frozenset[str]:
        return _POST_READS

    def wants(self, key: str) -> bool:
        return run_of(key) is not None

    def is_log(self, key: str) -> bool:
        return is_summary(key) or ("/profiler" in f"/{key}" and run_of(key) is not None)

    def assets(self, environment: Path | None) -> Iterable[AssetFile]:
        return asset_files(environment) if environment else ()
