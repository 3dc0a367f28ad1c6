"""What reaches the log, and what does not."""

import logging

import pytest
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from belvedere.server.logs import is_our_business


def record_of(error: Exception) -> logging.LogRecord:
    return logging.LogRecord("n", logging.ERROR, "p", 1, "m", (), (type(error), error, None))


@pytest.mark.parametrize("error", [BadHttpMessage("x"), LineTooLong(b"x", 8190)])
def test_a_strangers_garbage_is_not_logged(error: Exception) -> None:
    assert not is_our_business(record_of(error))


def test_our_own_faults_are() -> None:
    assert is_our_business(record_of(RuntimeError()))
    assert is_our_business(logging.LogRecord("n", logging.INFO, "p", 1, "m", (), None))
