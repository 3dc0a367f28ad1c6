"""Passes and share links in memory."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from belvedere.identity.passes import Gone, Pass, PassKind
from belvedere.identity.shares import ShareRecord


class MemoryPassStore:
    """Implements `PassStore`."""

    def __init__(self) -> None:
        self._passes: dict[tuple[PassKind, str], Pass] = {}
        self._revoked: set[str] = set()  # share links

    async def add_pass(self, record: Pass) -> None:
        if record.share_id in self._revoked:
            raise Gone("that share link is gone")
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

    def forget_share(self, share_id: str) -> None:
        """A share link was revoked."""
        self._revoked.add(share_id)
        self._passes = {place: record for place, record in self._passes.items() if record.share_id != share_id}


class MemoryShareStore:
    """Implements `ShareStore`. Passes that are kept in the same memory end with their share link."""

    def __init__(self, passes: MemoryPassStore | None = None) -> None:
        self._shares: dict[str, ShareRecord] = {}
        self._passes = passes

    async def add_share(self, record: ShareRecord, most: int) -> bool:
        if len(await self.shares(record.job_id)) >= most:
            return False
        self._shares[record.id] = record
        return True

    async def find_share(self, digest: str) -> ShareRecord | None:
        return next((share for share in self._shares.values() if share.digest == digest), None)

    async def shares(self, job_id: int) -> Sequence[ShareRecord]:
        theirs = [share for share in self._shares.values() if share.job_id == job_id]
        return sorted(theirs, key=lambda share: share.created_at, reverse=True)

    async def remove_share(self, job_id: int, share_id: str) -> bool:
        found = self._shares.get(share_id)
        if found is None or found.job_id != job_id:
            return False
        del self._shares[share_id]
        if self._passes:
            self._passes.forget_share(share_id)
        return True

    async def note_use(self, share_id: str, now: datetime) -> None:
        if share := self._shares.get(share_id):
            self._shares[share_id] = replace(share, uses=share.uses + 1, used_at=now)
