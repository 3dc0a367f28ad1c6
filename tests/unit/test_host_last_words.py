"""What ended viewers had said is kept, and bounded."""

from belvedere.host.last_words import JOBS, LINES, LastWords


def test_the_last_lines_of_an_ended_viewer_are_kept() -> None:
    words = LastWords()
    words.keep(1, ["a", "b", "c"])
    assert words.of(1, 2) == ("b", "c")
    assert words.of(1, 0) == ()
    assert words.of(2, 5) == ()


def test_a_later_attempt_replaces_an_earlier_one() -> None:
    words = LastWords()
    words.keep(1, ["old"])
    words.keep(1, ["new"])
    assert words.of(1, 5) == ("new",)


def test_lines_and_jobs_are_bounded() -> None:
    words = LastWords()
    for job_id in range(JOBS + 1):
        words.keep(job_id, ["x"] * (LINES + 1))
    assert words.of(0, 1000) == ()
    assert len(words.of(JOBS, 1000)) == LINES
