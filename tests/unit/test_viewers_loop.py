"""Waiting for many things in one thread."""

import os
from collections.abc import Iterator

import pytest

from belvedere.viewers.tensorboard.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_descriptor_that_can_be_read_calls_back(loop: Loop, pipe: tuple[int, int]) -> None:
    heard: list[bytes] = []
    loop.watch(pipe[0], lambda: heard.append(os.read(pipe[0], 10)))
    os.write(pipe[1], b"word")
    loop.step()
    assert heard == [b"word"]


def test_one_that_was_forgotten_does_not(loop: Loop, pipe: tuple[int, int]) -> None:
    heard: list[bytes] = []
    loop.watch(pipe[0], lambda: heard.append(b""))
    loop.forget(pipe[0])
    os.write(pipe[1], b"word")
    loop.step(0.0)
    assert heard == []


def test_two_that_can_be_read_at_once_may_forget_each_other(loop: Loop) -> None:
    pipes = [os.pipe(), os.pipe()]
    called: list[int] = []

    def only_one(here: int, other: int) -> None:
        called.append(here)
        loop.forget(other)

    for (ours, theirs), (others, _) in (pipes, reversed(pipes)):
        loop.watch(ours, lambda ours=ours, others=others: only_one(ours, others))  # type: ignore[misc]
        os.write(theirs, b"word")
    loop.step()
    assert len(called) == 1
    for end in (end for ends in pipes for end in ends):
        os.close(end)


def test_times_come_in_their_order(loop: Loop) -> None:
    called: list[str] = []
    loop.after(0.002, lambda: called.append("later"))
    loop.after(0.001, lambda: called.append("sooner"))
    while len(called) < 2:
        loop.step()
    assert called == ["sooner", "later"]
