"""A job's share of a viewer: jobs that show the same thing share its processes, and each keeps a life of its own."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from belvedere.host.protocol import SourceSpec, ViewerSpec
from belvedere.host.sleeping import Rest
from belvedere.host.supervisor import Supervisor
from belvedere.lifecycle.seen import Phase, Seen


class Sameness(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that are equal in this share a viewer."""

    project_id: str
    viewer_type: str
    sources: frozenset[SourceSpec]
    memory_bytes: int | None


def sameness(spec: ViewerSpec) -> Sameness:
    """What has to be equal."""
    return Sameness(
        project_id=spec.project_id,
        viewer_type=spec.viewer_type,
        sources=frozenset(spec.sources),
        memory_bytes=spec.memory_bytes,
    )


class Entry:
    """One attempt of one job. What it wants to show, and for how long, may change with each revision of the job."""

    def __init__(self, spec: ViewerSpec, viewer: Supervisor, used_at: float) -> None:
        self.spec = spec
        self.used_at = used_at  # seconds of the event loop's clock
        self._ready_at: datetime | None = None
        self._gist: tuple[object, ...] = ()
        self._starts = 0  # in viewers that it has left
        self._take(viewer)

    @property
    def same(self) -> Sameness:
        """What it shares with others."""
        return sameness(self.spec)

    def take_wishes(self, spec: ViewerSpec) -> None:
        """Do as a newer revision of its specification says, as far as that can change within an attempt."""
        self.spec = replace(
            self.spec, revision=spec.revision, sleep_after=spec.sleep_after, sources=spec.sources, asleep=spec.asleep
        )

    def move_to(self, viewer: Supervisor) -> None:
        """From now on it is another viewer that shows its logs."""
        self._starts = self.seen.starts
        self._take(viewer)

    def _take(self, viewer: Supervisor) -> None:
        look = viewer.look
        self.viewer = viewer
        self._starts_before = look.starts - (1 if look.phase in _UP else 0)

    @property
    def rest(self) -> Rest:
        """Its wish to sleep."""
        return Rest(used_at=self.used_at, sleep_after=self.spec.sleep_after)

    def note_phase(self, now: datetime) -> bool:
        """The viewer has changed; whether anybody acts upon that, as nobody does on mere progress.

        A job that joins a viewer that is ready was not ready before it joined.
        """
        look = self.viewer.look
        if self._ready_at is None and look.phase is Phase.READY:
            self._ready_at = now
        before, self._gist = self._gist, (look.phase, look.end, look.reason)
        return self._gist != before

    @property
    def seen(self) -> Seen:
        """The job's viewer as of now."""
        look = self.viewer.look
        return Seen(
            phase=look.phase,
            attempt=self.spec.attempt,
            revision=self.spec.revision,
            ready_at=self._ready_at,
            endpoint=look.endpoint,
            end=look.end,
            reason=look.reason,
            source=look.source,
            sources=look.sources,
            starts=self._starts + look.starts - self._starts_before,
        )


_UP = {Phase.STARTING, Phase.READY, Phase.RECOVERING}
