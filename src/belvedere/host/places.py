"""Where a host keeps its sockets and scratch folders. Shared with the runtime, which has to find them."""

import hashlib
import os
import shutil
import socket
import stat
from pathlib import Path

import msgspec

LONGEST_SOCKET_PATH = 107  # bytes: sun_path less its NUL
LONGEST_INSIDE = len("/work/9223372036854775807-99999-99999/grpc.sock")
BACKLOG = 256  # requests that wait while a viewer (re)starts


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The folders of the host that belongs to one data folder. All are made with mode 0700."""

    home: Path  # lock, log, mirrors; stays
    run: Path  # sockets, work folders; cleared at each start

    @property
    def control_socket(self) -> Path:
        """Where the control API answers."""
        return self.run / "host.sock"

    @property
    def groups(self) -> Path:
        """A file that names the control group of its viewers."""
        return self.home / "groups"

    @property
    def lately(self) -> Path:
        """Which viewers have been shown lately."""
        return self.home / "lately"

    @property
    def name(self) -> str:
        """What tells this host from all others of the machine."""
        return f"belvedere-{_digest(self.home)}"

    @property
    def sockets(self) -> Path:
        """Viewers' sockets."""
        return self.run / "view"

    @property
    def views(self) -> Path:
        """What viewers are pointed at."""
        return self.run / "shown"

    @property
    def work(self) -> Path:
        """Viewers' scratch folders."""
        return self.run / "work"

    @property
    def processes(self) -> Path:
        """A file per process that the host started."""
        return self.run / "processes"


def places(data: Path) -> Places:
    """The places that belong to a data folder. Makes nothing."""
    data = data.resolve()
    return Places(home=data / "host", run=run_folder(data))


def run_folder(data: Path) -> Path:
    """`data`/run, or if sockets in there would have too long a name, a folder in /tmp that belongs to it alone."""
    inside = data / "run"
    if len(os.fsencode(inside)) + LONGEST_INSIDE <= LONGEST_SOCKET_PATH:
        return inside
    return Path(f"/tmp/belvedere-{os.geteuid()}-{_digest(data)}")  # noqa: S108 - `make_private` checks that it is ours


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]


def make_private(folder: Path) -> None:
    """Make a folder with mode 0700, or check that what stands there is ours. Raises OSError if it is not."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to somebody else. Remove it, or use another data folder.")
    folder.chmod(0o700)


def make_empty(folder: Path) -> None:
    """Make a private folder with nothing in it."""
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    make_private(folder)


def listening_socket(path: Path) -> socket.socket:
    """A listening unix socket that only our own user can open. Raises OSError."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # nobody gets in before: its folder has mode 0700
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
