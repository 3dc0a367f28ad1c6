"""Passes in memory."""

from datetime import datetime

from belvedere.identity.passes import Pass, PassKind


class MemoryPassStore:
    """Implements `PassStore`."""

    def __init__(self) -> None:
        self._passes: dict[tuple[PassKind, str], Pass] = {}

    async def add_pass(self, record: Pass) -> None:
        self._passes[record.kind, record.digest] = record

    async def find_pass(self, kind: PassKind, digest: str) -> Pass | None:
        return self._passes.get((kind, digest))

    async def take_pass(self, kind: PassKind, digest: str) -> Pass | None:
        return self._passes.pop((kind, digest), None)

    async def remove_expired_passes(self, now: datetime) -> int:
        expired = [place for place, record in self._passes.items() if record.expires_at <= now]
        for place in expired:
            del self._passes[place]
        return len(expired)
