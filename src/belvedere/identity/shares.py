"""Share links: whoever has one may look at one job, without an account, until it expires or is revoked.

A share is worth no more than the right of the one who made it, and lets do nothing but look.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from belvedere.identity.records import Principal


class ShareRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A share link as kept: its secret's digest only. `maker` made it. The repr hides the password's hash."""

    id: str
    digest: str
    job_id: int
    maker: Principal
    note: str = ""
    password_hash: str = ""  # "": it has none
    created_at: datetime
    expires_at: datetime
    uses: int = 0
    used_at: datetime | None = None

    def __repr__(self) -> str:
        return f"ShareRecord(id={self.id!r}, job_id={self.job_id!r})"


class ShareStore(Protocol):
    """Where share links are kept. Those of a deleted job are gone with it; a share's passes are gone with the share."""

    async def add_share(self, record: ShareRecord, most: int) -> bool:
        """False, and nothing changes, if the job has `most` already."""
        ...

    async def find_share(self, digest: str) -> ShareRecord | None: ...

    async def shares(self, job_id: int) -> Sequence[ShareRecord]:
        """The newest first."""
        ...

    async def remove_share(self, job_id: int, share_id: str) -> bool:
        """Whether there was one."""
        ...

    async def note_use(self, share_id: str, now: datetime) -> None: ...
