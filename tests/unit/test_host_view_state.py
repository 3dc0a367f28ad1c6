from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.mirroring import MirrorState
from belvedere.host.view_state import merged

BROKEN = Reason(code=ReasonCode.NO_SUCH_BUCKET, text="No such bucket.")
EMPTY = Reason(code=ReasonCode.NOTHING_TO_SHOW, text="Nothing yet.")
SLOW = Reason(code=ReasonCode.SOURCE_UNREACHABLE, text="No answer.")


def state(word: str = "current", **fields: object) -> MirrorState:
    progress = SourceProgress(state=word, files_done=1, files_total=2, bytes_done=10, bytes_total=30, requests=3)
    return MirrorState(**{"progress": progress, "has_logs": True, "complete": True, **fields})  # type: ignore[arg-type]


FAILED = MirrorState(progress=SourceProgress(state="failed", reason=BROKEN), failure=BROKEN)


def test_a_view_gives_up_when_nothing_can_be_expected_of_any_source() -> None:
    late, later = (SourceProgress(state="waiting", gives_up_at=time) for time in (10, 20))
    answers = SourceProgress(state="waiting")

    def end(*sources: SourceProgress) -> int | None:
        return merged({str(n): MirrorState(progress=each) for n, each in enumerate(sources)}, 0).progress.gives_up_at

    assert (end(late, later), end(late, FAILED.progress), end(late, answers)) == (20, 10, None)


def test_a_sole_source_is_told_as_it_is() -> None:
    alone = state(note=SLOW)
    found = merged({"": alone}, 0)
    assert (found.progress, found.note, found.complete) == (alone.progress, SLOW, True)


def test_sources_add_up() -> None:
    found = merged({"a": state(), "b": state()}, 7)
    progress = found.progress
    assert (progress.files_done, progress.files_total, progress.bytes_done, progress.bytes_total) == (2, 4, 20, 60)
    assert (progress.requests, progress.state, found.rewrites) == (6, "current", 7)
    assert [each.name for each in found.sources] == ["a", "b"]


def test_the_word_is_what_is_still_being_done() -> None:
    assert merged({"a": state(), "b": state("copying"), "c": state("waiting")}, 0).progress.state == "copying"
    assert merged({"a": state(), "b": FAILED}, 0).progress.state == "current"


def test_a_first_look_is_over_when_each_source_has_had_its_own_or_is_complete() -> None:
    sighted, looking = state(complete=False, sighted=True), state(complete=False)
    assert merged({"a": sighted, "b": state(), "c": FAILED}, 0).sighted
    assert not merged({"a": sighted, "b": looking}, 0).sighted


def test_one_that_cannot_be_read_takes_nothing_from_the_others() -> None:
    found = merged({"a": state(), "b": FAILED}, 0)
    assert (found.failure, found.complete, found.has_logs) == (None, True, True)
    assert found.note == Reason(code=ReasonCode.NO_SUCH_BUCKET, text="b: No such bucket.")
    assert [each.reason for each in found.sources] == [None, BROKEN]


def test_all_that_cannot_be_read_fail_together() -> None:
    found = merged({"a": FAILED, "b": FAILED}, 0)
    assert found.failure is not None
    assert found.failure.text == "a: No such bucket. (Another source has something to tell too.)"
    assert (found.note, found.complete) == (None, False)


def test_one_that_is_being_listed_keeps_the_whole_from_being_complete() -> None:
    assert not merged({"a": state(), "b": state("listing", complete=False)}, 0).complete


def test_an_empty_source_is_no_news_beside_one_with_logs() -> None:
    assert merged({"a": state(), "b": state(has_logs=False, note=EMPTY)}, 0).note is None
    both = merged({"a": state(has_logs=False, note=EMPTY), "b": state(has_logs=False, note=EMPTY)}, 0)
    assert both.note is not None
    assert both.note.code is ReasonCode.NOTHING_TO_SHOW


def test_logs_that_are_gone_are_told_of_though_they_are_still_shown() -> None:
    gone = Reason(code=ReasonCode.NO_SUCH_PATH, text="The folder does not exist.")
    assert merged({"": state("waiting", note=gone)}, 0).note == gone
    beside = merged({"a": state("waiting", note=gone), "b": state()}, 0)
    assert beside.note == Reason(code=ReasonCode.NO_SUCH_PATH, text="a: The folder does not exist.")
