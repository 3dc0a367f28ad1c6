"""Which files MindInsight looks for, and the run that each belongs to. Pure, and the standard library's alone."""

import re
from typing import Final

_SUMMARY: Final = re.compile(r"summary\.\d+")  # as MindInsight looks for them, lineage and explanations included
_GRAPH: Final = re.compile(r"\.pb$")
_PARTS_OF_A_RUN: Final = re.compile(r"^(profiler|dump_|\.dump_|ckpt_dir|summary_landscape)")


def is_summary(key: str) -> bool:
    """Whether it is a summary file, or one of lineage or explanations."""
    return bool(_SUMMARY.search(key.rpartition("/")[2]))


def run_of(key: str) -> str | None:
    """The folder of the run that a file belongs to, "" for the source's own; None if it belongs to none."""
    *folders, base = key.split("/")
    for depth, folder in enumerate(folders):
        if _PARTS_OF_A_RUN.match(folder):
            return "/".join(folders[:depth])
    return "/".join(folders) if _SUMMARY.search(base) or _GRAPH.search(base) else None
