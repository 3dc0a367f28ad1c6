"""Passwords, kept as Argon2id hashes."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_MEMORY: Final = 19 * 1024  # KiB for each hash; with two rounds that is what OWASP asks for at least
_AT_ONCE: Final = 2  # more would let strangers take the machine's memory and processors by guessing


class Passwords:
    """Hashes and compares, off the event loop and a few at a time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=_MEMORY, parallelism=1)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def hashed(self, password: str) -> str:
        """What is kept of a password."""
        async with self._places:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def match(self, kept: str, password: str) -> bool:
        """Whether this is the password that `kept` is the hash of."""
        async with self._places:
            return await asyncio.to_thread(self._matches, kept, password)

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False
