"""Flavors as an operator writes them: a code, what a viewer of it may take, a word about it. Pure."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from belvedere.contract.jobs import Flavor
from belvedere.contract.sizes import parse_size

DEFAULT_CODE: Final = "default"
# A limit, not a reservation: a viewer takes some 10 MiB and grows with its logs. The largest that we measured (two
# million events) stays well below; what grows beyond would take the machine from all others.
DEFAULT_MEMORY: Final = 2 * 2**30
LEAST_MEMORY: Final = 64 * 2**20  # a viewer, its data server, and one small log with images
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class FlavorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One flavor. `memory` like ``512MiB``; `cpu` in cores, 0 where nothing is said."""

    memory: str | int
    description: str = ""
    cpu: float = 0.0


def flavors_of(settings: Mapping[str, FlavorSettings]) -> tuple[Flavor, ...]:
    """The flavors on offer, the default one first. Raises ValueError naming the flavor and the remedy."""
    plain = FlavorSettings(memory=DEFAULT_MEMORY, description="For logs of any usual size.")
    return tuple(_flavor(code, each) for code, each in {DEFAULT_CODE: plain, **settings}.items())


def _flavor(code: str, settings: FlavorSettings) -> Flavor:
    if not _CODE.fullmatch(code):
        raise ValueError(f"flavors: {code!r} is no code: 1 to 64 letters, digits, periods, hyphens and underscores.")
    try:
        memory = parse_size(settings.memory)
    except ValueError as error:
        raise ValueError(f"flavors.{code}.memory: {error}.") from error
    if memory < LEAST_MEMORY:
        raise ValueError(
            f"flavors.{code}.memory: {settings.memory} is less than a viewer needs: it takes some 10 MiB, its data "
            f"server as much, and each log its part. Give it {LEAST_MEMORY // 2**20}MiB or more."
        )
    if not 0 <= settings.cpu <= 1024:
        raise ValueError(f"flavors.{code}.cpu: expected cores from 0 (not said) to 1024, not {settings.cpu:g}.")
    return Flavor(
        code=code,
        description=settings.description,
        memory_bytes=memory,
        cpu=settings.cpu or None,
        is_default=code == DEFAULT_CODE,
    )
