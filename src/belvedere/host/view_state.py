"""What the mirrors of several sources amount to, as one state. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from belvedere.contract.jobs import SourceProgress
from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.host.mirroring import MirrorState
from belvedere.lifecycle.seen import SeenSource

# Which word stands for all: what is still being done, then what is wrong, then that all is there.
_WORDS: Final = ("copying", "listing", "waiting", "current")
_EMPTY = frozenset({ReasonCode.NOTHING_TO_SHOW, ReasonCode.NO_SUCH_PATH})


def merged(states: Mapping[str, MirrorState], rewrites: int) -> MirrorState:
    """The state of a view of these mirrors, by the names of their sources. There is at least one.

    A source that can't be read fails the whole only together with all others; till then it is told by its name.
    """
    failures = {name: state.failure for name, state in states.items() if state.failure is not None}
    failure = _told(failures) if len(failures) == len(states) else None
    has_logs = any(state.has_logs for state in states.values())
    return MirrorState(
        progress=_progress(states),
        has_logs=has_logs,
        complete=failure is None and all(state.complete or state.failure for state in states.values()),
        sighted=failure is None and all(state.sighted or state.complete or state.failure for state in states.values()),
        rewrites=rewrites,
        failure=failure,
        note=None if failure else _told(failures | _notes(states)),
        sources=tuple(
            SeenSource(name=name, progress=state.progress, reason=state.failure or state.note)
            for name, state in states.items()
        ),
    )


def _notes(states: Mapping[str, MirrorState]) -> dict[str, Reason]:
    """That one source has had nothing to show is no news of a board that isn't empty; that its logs are gone is."""
    notes = {name: state.note for name, state in states.items() if state.note is not None and state.failure is None}
    with_logs = {name for name, state in states.items() if state.has_logs}
    return {name: note for name, note in notes.items() if note.code not in _EMPTY or name in with_logs or not with_logs}


def _told(reasons: Mapping[str, Reason]) -> Reason | None:
    """The first of them, by the name of its source, and how many others there are."""
    if not reasons:
        return None
    name, first = next(iter(reasons.items()))
    others = f" ({_counted(len(reasons) - 1)} something to tell too.)" if len(reasons) > 1 else ""
    return replace(first, text=f"{name}: {first.text}{others}") if name else first


def _counted(sources: int) -> str:
    return "Another source has" if sources == 1 else f"{sources} other sources have"


def _progress(states: Mapping[str, MirrorState]) -> SourceProgress:
    if len(states) == 1:
        return next(iter(states.values())).progress
    all_of_them = [state.progress for state in states.values()]
    done, total = sum(each.bytes_done for each in all_of_them), sum(each.bytes_total for each in all_of_them)
    rates = [each.rate for each in all_of_them if each.rate]
    word = next((word for word in _WORDS if any(each.state == word for each in all_of_them)), "failed")
    return SourceProgress(
        state=word,
        files_done=sum(each.files_done for each in all_of_them),
        files_total=sum(each.files_total for each in all_of_them),
        bytes_done=done,
        bytes_total=total,
        requests=sum(each.requests for each in all_of_them),
        bytes_fetched=sum(each.bytes_fetched for each in all_of_them),
        rate=sum(rates) if rates else None,
        seconds_left=(total - done) // sum(rates) if rates else None,
        checked_at=max(_known(each.checked_at for each in all_of_them), default=None),
        changed_at=max(_known(each.changed_at for each in all_of_them), default=None),
        next_look_at=min(_known(each.next_look_at for each in all_of_them), default=None),
        failures=max(each.failures for each in all_of_them),
        gives_up_at=_end_of_patience(all_of_them),
        reason=_told({name: state.progress.reason for name, state in states.items() if state.progress.reason}),
    )


def _end_of_patience(sources: Sequence[SourceProgress]) -> int | None:
    """When the last one is given up, if nothing can be expected of the others."""
    hoped_for = [each.gives_up_at for each in sources if each.state != "failed"]
    return max(_known(hoped_for), default=None) if None not in hoped_for else None


def _known(times: Iterable[int | None]) -> Sequence[int]:
    return [time for time in times if time is not None]
