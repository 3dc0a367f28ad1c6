"""How long a host may be silent."""

import pytest

from belvedere.runtimes.silence import Silence


class At:
    """A clock that is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def at() -> At:
    return At()


@pytest.fixture
def silence(at: At) -> Silence:
    return Silence(20, at)


def test_one_question_without_an_answer_is_no_silence(silence: Silence) -> None:
    silence.noticed()
    assert not silence.lasts_too_long


def test_it_lasts_too_long_from_the_first_of_those_questions(silence: Silence, at: At) -> None:
    silence.noticed()
    at.now += 15
    silence.noticed()
    at.now += 5
    assert silence.lasts_too_long


def test_an_answer_breaks_it(silence: Silence, at: At) -> None:
    silence.noticed()
    at.now += 15
    silence.broken()
    silence.noticed()
    at.now += 15
    assert not silence.lasts_too_long
