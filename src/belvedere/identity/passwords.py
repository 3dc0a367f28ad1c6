"""Passwords, kept as Argon2id hashes."""

import asyncio
import functools
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from belvedere.contract.errors import Unavailable
from belvedere.identity.records import User

_MEMORY: Final = 19 * 1024  # KiB for each hash; with two rounds that is what OWASP asks for at least
_AT_ONCE: Final = 2  # more would let strangers take the machine's memory and processors by guessing
_WAITING: Final = 64  # checks that may wait for their turn
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=_MEMORY, parallelism=1)


class Passwords:
    """Hashes and compares, off the event loop and a few at a time, in a queue of its own. Belongs to one event loop."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._nobodys = _nobodys()  # made here: the first unknown user must not take longer than others
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """What is kept of a password."""
        async with self._places:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def is_right(self, user: User | None, password: str) -> bool:
        """Whether it is the user's password, and they may sign in. The same work for nobody. Raises Unavailable."""
        kept = user.password_hash if user else ""
        matches = await self.match(kept or self._nobodys, password)
        return matches and bool(kept) and user is not None and user.is_enabled

    async def match(self, kept: str, password: str) -> bool:
        """Whether this is the password that `kept` is the hash of. Raises Unavailable when too many ask at once."""
        if self._waiting >= _WAITING:
            raise Unavailable("Too many passwords are being checked at this moment. Try again.", retry_after=1)
        self._waiting += 1
        try:
            async with self._places:
                return await asyncio.to_thread(_matches, kept, password)
        finally:
            self._waiting -= 1


def _matches(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def _nobodys() -> str:
    """What a password of nobody is compared with; one does for a whole process."""
    return _HASHER.hash(secrets.token_urlsafe())
