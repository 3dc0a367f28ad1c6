"""The hostile program: whatever Python is sent to it, it runs, and answers with what came of it.

Each piece runs in a child, so that one that is killed or fills its memory is told as well: ``did`` or ``refused``.
"""

import os
import signal
import threading
import time
from collections.abc import Iterable
from typing import Any, NoReturn
from urllib.parse import parse_qs

from belvedere.viewers import kit, sandbox
from belvedere.viewers.kit import Say
from belvedere.viewers.words import Show, Told
from belvedere.viewers.wsgi import Server


def prepare() -> None:
    """As every program that can be forked."""
    sandbox.prepare()


def run(listen_fd: int) -> NoReturn:
    """Until standard input ends."""
    kit.run_program(listen_fd, _show)


def _show(listen_fd: int, say: Say, show: Show) -> None:
    known = {"show": show, "bomb": bomb}

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        code = parse_qs(environ["QUERY_STRING"]).get("code", ["'alive'"])[0]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [attempt(code, known)]

    def obey() -> None:
        for _ in kit.loads(leave=lambda: os._exit(0)):
            say(Told.LOADED, "")
        os._exit(0)

    threading.Thread(target=obey, daemon=True).start()
    server = Server(app, listen_fd)
    os.close(listen_fd)
    say(Told.SERVING, "")
    server.serve_forever(poll_interval=3600)


def attempt(code: str, known: dict[str, Any]) -> bytes:
    """What came of an expression, evaluated by a child."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(theirs, f"did: {eval(code, known)!r}"[:4000].encode())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
            os.write(theirs, f"refused: {type(error).__name__}: {error}"[:4000].encode())
        finally:
            os._exit(0)
    os.close(theirs)
    _, status = os.waitpid(child, 0)
    os.set_blocking(ours, False)  # children of its own may hold the other end
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    return said or f"refused: ended with {os.waitstatus_to_exitcode(status)}".encode()


def bomb(most: int) -> int:
    """How many processes one can have at a time."""
    children: list[int] = []
    try:
        while len(children) < most:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except BlockingIOError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:  # not each at once: on a busy machine that is a thousand turns in its queue
        os.waitpid(child, 0)
    return len(children)


if __name__ == "__main__":
    kit.main(run, "Shows whatever it can get at.")
