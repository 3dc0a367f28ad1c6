"""A hostile viewer, run by the real host, tries to get out. Each attempt is made outside as well, where it works."""

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from belvedere.host.children import children_of
from belvedere.host.places import places
from belvedere.host.walls import lacks_here, users_here
from belvedere.lifecycle.seen import Phase
from belvedere.runtimes.local import LocalRuntime
from belvedere.viewers.sandbox import Facet
from tests.support.files import all_below
from tests.support.service import BelvedereProcess, wait_until
from tests.support.viewers import descendants, get, running, stand_up, viewer_spec

pytestmark = pytest.mark.e2e
PLUGIN = Path(__file__).parents[1] / "support" / "plugins" / "hostile"
EVENTS = "events.out.tfevents.1"
NO_RIGHTS = ("setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all", "--")
NOBODY = 54_321
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", "--")
PATH = os.pathsep.join([str(PLUGIN), *(each for each in sys.path if each)])


@functools.cache
def python_of_everybody() -> str | None:
    """An interpreter that also somebody else may run and start again, with what we have installed; None without one."""
    needed = "import belvedere.host.main, hostile_viewer.program"
    again = f"import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {needed!r}], check=True)"
    environment = {**os.environ, "PYTHONPATH": PATH}
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        command = [*AS_NOBODY, python, "-P", "-c", again]
        with contextlib.suppress(OSError):
            if subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False).returncode == 0:
                return python
    return None


WAYS = [
    pytest.param((), id="as we are"),
    pytest.param(
        AS_NOBODY,
        id="as somebody without any rights",
        marks=pytest.mark.skipif(os.geteuid() != 0, reason="we are no root to begin with: it is the way we are"),
    ),
    pytest.param(
        NO_RIGHTS,
        id="by a user namespace",
        marks=pytest.mark.skipif(os.geteuid() != 0, reason="we are no root to begin with: it is the way we are"),
    ),
]


class Prison:
    """A host with two hostile viewers, each of another project; `ask` has the first one do something."""

    def __init__(self, folder: Path, prefix: tuple[str, ...]) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.prefix = prefix
        self.logs = self.folder / "root" / "mine"
        self.others = self.folder / "root" / "theirs"
        for logs in (self.logs, self.others):
            logs.mkdir(parents=True)
            (logs / EVENTS).write_bytes(b"logs of " + logs.name.encode())
        self.sockets: list[str] = []

    @property
    def user(self) -> int | None:
        """Who its host is, if its viewers are the same; None if they are others."""
        if self.prefix == AS_NOBODY:
            return NOBODY
        return os.getuid() if self.prefix or os.getuid() else None

    def start(self) -> None:
        """The service makes its database and its keys; then a host of our own runs the viewers."""
        service = BelvedereProcess(self.folder)
        service.start()
        service.signal(signal.SIGINT)
        python = sys.executable
        if self.prefix == AS_NOBODY:
            python = self._hand_over()
        command = [*self.prefix, python, "-P", "-m", "belvedere.host", "--data", str(self.data)]
        environment = {**os.environ, "PYTHONPATH": PATH, "HOME": str(self.folder)}
        self.host = subprocess.Popen(command, env=environment, cwd="/", stderr=subprocess.DEVNULL)
        wait_until(places(self.data).control_socket.exists)
        asyncio.run(self._stand_up())

    def _hand_over(self) -> str:
        python = python_of_everybody()
        if python is None:
            pytest.skip("somebody else can run no Python here that has what we have installed")
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.folder], check=True)
        for parent in (self.folder, *self.folder.parents[:2]):
            parent.chmod(parent.stat().st_mode | 0o055)
        return python

    async def _stand_up(self) -> None:
        runtime = LocalRuntime(self.data)
        for number, (project, logs) in enumerate((("p", self.logs), ("q", self.others)), 1):
            spec = viewer_spec(number, folder=logs, viewer_type="hostile")
            seen = await stand_up(runtime, msgspec.structs.replace(spec, project_id=project))
            assert seen.phase is Phase.READY, seen
            assert seen.endpoint is not None
            self.sockets.append(seen.endpoint.socket)
        await runtime.close(end_viewers=False)

    def end(self) -> None:
        self.host.terminate()
        self.host.wait(30)

    def ask(self, code: str, *, viewer: int = 0) -> str:
        _, _, body = get(self.sockets[viewer], f"/?code={quote(code, safe='')}")
        return body.decode()


@pytest.fixture(scope="module", params=WAYS)
def prison(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prison]:
    made = Prison(tmp_path_factory.mktemp("p"), request.param)
    made.start()
    try:
        yield made
    finally:
        made.end()


def read(path: Path | str) -> str:
    return f"open({str(path)!r}, 'rb').read()"


def assert_refused(prison: Prison, code: str) -> None:
    """In the viewer; and that it is no slip of the pen, for out here it works."""
    answer = prison.ask(code)
    assert answer.startswith("refused: "), answer
    assert "SyntaxError" not in answer
    assert "NameError" not in answer
    subprocess.run([sys.executable, "-S", "-c", f"eval({code!r})"], check=True, timeout=30)


def test_it_sees_its_own_logs_and_can_write_to_its_scratch_folder(prison: Prison) -> None:
    assert prison.ask(f"open(show.folder + '/{EVENTS}').read()") == "did: 'logs of mine'"
    assert prison.ask("open(show.work + '/x', 'w').write('abc'), open(show.work + '/x').read()") == "did: (3, 'abc')"


def test_it_lacks_no_wall_that_doctor_says_there_is(prison: Prison) -> None:
    if prison.prefix:
        pytest.skip("doctor would have to be asked without rights as well")
    status = prison.ask("open('/proc/self/status').read()")
    found = lacks_here(users_here(None))
    assert ("NoNewPrivs:\\t1" in status) is found.has(Facet.RIGHTS)
    assert ("Seccomp:\\t2" in status) is found.has(Facet.CALLS)


@pytest.mark.parametrize("name", ["bootstrap.json", "belvedere.db", "store.key", "host/host.log"])
def test_no_file_of_the_service_can_be_read(prison: Prison, name: str) -> None:
    assert (prison.data / name).exists(), sorted(path.name for path in prison.data.iterdir())
    assert_refused(prison, read(prison.data / name))


def test_another_projects_mirror_can_not_be_read(prison: Prison) -> None:
    mirrors = (prison.data / "host" / "mirrors").glob(f"*/logs/{EVENTS}")
    theirs = next(path for path in mirrors if path.read_bytes() == b"logs of theirs")
    assert_refused(prison, read(theirs))


def test_no_other_mirror_can_be_listed(prison: Prison) -> None:
    mirrors = prison.data / "host" / "mirrors"
    assert len(list(mirrors.iterdir())) == 2
    listed = f"__import__('os').listdir({str(mirrors)!r})"
    assert prison.ask(listed).count("'") == 2, "its own, and nothing else"


def test_logs_beside_its_own_can_not_be_read(prison: Prison) -> None:
    assert_refused(prison, read(prison.others / EVENTS))


def test_a_log_that_is_exchanged_for_a_link_to_another_shows_nothing(prison: Prison) -> None:
    fresh = prison.logs / "link"
    fresh.symlink_to(prison.others / EVENTS)
    fresh.rename(prison.logs / f"{EVENTS}.b")
    try:
        assert_refused(prison, read(prison.logs / f"{EVENTS}.b"))
    finally:
        (prison.logs / f"{EVENTS}.b").unlink()


def test_its_mirror_and_its_logs_can_not_be_written_to(prison: Prison) -> None:
    for folder in ("show.folder", "show.elsewhere[0]"):
        for code in (f"open({folder} + '/new', 'w')", f"open({folder} + '/{EVENTS}', 'ab')"):
            assert prison.ask(code).startswith("refused: "), code
    assert sorted(path.name for path in prison.logs.iterdir()) == [EVENTS]


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/hostname", "/proc/1/environ", "/proc/meminfo", "/sys/kernel"])
def test_nothing_of_the_machine_can_be_read(prison: Prison, path: str) -> None:
    told = prison.ask(f"__import__('os').stat({path!r}).st_ino")
    own = path.startswith("/proc/1/")  # its own first process, and no other's
    assert told.startswith("did: " if own else "refused: "), told


def test_programs_can_not_be_changed(prison: Prison) -> None:
    for folder in (sys.prefix, "/usr"):
        assert prison.ask(f"open({folder!r} + '/new', 'w')").startswith("refused: ")
        assert not Path(folder, "new").exists()


def test_the_hosts_process_does_not_exist(prison: Prison) -> None:
    assert_refused(prison, read(f"/proc/{prison.host.pid}/cmdline"))
    assert prison.ask(f"__import__('os').kill({prison.host.pid}, 9)").startswith("refused: ProcessLookupError")
    assert prison.host.poll() is None


def test_it_sees_its_own_processes_alone(prison: Prison) -> None:
    listed = prison.ask("sorted(int(name) for name in __import__('os').listdir('/proc') if name.isdigit())[:1]")
    assert listed == "did: [1]"
    assert prison.ask("len([1 for name in __import__('os').listdir('/proc') if name.isdigit()])") in {
        "did: 2",
        "did: 3",
    }


def test_killing_all_that_it_can_harms_nobody_else(prison: Prison) -> None:
    prison.ask("__import__('os').kill(-1, 9)")
    assert prison.ask("'here'", viewer=1) == "did: 'here'"
    assert prison.host.poll() is None


def test_no_other_process_can_be_traced(prison: Prison) -> None:
    trace = "__import__('ctypes').CDLL(None, use_errno=True).ptrace(16, {}, 0, 0)"
    for pid in (prison.host.pid, 1):
        assert prison.ask(trace.format(pid)) == "did: -1"


@pytest.mark.parametrize("which", ["control", "other viewer", "own"])
def test_no_socket_of_the_host_can_be_opened(prison: Prison, which: str) -> None:
    paths = {"control": str(places(prison.data).control_socket), "other viewer": prison.sockets[1]}
    path = paths.get(which, prison.sockets[0])
    assert_refused(prison, f"__import__('socket').socket(1).connect({path!r})")


def test_another_viewers_work_folder_can_not_be_seen(prison: Prison) -> None:
    work = places(prison.data).work
    assert len(list(work.iterdir())) == 2
    assert prison.ask(f"__import__('os').listdir({str(work)!r})").count("'") == 2, "its own, and nothing else"


def test_no_port_of_this_machine_can_be_reached(prison: Prison) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert_refused(prison, f"__import__('socket').create_connection(('127.0.0.1', {port}), 5)")


@pytest.mark.parametrize("address", ["192.0.2.1", "169.254.169.254", "8.8.8.8"])
def test_no_other_machine_can_be_reached(prison: Prison, address: str) -> None:
    told = prison.ask(f"__import__('socket').create_connection(({address!r}, 80), 5)")
    assert told.startswith("refused: OSError: [Errno 101] Network is unreachable"), told


def test_no_abstract_socket_can_be_reached(prison: Prison) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0belvedere-test")
        server.listen()
        assert_refused(prison, "__import__('socket').socket(1).connect('\\0belvedere-test')")


@pytest.mark.parametrize("family", [17, 38, 40], ids=["packet", "crypto", "the machine around this one"])
def test_no_socket_of_another_kind_can_be_made(prison: Prison, family: int) -> None:
    told = prison.ask(f"__import__('socket').socket({family}, {3 if family == 17 else 5 if family == 38 else 1})")
    assert told.startswith("refused: PermissionError"), told


def test_it_has_no_descriptor_but_its_own(prison: Prison) -> None:
    """Its pipes, where it listens, and what it opened itself: none is a file, a folder or a socket of the host."""
    links = "[__import__('os').readlink(f'/proc/1/fd/{fd}') for fd in __import__('os').listdir('/proc/1/fd')]"
    found = prison.ask(links)
    assert found.startswith("did: [")
    assert str(prison.folder) not in found
    assert found.count("socket:") <= 3
    assert len(found.split(",")) <= 10


def test_it_knows_no_secret(prison: Prison) -> None:
    environment = prison.ask("dict(__import__('os').environ)")
    assert "BELVEDERE" not in environment
    assert "TOKEN" not in environment


def test_it_can_mount_nothing(prison: Prison) -> None:
    call = "__import__('ctypes').CDLL(None, use_errno=True).mount(b'x', b'/tmp', b'tmpfs', 0, None)"
    assert prison.ask(call) == "did: -1"


@pytest.mark.parametrize("flags", [0x10000000, 0x00020000, 0x20000000, 0x40000000], ids=["user", "mount", "pid", "net"])
def test_it_can_make_no_namespace(prison: Prison, flags: int) -> None:
    assert prison.ask(f"__import__('ctypes').CDLL(None, use_errno=True).unshare({flags})") == "did: -1"
    assert (
        prison.ask(f"__import__('ctypes').CDLL(None, use_errno=True).syscall(56, {flags | 17}, 0, 0, 0, 0)")
        == "did: -1"
    )


@pytest.mark.parametrize("user", [0, 1234, NOBODY])
def test_it_can_become_nobody_else(prison: Prison, user: int) -> None:
    told = prison.ask(f"(__import__('os').setresuid({user}, {user}, {user}), __import__('os').getuid())")
    assert told.startswith("did: " if user == prison.user else "refused: "), told


def test_a_program_with_a_set_user_bit_gives_it_nothing(prison: Prison) -> None:
    ids = "__import__('subprocess').run(['cat', '/proc/self/status'], capture_output=True, text=True).stdout"
    status = prison.ask(ids)
    for line in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"):
        assert f"{line}:\\t{0:016x}" in status
    assert "NoNewPrivs:\\t1" in status


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's viewers are other users")
def test_each_of_roots_viewers_is_a_user_of_its_own(prison: Prison) -> None:
    if prison.prefix:
        pytest.skip("without rights root can't make its viewers anybody else")
    users = {prison.ask("__import__('os').getresuid()", viewer=viewer) for viewer in (0, 1)}
    assert len(users) == 2
    assert "did: (0, 0, 0)" not in users


def test_processes_without_end_find_one(prison: Prison) -> None:
    if prison.prefix == NO_RIGHTS:
        pytest.skip("the kernel never counts what uid 0 runs; in a user namespace of anybody else it does")
    word, _, count = prison.ask("bomb(3000)").partition(": ")
    assert word == "did"
    assert 0 < int(count) < 1024
    assert prison.ask("'here'") == "did: 'here'"


def test_its_scratch_folder_is_bounded_and_not_on_disk(prison: Prison) -> None:
    fill = "open(show.work + '/big', 'wb', buffering=0).write(bytes(80 << 20))"
    assert prison.ask(f"({fill}, __import__('os').stat(show.work + '/big').st_size)[1] < (65 << 20)") == "did: True"
    prison.ask("__import__('os').unlink(show.work + '/big')")
    assert not any(path.name == "big" for path in all_below(places(prison.data).work))


def test_the_dump_of_a_process_that_crashed_is_never_written(prison: Prison) -> None:
    assert prison.ask("__import__('resource').getrlimit(4)") == "did: (0, 0)"


def test_a_viewer_of_the_other_project_is_as_shut_in(prison: Prison) -> None:
    assert prison.ask(f"open(show.folder + '/{EVENTS}').read()", viewer=1) == "did: 'logs of theirs'"
    assert prison.ask(read(prison.logs / EVENTS), viewer=1).startswith("refused: ")
    assert prison.ask(read(prison.data / "bootstrap.json"), viewer=1).startswith("refused: ")


def test_when_its_first_process_ends_nothing_of_it_is_left(prison: Prison) -> None:
    """Last, for it takes a while until the viewer stands again."""
    marker = "sleep 31234"
    prison.ask(f"__import__('os').posix_spawn('/bin/sh', ['sh', '-c', 'setsid {marker} & exit'], {{'PATH': '/bin'}})")
    running = [shutil.which("pgrep") or "pgrep", "-f", f"^{marker}$"]
    wait_until(lambda: subprocess.run(running, check=False, capture_output=True).stdout)
    with contextlib.suppress(ConnectionError):  # it ends before it has answered
        prison.ask("__import__('os').kill(1, 15)")
    wait_until(lambda: not subprocess.run(running, check=False, capture_output=True).stdout)


async def test_every_process_of_a_tensorboard_is_behind_the_same_walls(prison: Prison) -> None:
    """Also the one that answers requests, which is forked before it is known what they are about."""
    runtime = LocalRuntime(prison.data)
    seen = await stand_up(runtime, viewer_spec(3, folder=prison.logs))
    assert seen.endpoint is not None
    await asyncio.to_thread(get, seen.endpoint.socket, "/data/environment")
    host = descendants(prison.host.pid)
    families = [[pid, *descendants(pid)] for pid in host if running("tensorboard_data_server", children_of(pid))]
    walls = [{walls_of(pid) for pid in family} for family in families]
    assert ([len(family) for family in families], [len(each) for each in walls]) == ([3], [1])
    assert "NoNewPrivs:\t1" in next(iter(walls[0]))
    await runtime.close(end_viewers=False)


def walls_of(pid: int) -> tuple[str, ...]:
    process = Path(f"/proc/{pid}")
    names = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp:")
    status = [line for line in (process / "status").read_text().splitlines() if line.startswith(names)]
    limits = [
        line for line in (process / "limits").read_text().splitlines() if line.startswith(("Max proc", "Max core"))
    ]
    spaces = [str((process / "ns" / name).readlink()) for name in ("mnt", "net", "pid", "ipc", "uts", "user")]
    return (*status, *limits, *spaces, str((process / "root").stat()[:3]))
