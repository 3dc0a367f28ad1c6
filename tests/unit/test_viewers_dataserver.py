"""The keeper of the data server, with a shell script in its place."""

import queue
from collections.abc import Iterator

import pytest

from belvedere.viewers.tensorboard.dataserver import DataServer

SAYS_ALL = 'echo "listening on 127.0.0.1:$$" >&2; echo "Finished load cycle (1ms)" >&2; exec cat'
DIES = 'echo "no room left" >&2; exit 1'


class Board:
    """Notes what it is told."""

    def __init__(self, script: str) -> None:
        self.ports: queue.Queue[int | None] = queue.Queue()
        self.loaded: queue.Queue[None] = queue.Queue()
        self.given_up: queue.Queue[str] = queue.Queue()
        self.server = DataServer(
            ["/bin/sh", "-c", script],
            self,
            on_loaded=lambda: self.loaded.put(None),
            on_given_up=self.given_up.put,
        )

    def point_to(self, port: int | None) -> None:
        self.ports.put(port)


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board(SAYS_ALL)
    yield board
    board.server.close()


def test_nothing_starts_before_it_is_told_to_load(board: Board) -> None:
    assert board.ports.empty()


def test_requests_go_to_the_port_it_listens_on(board: Board) -> None:
    board.server.load()
    assert board.ports.get(timeout=30) is not None


def test_it_says_when_everything_is_loaded(board: Board) -> None:
    board.server.load()
    board.loaded.get(timeout=30)


def test_loading_again_moves_to_a_new_process(board: Board) -> None:
    board.server.load()
    first = board.ports.get(timeout=30)
    board.loaded.get(timeout=30)
    board.server.load()
    assert board.ports.get(timeout=30) not in {first, None}


def test_one_that_dies_again_and_again_is_given_up_with_its_last_words() -> None:
    board = Board(DIES)
    board.server.load()
    assert "no room left" in board.given_up.get(timeout=60)
