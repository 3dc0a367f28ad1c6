"""New databases, with their schema made once for all of them: that takes longer than most tests."""

import functools
import tempfile
from pathlib import Path

from belvedere.lifecycle.clock import Clock, utc_now
from belvedere.store.opening import Stores, open_store


def new_stores(folder: Path, clock: Clock = utc_now) -> Stores:
    """The stores on a new database in `folder`. Close them."""
    path = folder / "belvedere.db"
    path.write_bytes(_empty_database())
    return open_store(path, clock=clock)


@functools.cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory(prefix="bv-database-") as folder:
        path = Path(folder, "belvedere.db")
        open_store(path).close()
        return path.read_bytes()
