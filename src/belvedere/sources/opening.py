"""From a location to a source that can be listed and read."""

import hashlib
from collections.abc import Mapping
from typing import Final, assert_never

import msgspec

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import LogSource, SourceMissing
from belvedere.sources.folder import FolderSource
from belvedere.sources.location import FolderLocation, Location, ObjectLocation
from belvedere.sources.matching import MatchingFolder, MatchingObjects
from belvedere.sources.objects import PAGE, ObjectSource
from belvedere.sources.selecting import Selection
from belvedere.sources.stores import ObjectStore

_A_FEW: Final = 20  # keys: of a thousand, a store takes many times as long to tell


def open_source(location: Location, stores: Mapping[str, ObjectStore], *, for_a_glance: bool = False) -> LogSource:
    """The source at `location`. Makes no request yet. Raises SourceMissing if its store is not configured.

    `for_a_glance`: whoever lists it wants to know no more than whether anything is there.
    """
    match location:
        case FolderLocation(selection=Selection(folders=str(folders)) as selection) if folders:
            return MatchingFolder(location, selection)
        case FolderLocation():
            return FolderSource(location)
        case ObjectLocation(selection=Selection(folders=str(folders)) as selection, store=name) if folders:
            return MatchingObjects(location, _store(name, stores), selection)
        case ObjectLocation(store=name):
            return ObjectSource(location, _store(name, stores), first_page=_A_FEW if for_a_glance else PAGE)
    assert_never(location)


def source_identity(location: Location, stores: Mapping[str, ObjectStore]) -> str:
    """A word that is the same for two locations only if the same keys read the same things there.

    It holds a digest of the keys, never the keys.
    """
    store = stores.get(location.store) if isinstance(location, ObjectLocation) else None
    keys = msgspec.json.encode(store) if store else b""
    return hashlib.blake2b(msgspec.json.encode(location) + b"\0" + keys, digest_size=16).hexdigest()


def _store(name: str, stores: Mapping[str, ObjectStore]) -> ObjectStore:
    if name in stores:
        return stores[name]
    text = f"The object store {name!r} is not configured. Set BELVEDERE_STORE_ENDPOINT and its keys."
    raise SourceMissing(ReasonCode.STORE_NOT_CONFIGURED, text)
