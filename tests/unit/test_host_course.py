"""The rules of a viewer's life at its host."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host import course
from belvedere.host.course import Act, Facts, Step
from belvedere.host.mirroring import MirrorState
from belvedere.lifecycle.jobs import End
from belvedere.lifecycle.seen import Phase
from belvedere.viewers.words import SOON, Event, Told

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOTHING = MirrorState(progress=SourceProgress(state="listing"))
PARTIAL = replace(NOTHING, has_logs=True)
COMPLETE = replace(PARTIAL, complete=True)
NOTE = Reason(code=ReasonCode.NOTHING_TO_SHOW, text="Nothing here.")


def up(mirror: MirrorState = COMPLETE) -> Facts:
    return course.launched(course.mirror_changed(Facts(), mirror, NOW), NOW)


def loading(mirror: MirrorState = COMPLETE) -> Facts:
    return course.told(course.load_sent(up(mirror), NOW), Event(event=Told.SERVING), NOW)


def loaded() -> Facts:
    return course.told(loading(), Event(event=Told.LOADED), NOW)


def ready() -> Facts:
    return course.checked(loaded(), True, NOW)


def crashed(facts: Facts, times: int = 1) -> Facts:
    for _ in range(times):
        facts = course.crashed(facts, NOW, last_line="boom", jitter=1)
    return facts


def test_at_first_a_program_is_launched() -> None:
    assert course.next_step(Facts(), NOW).act is Act.LAUNCH


def test_a_program_is_launched_while_the_mirror_has_nothing_yet() -> None:
    assert course.next_step(course.mirror_changed(Facts(), NOTHING, NOW), NOW).act is Act.LAUNCH


def test_nothing_is_loaded_from_an_empty_mirror() -> None:
    facts = course.told(up(NOTHING), Event(event=Told.SERVING), NOW)
    assert course.next_step(facts, NOW) == Step()


def test_a_program_that_never_says_that_it_serves_is_ended_and_given_up_after_some_tries() -> None:
    facts, now = Facts(), NOW
    for _ in range(course.CRASH_LIMIT):
        facts = course.launched(course.mirror_changed(facts, NOTHING, now), now)
        assert course.next_step(facts, now) == Step(None, now + course.START_LIMIT)
        now += course.START_LIMIT
        assert course.next_step(facts, now).act is Act.KILL
        facts = course.crashed(facts, now, last_line=course.why_it_is_ended(facts), jitter=1)
    assert facts.failure is not None
    assert "It has not said within 30 s that it answers" in facts.failure.reason.text


def test_a_complete_mirror_is_loaded_at_once() -> None:
    assert course.next_step(up(), NOW).act is Act.LOAD


def test_a_complete_mirror_without_logs_is_loaded_too() -> None:
    assert course.next_step(up(replace(NOTHING, complete=True)), NOW).act is Act.LOAD


def test_a_part_of_the_logs_waits_a_second_for_more() -> None:
    assert course.next_step(up(PARTIAL), NOW) == Step(None, NOW + course.FIRST_CHART)


def test_the_logs_of_a_first_look_are_loaded_at_once() -> None:
    assert course.next_step(up(replace(PARTIAL, sighted=True)), NOW).act is Act.LOAD


def test_after_that_second_a_part_is_loaded() -> None:
    assert course.next_step(up(PARTIAL), NOW + course.FIRST_CHART).act is Act.LOAD


def test_a_loaded_folder_is_not_loaded_again_when_it_grows() -> None:
    facts = course.mirror_changed(ready(), replace(COMPLETE, has_logs=True), NOW)
    assert course.next_step(facts, NOW).act is None


def test_rewritten_files_are_loaded_anew() -> None:
    facts = course.mirror_changed(ready(), replace(COMPLETE, rewrites=1), NOW)
    assert course.next_step(facts, NOW).act is Act.LOAD


def test_a_rewrite_is_loaded_once() -> None:
    facts = course.mirror_changed(ready(), replace(COMPLETE, rewrites=1), NOW)
    assert course.next_step(course.load_sent(facts, NOW), NOW).act is None


def test_a_viewer_that_has_loaded_is_checked_before_it_counts_as_ready() -> None:
    assert course.phase_of(loaded()) is Phase.STARTING
    assert course.next_step(loaded(), NOW).act is Act.CHECK


def test_no_second_check_is_begun_while_one_is_under_way() -> None:
    assert course.next_step(replace(loaded(), checking=True), NOW) == Step()


def test_a_viewer_that_answers_is_ready() -> None:
    assert course.phase_of(ready()) is Phase.READY
    assert ready().ready_at == NOW


def test_a_ready_viewer_is_checked_now_and_then() -> None:
    assert course.next_step(ready(), NOW) == Step(None, NOW + course.CHECK_EVERY)


def test_one_missed_check_changes_nothing_yet() -> None:
    assert course.phase_of(course.checked(ready(), False, NOW)) is Phase.READY


def test_a_viewer_whose_folder_was_replaced_leaves_and_is_started_anew_without_a_crash() -> None:
    astray = course.gone_astray(ready())
    assert course.next_step(astray, NOW).act is Act.LEAVE
    after = course.ended(course.leave_sent(astray, NOW))
    assert (course.next_step(after, NOW).act, after.crash_count, after.crashes) == (Act.LAUNCH, 0, ())


def test_a_viewer_that_is_to_leave_and_goes_on_answering_is_killed() -> None:
    leaving = course.leave_sent(course.gone_astray(ready()), NOW)
    limit = NOW + course.LEAVE_LIMIT
    assert course.next_step(leaving, NOW) == Step(None, limit)
    assert course.next_step(leaving, limit).act is Act.KILL


def test_a_viewer_that_does_not_run_can_not_go_astray() -> None:
    assert course.gone_astray(Facts()) == Facts()


def test_a_viewer_that_misses_several_checks_is_killed() -> None:
    facts = ready()
    for _ in range(course.MISSES):
        facts = course.checked(facts, False, NOW)
    assert course.next_step(facts, NOW).act is Act.KILL


def test_a_viewer_that_never_finishes_loading_is_shown_after_the_limit() -> None:
    assert course.next_step(loading(), NOW) == Step(None, NOW + course.LOAD_LIMIT)
    facts = course.checked(loading(), True, NOW + course.LOAD_LIMIT)
    assert course.phase_of(facts) is Phase.READY
    reason = course.reason_of(facts)
    assert reason is not None
    assert reason.code is ReasonCode.LOADING


def test_a_mirrors_note_is_told_with_a_ready_viewer() -> None:
    assert course.reason_of(course.mirror_changed(ready(), replace(COMPLETE, note=NOTE), NOW)) == NOTE


def test_one_that_has_answered_itself_needs_no_first_check() -> None:
    assert course.phase_of(course.told(loading(), Event(event=Told.ANSWERED), NOW)) is Phase.STARTING
    facts = course.told(loaded(), Event(event=Told.ANSWERED), NOW)
    assert (course.phase_of(facts), facts.ready_at) == (Phase.READY, NOW)
    assert course.next_step(facts, NOW) == Step(None, NOW + course.CHECK_EVERY)


def test_one_that_says_that_it_will_answer_is_not_checked_before() -> None:
    facts = course.told(course.load_sent(up(), NOW), Event(event=Told.SERVING, text=SOON), NOW)
    assert course.next_step(facts, NOW + SECOND) == Step(None, NOW + course.LOAD_LIMIT)
    facts = course.told(facts, Event(event=Told.LOADED), NOW)
    assert course.next_step(facts, NOW) == Step(None, NOW + course.CHECK_AGAIN)
    assert course.next_step(facts, NOW + course.CHECK_AGAIN).act is Act.CHECK


def test_the_slow_loader_is_told() -> None:
    reason = course.reason_of(course.told(ready(), Event(event=Told.LOADER, text="python"), NOW))
    assert reason is not None
    assert reason.code is ReasonCode.SLOW_LOADER


def test_a_crash_is_recovered_from_after_a_pause() -> None:
    facts = crashed(ready())
    assert course.phase_of(facts) is Phase.RECOVERING
    assert course.next_step(facts, NOW) == Step(None, NOW + course.FIRST_RETRY)
    assert course.next_step(facts, NOW + course.FIRST_RETRY).act is Act.LAUNCH


def test_a_new_process_loads_what_is_there_already() -> None:
    facts = course.launched(crashed(ready()), NOW)
    assert course.next_step(facts, NOW).act is Act.LOAD


def test_a_recovered_viewer_keeps_the_time_it_first_became_ready() -> None:
    facts = course.told(course.load_sent(course.launched(crashed(ready()), NOW), NOW), Event(event=Told.LOADED), NOW)
    facts = course.checked(course.told(facts, Event(event=Told.SERVING), NOW), True, NOW + 9 * SECOND)
    assert (course.phase_of(facts), facts.ready_at) == (Phase.READY, NOW)


def test_several_crashes_in_a_short_time_are_a_failure_with_the_last_words() -> None:
    facts = crashed(ready(), course.CRASH_LIMIT)
    assert course.phase_of(facts) is Phase.FAILED
    assert facts.failure is not None
    assert facts.failure.end is End.VIEWER
    assert "boom" in facts.failure.reason.text


def test_crashes_long_ago_do_not_count() -> None:
    facts = crashed(ready(), course.CRASH_LIMIT - 1)
    later = course.crashed(facts, NOW + course.CRASH_WINDOW, last_line="", jitter=1)
    assert course.phase_of(later) is Phase.RECOVERING
    assert later.crash_count == course.CRASH_LIMIT


def test_retries_wait_longer_and_longer_up_to_a_limit() -> None:
    delays = [course.retry_delay(crashes) for crashes in range(1, 20)]
    assert delays == sorted(delays)
    assert delays[0] == course.FIRST_RETRY
    assert delays[-1] == course.SLOWEST_RETRY


def test_a_program_that_says_why_it_failed_is_quoted() -> None:
    facts = course.told(ready(), Event(event=Told.FAILED, text="no memory"), NOW)
    reason = course.reason_of(crashed(facts))
    assert reason is not None
    assert "no memory" in reason.text


def test_an_unreadable_source_is_a_failure_of_the_source() -> None:
    facts = course.mirror_changed(up(NOTHING), replace(NOTHING, failure=NOTE), NOW)
    assert facts.failure is not None
    assert (facts.failure.end, facts.failure.reason) == (End.SOURCE, NOTE)


def test_a_program_that_cannot_be_started_is_a_failure_of_submission() -> None:
    facts = course.refused(Facts(), NOTE)
    assert facts.failure is not None
    assert facts.failure.end is End.SUBMIT


@pytest.mark.parametrize("facts", [Facts(), up(), loaded(), ready(), crashed(ready()), crashed(ready(), 5)])
def test_a_viewer_that_is_being_stopped_starts_nothing(facts: Facts) -> None:
    stopping = replace(facts, stopping=True)
    assert course.phase_of(stopping) is Phase.STOPPING
    assert course.next_step(stopping, NOW) == Step()


def test_a_check_that_comes_back_after_the_crash_counts_for_nothing() -> None:
    assert course.phase_of(course.checked(crashed(ready()), True, NOW)) is Phase.RECOVERING


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("cannot open /home/me/secret/file.txt: denied", "cannot open …: denied"),
        ("tab\there\x1b[31m", "tab here [31m"),
        ("x" * 500, "x" * course.WORDS_SHOWN),
        ("plain words", "plain words"),
    ],
)
def test_words_that_are_shown_are_short_printable_and_without_paths(line: str, shown: str) -> None:
    assert course.safe_words(line) == shown


def test_a_programs_own_sentences_may_be_longer() -> None:
    assert course.safe_words("x" * 900, most=course.SENTENCES_SHOWN) == "x" * course.SENTENCES_SHOWN


def test_a_sleeping_viewer_does_nothing() -> None:
    asleep = course.put_to_sleep(ready())
    assert course.phase_of(asleep) is Phase.ASLEEP
    assert course.next_step(asleep, NOW) == Step()


@pytest.mark.parametrize("facts", [Facts(), up(), loading(), crashed(ready()), crashed(ready(), 5)])
def test_only_a_viewer_that_has_loaded_may_sleep(facts: Facts) -> None:
    assert not course.may_sleep(facts)
    assert course.may_sleep(ready())


def test_a_woken_viewer_loads_what_is_on_disk_before_the_source_answers() -> None:
    facts = course.launched(course.woken(course.put_to_sleep(ready())), NOW)
    assert course.next_step(course.mirror_changed(facts, NOTHING, NOW), NOW).act is Act.LOAD


def test_a_woken_viewer_outlives_an_unreadable_source_and_tells_of_it() -> None:
    facts = course.woken(course.put_to_sleep(ready()))
    facts = course.mirror_changed(facts, replace(NOTHING, failure=NOTE), NOW)
    assert facts.failure is None
    assert course.reason_of(facts) == NOTE


def test_the_words_of_a_process_that_is_gone_count_for_nothing() -> None:
    asleep = course.put_to_sleep(ready())
    assert course.told(asleep, Event(event=Told.LOADED), NOW) == asleep


def test_a_viewer_without_room_waits_and_asks_again() -> None:
    later = NOW + timedelta(seconds=2)
    facts = course.kept_waiting(Facts(), NOTE, later)
    assert (course.phase_of(facts), course.reason_of(facts)) == (Phase.WAITING, NOTE)
    assert course.next_step(facts, NOW) == Step(None, later)
    assert course.next_step(facts, later).act is Act.LAUNCH


def test_a_viewer_without_room_for_its_logs_loads_them_later() -> None:
    later = NOW + timedelta(seconds=2)
    facts = course.kept_waiting(up(), NOTE, later)
    assert course.phase_of(facts) is Phase.WAITING
    assert course.next_step(facts, NOW) == Step(None, later)
    assert course.next_step(facts, later).act is Act.LOAD
    assert course.phase_of(course.load_sent(facts, later)) is Phase.STARTING


def test_what_the_viewer_says_of_the_logs_stands_beside_its_readiness_until_it_says_otherwise() -> None:
    facts = course.told(ready(), Event(event=Told.NOTE, text="a.summary is damaged."), NOW)
    assert course.reason_of(facts) == Reason(code=ReasonCode.VIEWER_NOTE, text="a.summary is damaged.")
    assert course.reason_of(course.told(facts, Event(event=Told.NOTE), NOW)) is None
