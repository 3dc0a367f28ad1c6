"""What a viewer's program says, as its host reads it."""

import os

import msgspec
import pytest

from belvedere.host.process import LONGEST_LINE
from belvedere.viewers.kit import LONGEST_TEXT, announcer
from belvedere.viewers.words import Event, Told


@pytest.mark.parametrize("letter", ["x", "é", "漢", "\udc80"])
def test_whatever_it_says_is_a_line_that_its_host_reads_whole(letter: str) -> None:
    ours, theirs = os.pipe()
    announcer(theirs)(Told.NOTE, letter * 2000)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        line = pipe.read()
    assert len(line) <= LONGEST_LINE
    assert len(msgspec.json.decode(line, type=Event).text) == LONGEST_TEXT
