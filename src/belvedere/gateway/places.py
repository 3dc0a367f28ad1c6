"""Places at something that takes few at a time: bounded for each who asks, so that nobody can hold them all."""

import asyncio
from collections.abc import Sequence
from typing import Final
from weakref import WeakValueDictionary

import msgspec

LIMIT: Final = 5.0  # seconds that somebody waits for their turn
MOST: Final = 64  # at one viewer: a connection each
EACH: Final = 32  # of them one user's; scripts open many connections
EACH_GUEST: Final = 8  # of them one guest's; a browser opens six
GUESTS: Final = 24  # of them all guests' of share links together: however many come, they leave room for users


class Asker(msgspec.Struct, frozen=True):
    """Who counts as one: a user, by their name, or whoever comes from one address by a share link."""

    name: str
    is_guest: bool = False


class Full(Exception):
    """No place has become free in time."""


class Place:
    """One that is taken. Leave it once."""

    def __init__(self, doors: Sequence[asyncio.Semaphore]) -> None:
        self._doors = doors

    def leave(self) -> None:
        """Somebody else may have it."""
        for door in self._doors:
            door.release()


class Places:
    """Who waits does so first for those of their own, so that nobody else waits behind them. Belongs to one loop."""

    def __init__(self, most: int, *, each: int, each_guest: int, guests: int) -> None:
        """`most` in all; of them `each` for one user, `each_guest` for one guest, `guests` for all guests together."""
        self._each, self._each_guest = each, each_guest
        self._all = asyncio.Semaphore(most)
        self._guests = asyncio.Semaphore(guests)
        self._own: WeakValueDictionary[Asker, asyncio.Semaphore] = WeakValueDictionary()

    async def take(self, asker: Asker) -> Place:
        """A place, within `LIMIT`. Raises Full."""
        doors = self._doors(asker)
        if not any(door.locked() for door in doors):  # whoever need not wait sets no timer
            for door in doors:
                await door.acquire()  # at once, so nobody comes between
            return Place(doors)
        return await self._wait(doors)

    async def _wait(self, doors: Sequence[asyncio.Semaphore]) -> Place:
        taken: list[asyncio.Semaphore] = []
        try:
            async with asyncio.timeout(LIMIT):
                for door in doors:
                    await door.acquire()
                    taken.append(door)
        except TimeoutError as error:
            Place(taken).leave()
            raise Full("all places are taken") from error
        except BaseException:
            Place(taken).leave()
            raise
        return Place(taken)

    def _doors(self, asker: Asker) -> list[asyncio.Semaphore]:
        own = self._own.get(asker)
        if own is None:
            own = self._own[asker] = asyncio.Semaphore(self._each_guest if asker.is_guest else self._each)
        return [own, self._guests, self._all] if asker.is_guest else [own, self._all]
