"""The keeper of the data server, with a shell script in its place."""

import time
from collections.abc import Callable, Iterator

import pytest

from belvedere.viewers.tensorboard.dataserver import DataServer
from belvedere.viewers.tensorboard.loop import Loop

SAYS_ALL = 'echo "listening on 127.0.0.1:$$" >&2; echo "Finished load cycle (1ms)" >&2; exec cat'
LACKS = 'echo "a: Too many open files" >&2; echo "b: Too many open files" >&2; ' + SAYS_ALL
DIES = 'echo "no room left" >&2; exit 1'
PATIENCE = 30.0  # seconds


class Board:
    """Notes what it is told."""

    def __init__(self, script: str) -> None:
        self.ports: list[int | None] = []
        self.loads = 0
        self.lacks = 0
        self.last_words = ""
        self.lines: list[bytes] = []
        self.loop = Loop()
        self.server = DataServer(["/bin/sh", "-c", script], self.loop, self)

    def point_to(self, port: int | None) -> None:
        self.ports.append(port)

    def loaded(self) -> None:
        self.loads += 1

    def out_of_files(self) -> None:
        self.lacks += 1

    def said(self, line: bytes) -> None:
        self.lines.append(line)

    def given_up(self, text: str) -> None:
        self.last_words = text

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            self.loop.step(1.0)


def ended(board: Board) -> None:
    board.server.close()
    board.until(lambda: not board.server.is_ending)
    board.loop.close()


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board(SAYS_ALL)
    yield board
    ended(board)


def test_nothing_starts_before_it_is_told_to_load(board: Board) -> None:
    board.loop.step(0.0)
    assert board.ports == []


def test_requests_go_to_the_port_it_listens_on(board: Board) -> None:
    board.server.load()
    board.until(lambda: len(board.ports) == 1)
    assert board.ports[0] is not None


def test_it_says_when_everything_is_loaded(board: Board) -> None:
    board.server.load()
    board.until(lambda: board.loads == 1)


def test_loading_again_moves_to_a_new_process(board: Board) -> None:
    board.server.load()
    board.until(lambda: board.loads == 1)
    board.server.load()
    board.until(lambda: board.loads == 2)
    first, second = board.ports
    assert first != second


def test_the_one_that_was_replaced_ends(board: Board) -> None:
    board.server.load()
    board.until(lambda: board.loads == 1)
    board.server.load()
    board.until(lambda: board.loads == 2 and not board.server.is_ending)


def test_it_says_once_that_it_may_not_open_all_files() -> None:
    board = Board(LACKS)
    board.server.load()
    board.until(lambda: board.loads == 1)
    assert board.lacks == 1
    ended(board)


def test_one_that_dies_again_and_again_is_given_up_with_its_last_words() -> None:
    board = Board(DIES)
    board.server.load()
    board.until(lambda: bool(board.last_words))
    assert "no room left" in board.last_words
    ended(board)
