"""``python -m belvedere.host --data DIR``: what `belvedere host` and the local runtime run."""

import argparse
import sys
from pathlib import Path

from belvedere.host.main import ORPHAN_GRACE, POLL_SECONDS, run_host
from belvedere.host.room import MIRROR_QUOTA, Room
from belvedere.host.walls import Confining, parse_users


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="belvedere host", description="Runs the viewers of a data folder.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--orphan-grace", type=float, default=ORPHAN_GRACE, metavar="SECONDS")
    parser.add_argument("--poll-seconds", type=float, default=POLL_SECONDS, metavar="SECONDS")
    parser.add_argument("--cold", action="store_true", help="keep no warm parent; viewers start slower")
    parser.add_argument("--memory-budget", type=int, metavar="BYTES", help="for all viewers [half of the machine's]")
    parser.add_argument("--mirror-quota", type=int, default=MIRROR_QUOTA, metavar="BYTES", help="on disk")
    parser.add_argument("--viewers-folder", type=Path, metavar="DIR", help="of viewers' own environments")
    parser.add_argument("--no-control-groups", action="store_true", help="keep viewers within their memory by watching")
    parser.add_argument(
        "--viewer-users", type=parse_users, metavar="FIRST-LAST", help="uids that root's viewers become"
    )
    parser.add_argument("--require-sandbox", action="store_true", help="run no viewer that lacks a wall")
    arguments = parser.parse_args()
    return run_host(
        arguments.data,
        orphan_grace=arguments.orphan_grace,
        poll_seconds=arguments.poll_seconds,
        warm=not arguments.cold,
        room=Room(memory=arguments.memory_budget, mirrors=arguments.mirror_quota),
        viewers_folder=arguments.viewers_folder,
        control_groups=not arguments.no_control_groups,
        confining=Confining(users=arguments.viewer_users, required=arguments.require_sandbox),
    )


if __name__ == "__main__":
    sys.exit(main())
