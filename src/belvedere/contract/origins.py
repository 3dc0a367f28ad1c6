"""Where viewers are found: on one origin for all jobs, or each job on an origin of its own. Pure.

A script in a viewer's page can reach whatever its origin can. With an origin for each job that is this job alone.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec

from belvedere.contract.limits import JOB_ID

STAR: Final = "*"
ASSETS: Final = "assets"  # the label of the origin for files that are the same for all jobs
_LABEL = re.compile(r"job-([1-9][0-9]{0,18})", re.ASCII)


class ViewerOrigins(msgspec.Struct, frozen=True, kw_only=True):
    """Origins are ``scheme://host[:port]``.

    `shared`: the one that scripts may ask about any job. `each`: those of the jobs, with ``*`` for the job's label;
    empty where all share one. `is_known`: whether every program that asks can resolve the jobs' names, so that
    the service URLs of the API may bear them. Browsers resolve what ends in ``.localhost`` by themselves; not all
    programs do.
    """

    shared: str
    each: str = ""
    is_known: bool = False

    def of(self, job_id: int) -> str:
        """Where browsers see the job: the only origin that takes a session for it."""
        return self.each.replace(STAR, label_of(job_id)) if self.each else self.shared

    def linked(self, job_id: int) -> str:
        """The origin in the job's service URL."""
        return self.of(job_id) if self.is_known else self.shared

    def job_at(self, host_name: str) -> int | None:
        """The job whose own origin has this host name, in lower case and without port; None for any other name."""
        ending = _ending(self.each)
        if not ending or not host_name.endswith(ending):
            return None
        match = _LABEL.fullmatch(host_name.removesuffix(ending))
        job_id = int(match[1]) if match else 0
        return job_id if 0 < job_id <= JOB_ID else None

    @property
    def assets(self) -> str:
        """Where browsers keep files that are the same for all jobs; empty where these share an origin anyway.

        It is of one site with the jobs' own origins: a browser keeps what it got for one site apart from all others.
        """
        return self.each.replace(STAR, ASSETS)

    def is_for_assets(self, host_name: str) -> bool:
        """Whether this is the host name of the origin that has those files and nothing else."""
        return bool(self.each) and host_name == f"{ASSETS}{_ending(self.each)}"

    @property
    def is_secure(self) -> bool:
        """Whether browsers see viewers by https."""
        return self.shared.startswith("https://")

    @property
    def sources(self) -> str:
        """All of them, as a Content-Security-Policy spells them."""
        return " ".join(origin for origin in (self.shared, self.each) if origin)


def label_of(job_id: int) -> str:
    """The job's part of its own host name. It names the job and says nothing else about it; it gives no right."""
    return f"job-{job_id}"


@lru_cache(maxsize=8)
def _ending(each: str) -> str:
    """What follows the label in a job's host name, with its period: ``.viewers.example``."""
    return (urlsplit(each.replace(STAR, "x", 1)).hostname or "").removeprefix("x") if each else ""
