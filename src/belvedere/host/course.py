"""The course of one viewer: pure transitions from fact to fact, and what to do next. No clock, no process, no I/O."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.mirroring import MirrorState
from belvedere.lifecycle.jobs import End
from belvedere.lifecycle.seen import Phase
from belvedere.viewers.words import SLOW_LOADER, SOON, Event, Told

FIRST_CHART = timedelta(seconds=1)  # load what is there by then, though more is being fetched
LOAD_LIMIT = timedelta(seconds=30)  # after which a viewer that lives is shown although it still loads
START_LIMIT = timedelta(seconds=30)  # for a process to say that it serves
CRASH_WINDOW = timedelta(minutes=3)  # as long as the crashes take of one that never says so
CRASH_LIMIT = 5  # so many within the window, and it is given up
FIRST_RETRY = timedelta(seconds=0.2)
SLOWEST_RETRY = timedelta(seconds=10)
CHECK_EVERY = timedelta(seconds=15)
CHECK_AGAIN = timedelta(seconds=1)  # after a check that failed, or for an answer that is to come by itself
LEAVE_LIMIT = timedelta(seconds=3)  # for what a process that is to be exchanged is answering
MISSES = 3  # checks failed in a row, and the process is ended
AT_ONCE = datetime.min.replace(tzinfo=UTC)
WORDS_SHOWN = 200  # characters of a log line that go into a reason
SENTENCES_SHOWN = 600  # characters of what a program tells people


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Given up."""

    end: End
    reason: Reason


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a viewer. Those below `up` are about the present process and begin anew with the next."""

    mirror: MirrorState | None = None
    logs_since: datetime | None = None
    starts: int = 0
    crashes: tuple[datetime, ...] = ()  # within the window
    crash_count: int = 0  # all
    last_words: str = ""  # of the process that crashed last
    retry_at: datetime | None = None
    ready_at: datetime | None = None
    failure: Failure | None = None
    stopping: bool = False
    asleep: bool = False  # nobody looks, so nothing is to run
    known: bool = False  # its logs stand on disk already: they can be shown before the source has answered
    waiting: Reason | None = None  # there is no room for it
    up: bool = False
    launched_at: datetime | None = None
    astray: bool = False  # it sees a folder that its logs are no longer in
    leave_sent_at: datetime | None = None
    complaint: str = ""  # what it said when it gave up
    serving: bool = False
    load_sent_at: datetime | None = None
    rewrites_sent: int = 0
    loaded: bool = False
    answers_soon: bool = False  # a request of its own
    answered: bool = False
    slow: bool = False
    note: str = ""  # what it wants people to know
    alive: bool = False  # has answered a liveness check
    checking: bool = False
    check_at: datetime | None = None
    misses: int = 0


class Act(StrEnum):
    """What to do."""

    LAUNCH = "launch"
    LOAD = "load"
    CHECK = "check"
    LEAVE = "leave"
    KILL = "kill"


class Step(msgspec.Struct, frozen=True):
    """The next thing to do; without an act, when to look again if nothing happens (None: never)."""

    act: Act | None = None
    look_at: datetime | None = None


def next_step(facts: Facts, now: datetime) -> Step:
    """What to do now."""
    if facts.failure is not None or facts.stopping or facts.asleep:
        return Step()
    if not facts.up:
        return Step(Act.LAUNCH) if facts.retry_at is None or now >= facts.retry_at else Step(None, facts.retry_at)
    if facts.misses >= MISSES or (_says_nothing(facts) and now >= _start_limit(facts)):
        return Step(Act.KILL)
    if facts.astray:
        return _exchange(facts, now)
    load = _load_at(facts)
    if load is not None and now >= load:
        return Step(Act.LOAD)
    check = _check_at(facts)
    if check is not None and now >= check:
        return Step(Act.CHECK)
    limit = _start_limit(facts) if _says_nothing(facts) else None
    return Step(None, min((time for time in (load, check, limit) if time is not None), default=None))


def _says_nothing(facts: Facts) -> bool:
    return facts.up and not facts.serving


def _start_limit(facts: Facts) -> datetime:
    return (facts.launched_at or AT_ONCE) + START_LIMIT


def why_it_is_ended(facts: Facts) -> str:
    """What a viewer's log says of a KILL."""
    if _says_nothing(facts):
        return f"It has not said within {START_LIMIT.seconds} s that it answers"
    return "It goes on answering" if facts.astray else "It does not answer any more"


def _exchange(facts: Facts, now: datetime) -> Step:
    """How it makes way for a process that sees other folders: nobody's answer is cut short, if it comes soon."""
    if facts.leave_sent_at is None:
        return Step(Act.LEAVE)
    limit = facts.leave_sent_at + LEAVE_LIMIT
    return Step(Act.KILL) if now >= limit else Step(None, limit)


def _load_at(facts: Facts) -> datetime | None:
    """When the folder's content is to be (re)loaded, as far as is known."""
    mirror = facts.mirror
    if mirror is None:
        return None
    if facts.waiting is not None:
        return facts.retry_at or AT_ONCE
    if facts.load_sent_at is None and facts.known:
        return AT_ONCE
    if facts.load_sent_at is not None:
        return facts.load_sent_at if mirror.rewrites > facts.rewrites_sent else None
    if mirror.complete or mirror.sighted:
        return AT_ONCE
    return facts.logs_since + FIRST_CHART if facts.logs_since else None


def _check_at(facts: Facts) -> datetime | None:
    if not facts.serving or facts.checking or facts.load_sent_at is None:
        return None
    if facts.check_at is not None:
        return facts.check_at
    return facts.load_sent_at if facts.loaded else facts.load_sent_at + LOAD_LIMIT


def mirror_changed(facts: Facts, mirror: MirrorState, now: datetime) -> Facts:
    """The mirror has another state.

    A source that can't be read ends only a viewer that never ran: one that did goes on with the logs that it has.
    """
    facts = replace(facts, mirror=mirror)
    if mirror.has_logs and facts.logs_since is None:
        facts = replace(facts, logs_since=now)
    if mirror.failure is not None and facts.failure is None and facts.ready_at is None and not facts.known:
        facts = replace(facts, failure=Failure(end=End.SOURCE, reason=mirror.failure))
    return facts


def launched(facts: Facts, now: datetime) -> Facts:
    """A process was started."""
    return replace(_without_process(facts), up=True, launched_at=now, starts=facts.starts + 1, retry_at=None)


def kept_waiting(facts: Facts, reason: Reason, until: datetime) -> Facts:
    """There is no room for a process now, or for what it would load; ask again at that time."""
    return replace(facts, waiting=reason, retry_at=until)


def put_to_sleep(facts: Facts) -> Facts:
    """Nothing of it is to run until somebody looks."""
    return replace(_without_process(facts), asleep=True, known=facts.known or facts.loaded, crashes=())


def woken(facts: Facts) -> Facts:
    """Somebody looks."""
    return replace(facts, asleep=False, mirror=None, logs_since=None)


def may_sleep(facts: Facts) -> bool:
    """Whether it has shown all that there was: one that starts, loads or has failed is not put to sleep."""
    return phase_of(facts) is Phase.READY and facts.loaded


def refused(facts: Facts, reason: Reason) -> Facts:
    """No process can be started."""
    return replace(_without_process(facts), failure=Failure(end=End.SUBMIT, reason=reason))


def gone_astray(facts: Facts) -> Facts:
    """A folder that the process sees was replaced by another: only a new process sees that."""
    return replace(facts, astray=True) if facts.up else facts


def ended(facts: Facts) -> Facts:
    """The process was ended so that a new one takes its place."""
    return _without_process(facts)


def leave_sent(facts: Facts, now: datetime) -> Facts:
    """The program was told to finish its answers and end."""
    return replace(facts, leave_sent_at=now)


def load_sent(facts: Facts, now: datetime) -> Facts:
    """The program was told to load."""
    rewrites = facts.mirror.rewrites if facts.mirror else 0
    sent_at = facts.load_sent_at or now
    return replace(facts, load_sent_at=sent_at, rewrites_sent=rewrites, waiting=None, retry_at=None)


def told(facts: Facts, event: Event, now: datetime) -> Facts:
    """The program has said something."""
    if not facts.up:
        return facts
    match event.event:
        case Told.SERVING:
            return _alive_by_its_word(replace(facts, serving=True, answers_soon=event.text == SOON), now)
        case Told.LOADER:
            return replace(facts, slow=event.text == SLOW_LOADER)
        case Told.LOADED:
            waits = facts.answers_soon and not (facts.answered or facts.alive)
            check_at = now + CHECK_AGAIN if waits else facts.check_at
            return _alive_by_its_word(replace(facts, loaded=True, check_at=check_at), now)
        case Told.ANSWERED:
            return _alive_by_its_word(replace(facts, answered=True), now)
        case Told.NOTE:
            return replace(facts, note=event.text)
        case Told.FAILED:
            return replace(facts, complaint=event.text)


def _alive_by_its_word(facts: Facts, now: datetime) -> Facts:
    """One that has answered itself needs no first check."""
    is_alive = facts.serving and facts.loaded and facts.answered and not facts.alive
    return checked(facts, alive=True, now=now) if is_alive else facts


def checked(facts: Facts, alive: bool, now: datetime) -> Facts:
    """A liveness check came back."""
    if not facts.up:
        return facts
    if not alive:
        return replace(facts, checking=False, misses=facts.misses + 1, check_at=now + CHECK_AGAIN)
    facts = replace(facts, checking=False, misses=0, alive=True, check_at=now + CHECK_EVERY)
    return replace(facts, ready_at=facts.ready_at or now)


def crashed(facts: Facts, now: datetime, *, last_line: str, jitter: float) -> Facts:
    """The process has ended by itself. `jitter` from 0.5 to 1 spreads the retries of many."""
    words = facts.complaint or last_line
    crashes = (*(at for at in facts.crashes if now - at < CRASH_WINDOW), now)
    facts = replace(_without_process(facts), crashes=crashes, crash_count=facts.crash_count + 1, last_words=words)
    if len(crashes) >= CRASH_LIMIT and facts.failure is None:
        return replace(facts, failure=Failure(end=End.VIEWER, reason=_crash_reason(words, given_up=True)))
    return replace(facts, retry_at=now + retry_delay(len(crashes)) * jitter)


def retry_delay(crashes: int) -> timedelta:
    """How long to wait after so many crashes."""
    doublings = min(max(crashes - 1, 0), 10)
    return min(FIRST_RETRY * (1 << doublings), SLOWEST_RETRY)


def phase_of(facts: Facts) -> Phase:
    """The phase that the facts amount to."""
    if facts.stopping:
        return Phase.STOPPING
    if facts.failure is not None:
        return Phase.FAILED
    if facts.asleep:
        return Phase.ASLEEP
    if facts.waiting is not None:
        return Phase.WAITING
    if facts.up and facts.alive:
        return Phase.READY
    return Phase.RECOVERING if facts.crashes else Phase.STARTING


def reason_of(facts: Facts) -> Reason | None:
    """What is to be said beside the phase."""
    note = facts.mirror.failure or facts.mirror.note if facts.mirror else None
    match phase_of(facts):
        case Phase.WAITING:
            return facts.waiting
        case Phase.FAILED:
            return facts.failure.reason if facts.failure else None
        case Phase.RECOVERING:
            return _crash_reason(facts.last_words, given_up=False)
        case Phase.READY:
            return note or (None if facts.loaded else _STILL_LOADING) or _told_by_viewer(facts)
        case _:
            return note


def _told_by_viewer(facts: Facts) -> Reason | None:
    if facts.note:
        return Reason(code=ReasonCode.VIEWER_NOTE, text=facts.note)
    return _SLOW if facts.slow else None


def safe_words(line: str, *private: str, most: int = WORDS_SHOWN) -> str:
    """A log line that may be shown: printable, short, without the machine's paths."""
    for path in sorted(private, key=len, reverse=True):
        line = line.replace(path, "…")
    printable = "".join(letter if letter.isprintable() else " " for letter in line)
    return _PATH.sub("…", printable).strip()[:most]


def _without_process(facts: Facts) -> Facts:
    return Facts(
        mirror=facts.mirror,
        logs_since=facts.logs_since,
        starts=facts.starts,
        crashes=facts.crashes,
        crash_count=facts.crash_count,
        last_words=facts.last_words,
        ready_at=facts.ready_at,
        failure=facts.failure,
        stopping=facts.stopping,
        asleep=facts.asleep,
        known=facts.known,
    )


def _crash_reason(words: str, *, given_up: bool) -> Reason:
    what = "ended again and again and was given up" if given_up else "ended and is being started again"
    said = f" It last said: {words}" if words else ""
    hint = " See the job's logs, then restart it." if given_up else ""
    return Reason(code=ReasonCode.VIEWER_CRASHED, text=f"The viewer {what}.{said}{hint}")


_PATH = re.compile(r"(?<![\w.])/(?:[\w.@+~-]+/)+[\w.@+~-]*")
_STILL_LOADING = Reason(code=ReasonCode.LOADING, text="Still loading; what is there already can be seen.")
_SLOW = Reason(
    code=ReasonCode.SLOW_LOADER,
    text="This machine lacks TensorBoard's fast data server, so loading is about 100 times slower. "
    "`belvedere doctor` says more.",
)
