"""A warm parent by itself: whose children its spares are, and how long they live."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from belvedere.host.launching import viewer_environment
from belvedere.host.warm import FORK, HASTE, READY, SPARE
from belvedere.viewers.sandbox import Facet, lacks

pytestmark = pytest.mark.e2e
PATIENCE = 30.0  # seconds
PROGRAM = """
import os
from belvedere.viewers import sandbox

def prepare():
    sandbox.prepare()

def ahead():
    done.append("something")

done = ["nothing"]

def run(listen_fd):
    os.write(1, f"{os.getpid()} {sandbox.is_separated()} {done[-1]}".encode())
    os._exit(7)
"""
WITHOUT_NAMESPACES = """
def refuse():
    raise OSError("there are as many namespaces as there may be")

sandbox.fork_beside = refuse
"""


class Parent:
    """A warm parent of the program above, and one spare of it."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        (folder / "toy_program.py").write_text(PROGRAM + extra)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(PATIENCE)
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "belvedere.host.warm",
                    "toy_program",
                    "--control-fd",
                    str(theirs.fileno()),
                ],
                env=viewer_environment(os.environ) | {"PYTHONPATH": str(folder)},
                pass_fds=[theirs.fileno()],
            )
        assert self.control.recv(len(READY)) == READY

    def spare(self, how: bytes = SPARE) -> tuple[int, socket.socket]:
        self.control.send(how)
        pid, (line,), _, _ = socket.recv_fds(self.control, 32, 1)
        return int(pid), socket.socket(fileno=line)

    def end(self) -> None:
        self.control.close()
        assert self.process.wait(PATIENCE) == 0


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Parent]:
    made = Parent(tmp_path)
    yield made
    made.end()


def words_of(line: socket.socket) -> str:
    """What a spare says when it becomes a viewer."""
    ours, theirs = os.pipe()
    with line, Path(os.devnull).open("r+b") as null:
        socket.send_fds(line, [FORK], [null.fileno(), null.fileno(), theirs, null.fileno()])
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        return pipe.read()


def test_a_spare_is_a_child_of_who_started_its_parent(parent: Parent) -> None:
    pid, line = parent.spare()
    words_of(line)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@pytest.mark.skipif(not lacks(None).has(Facet.PROCESSES), reason="there are no namespaces here")
def test_a_spare_stands_alone_from_its_first_moment(parent: Parent) -> None:
    pid, line = parent.spare()
    assert words_of(line).startswith("1 True")  # the first process of its own namespace
    os.waitpid(pid, 0)


@pytest.mark.skipif(not lacks(None).has(Facet.PROCESSES), reason="there are no namespaces here")
@pytest.mark.parametrize(("how", "done"), [(SPARE, "something"), (HASTE, "nothing")])
def test_only_a_spare_that_nobody_waits_for_does_things_ahead(parent: Parent, how: bytes, done: str) -> None:
    pid, line = parent.spare(how)
    assert words_of(line).endswith(done)
    os.waitpid(pid, 0)


def test_a_spare_outlives_its_parent(tmp_path: Path) -> None:
    parent = Parent(tmp_path)
    pid, line = parent.spare()
    parent.end()
    assert words_of(line)
    os.waitpid(pid, 0)


def test_a_spare_that_is_needed_no_more_ends(parent: Parent) -> None:
    pid, line = parent.spare()
    line.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_where_no_more_namespaces_are_to_be_had_a_spare_comes_without(tmp_path: Path) -> None:
    parent = Parent(tmp_path, WITHOUT_NAMESPACES)
    pid, line = parent.spare()
    assert words_of(line).startswith(f"{pid} False")
    parent.end()
