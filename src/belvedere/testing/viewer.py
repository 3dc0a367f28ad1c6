"""What every kind of viewer owes its host: a rig to run its program by hand, and the suite that all of them pass.

For a plug-in of your own: give `ViewerTrial` your viewer, the environments where it is installed, some of its logs, and
call `every_duty` with an empty folder. It raises AssertionError with a sentence.
"""

import http.client
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from belvedere.host.launching import Descriptors, spawn
from belvedere.host.places import listening_socket
from belvedere.viewers.base import Program, ViewerType
from belvedere.viewers.environments import Environments
from belvedere.viewers.registry import NAME
from belvedere.viewers.words import Command, Do, Event, Show, Told

LEAVING = 0.3  # seconds within which a program has heard that it is to leave
PATIENCE = 60.0  # seconds; generous, because the machine may be busy


class ViewerTrial(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of viewer on trial. `logs`: a folder with some of its logs, which are not changed."""

    viewer: ViewerType
    environments: Environments
    logs: Path

    def every_duty(self, scratch: Path) -> None:
        """Raise AssertionError for the first duty that it fails."""
        self.describes_itself()
        self.wants_its_logs()
        self.shows_and_ends_with_its_input(scratch / "1")
        self.finishes_its_answers(scratch / "2")
        self.ends_by_sigterm(scratch / "3")
        self.says_why_it_fails(scratch / "4")

    def describes_itself(self) -> None:
        """Its words are fit for URLs, lists and sentences."""
        viewer = self.viewer
        assert NAME.fullmatch(viewer.name), f"{viewer.name!r} can't stand in a URL"
        for words in (viewer.title, viewer.description, viewer.logs):
            assert words and not words.endswith("."), f"{words!r} is no title: one line without a period"
        assert viewer.liveness_path.startswith("/"), "liveness_path begins with a slash"

    def wants_its_logs(self) -> None:
        """Of the sample at least one file is a log, and every log is wanted; what is nothing of its is neither."""
        keys = [path.relative_to(self.logs).as_posix() for path in self.logs.rglob("*") if path.is_file()]
        logs = [key for key in keys if self.viewer.is_log(key)]
        assert logs, "none of the sample's files is a log"
        assert all(self.viewer.wants(key) for key in logs), "a log is not wanted"
        assert not self.viewer.wants("a/b/secret.key"), "it wants files that are nothing of its"

    def shows_and_ends_with_its_input(self, scratch: Path) -> None:
        """It says that it serves and has loaded, is alive by its own path, and ends when standard input does."""
        with self._running(scratch) as program:
            program.show(self.logs)
            program.hear(Told.SERVING)
            program.tell(Command(do=Do.LOAD))
            program.hear(Told.LOADED)
            assert program.status(self.viewer.liveness_path) == 200, "liveness_path doesn't answer 200"
            program.tell(Command(do=Do.LOAD))  # files were rewritten; it lives on
            assert program.status(self.viewer.liveness_path) == 200, "it doesn't outlive a second load"
            program.close_input()
            assert program.wait() == 0, "it ends with another status than 0 when standard input ends"

    def finishes_its_answers(self, scratch: Path) -> None:
        """Told to leave, it answers what it has begun to read, and ends by itself."""
        with self._running(scratch) as program:
            program.show(self.logs)
            program.hear(Told.SERVING)
            program.tell(Command(do=Do.LOAD))
            program.hear(Told.LOADED)
            with program.half_asked(self.viewer.liveness_path) as finish:
                program.status(self.viewer.liveness_path)  # connections are taken in turn, so the other one was
                program.tell(Command(do=Do.LEAVE))
                time.sleep(LEAVING)
                assert finish() == 200, "it leaves before it has answered"
            assert program.wait() == 0, "it ends with another status than 0 when it is told to leave"

    def ends_by_sigterm(self, scratch: Path) -> None:
        """At once, and with all that it started."""
        with self._running(scratch) as program:
            program.show(self.logs)
            program.hear(Told.SERVING)
            os.killpg(program.pid, signal.SIGTERM)
            program.wait()

    def says_why_it_fails(self, scratch: Path) -> None:
        """Nonsense on its input is told as an event, and ends it with another status than 0."""
        with self._running(scratch) as program:
            program.tell({"folder": 5})
            assert program.hear(Told.FAILED).text, "it says nothing about why it fails"
            assert program.wait() != 0, "it fails with status 0"

    @contextmanager
    def _running(self, scratch: Path) -> Iterator["RunningProgram"]:
        scratch.mkdir(mode=0o700)
        program = RunningProgram(self.environments.program_of(self.viewer), scratch)
        try:
            yield program
            assert not _group(program.pid), f"it has left processes: {_group(program.pid)}"
        finally:
            program.kill()


class RunningProgram:
    """A viewer's program in a process of its own, started cold as a host does."""

    def __init__(self, program: Program, work: Path) -> None:
        self._work = work
        self._socket = work / "v.sock"
        self._errors = (work / "errors").open("wb")
        theirs, self._input = os.pipe()
        self._output, events = os.pipe()
        os.set_inheritable(theirs, False)
        with listening_socket(self._socket) as listener:
            pipes = Descriptors(listen=listener.fileno(), stdin=theirs, stdout=events, stderr=self._errors.fileno())
            self.pid = spawn(program, program.module, ["--listen-fd", "3"], pipes)
        os.close(theirs)
        os.close(events)
        self._ended: int | None = None
        self._heard = b""

    def show(self, folder: Path) -> None:
        """Tell it what to show."""
        self.tell(Show(folder=str(folder), path_prefix="", work=str(self._work)))

    def tell(self, message: object) -> None:
        """Write a line to its standard input."""
        os.write(self._input, msgspec.json.encode(message) + b"\n")

    def hear(self, wanted: Told) -> Event:
        """The next event of this kind."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            line, found, rest = self._heard.partition(b"\n")
            if found:
                self._heard = rest
                event = msgspec.json.decode(line, type=Event)
                if event.event is wanted:
                    return event
            elif select.select([self._output], [], [], 1.0)[0]:
                more = os.read(self._output, 65536)
                assert more, f"it ended before it said {wanted}: {self.last_words}"
                self._heard += more
        raise AssertionError(f"it doesn't say {wanted}: {self.last_words}")

    def status(self, path: str) -> int:
        """Of the answer to a GET."""
        with self.half_asked(path) as finish:
            return finish()

    @contextmanager
    def half_asked(self, path: str) -> Iterator[Callable[[], int]]:
        """A GET of which the headers have not ended yet; what ends them, and gives the status of the answer."""
        with socket.socket(socket.AF_UNIX) as connection, http.client.HTTPResponse(connection) as response:
            connection.settimeout(PATIENCE)
            connection.connect(str(self._socket))
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode())

            def finish() -> int:
                connection.sendall(b"\r\n")
                response.begin()
                return response.status

            yield finish

    @property
    def last_words(self) -> str:
        """The end of its standard error."""
        return (self._work / "errors").read_text(errors="replace")[-1000:]

    def close_input(self) -> None:
        """End its standard input."""
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    def wait(self) -> int:
        """Its exit status, as `subprocess` has it."""
        deadline = time.monotonic() + PATIENCE
        while self._ended is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._ended = os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, f"it doesn't end: {self.last_words}"
            time.sleep(0.01)
        return self._ended

    def kill(self) -> None:
        """End it and whatever is left of its group."""
        self.close_input()
        os.close(self._output)
        self._errors.close()
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            if self._ended is None:
                os.waitpid(self.pid, 0)


def _group(leader: int) -> list[int]:
    """Living processes of a group."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "-g", str(leader)], capture_output=True, text=True, check=False)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [int(pid) for pid, state in rows if not state.startswith("Z")]
