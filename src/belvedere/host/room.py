"""How much of a machine a host may take."""

from typing import Final

import msgspec

MIRROR_QUOTA: Final = 10 * 2**30


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """In bytes. `memory`: for all viewers; None: half of the machine's. `mirrors`: on disk, for mirrored logs."""

    memory: int | None = None
    mirrors: int = MIRROR_QUOTA
