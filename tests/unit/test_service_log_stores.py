"""Log stores whose keys change, are renewed, or can't be opened any more."""

from datetime import UTC, datetime

import pytest

from belvedere.service.log_stores import StoreCatalog
from belvedere.sources.stores import ObjectStore
from belvedere.store.base import EVERY_PROJECT, LogStoreRecord
from belvedere.store.sealing import Sealer, new_key
from belvedere.testing.store import MemoryJobStore, MemoryLogStoreRecords

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = new_key(), new_key()


def record(name: str, *, key: str = OLD, project_id: str = "p", secret: str = "hush") -> LogStoreRecord:
    return LogStoreRecord(
        project_id=project_id, name=name, endpoint="https://o", region="r", addressing="path", allow_http=False,
        access_key="AK", sealed_secret=Sealer([key]).seal(secret) if secret else "", created_at=NOW, updated_at=NOW,
    )  # fmt: skip


@pytest.fixture(name="records")
def _records() -> MemoryLogStoreRecords:
    return MemoryLogStoreRecords(MemoryJobStore())


async def test_a_project_sees_its_own_the_shared_and_the_settings_stores(records: MemoryLogStoreRecords) -> None:
    for each in (record("a"), record("b", project_id=EVERY_PROJECT), record("c", project_id="q")):
        await records.add(each)
    catalog = StoreCatalog(records, Sealer([OLD]), [ObjectStore(endpoint="https://s", name="default")])
    assert set(await catalog.visible("p")) == {"a", "b", "default"}
    assert {store.key for store in await catalog.everything()} == {"default", "p/a", "b", "q/c"}


async def test_a_store_of_the_settings_comes_before_a_record_of_its_name(records: MemoryLogStoreRecords) -> None:
    await records.add(record("default"))
    catalog = StoreCatalog(records, Sealer([OLD]), [ObjectStore(endpoint="https://s", name="default")])
    assert (await catalog.visible("p"))["default"].endpoint == "https://s"


async def test_a_store_whose_secret_no_key_opens_is_left_out_and_told(records: MemoryLogStoreRecords) -> None:
    await records.add(record("lost"))
    await records.add(record("public", secret=""))
    catalog = StoreCatalog(records, Sealer([NEW]), [])
    assert set(await catalog.visible("p")) == {"public"}
    assert [each.name for each in await catalog.renew()] == ["lost"]


async def test_a_new_key_in_front_takes_over_at_the_next_start(records: MemoryLogStoreRecords) -> None:
    await records.add(record("a"))
    assert await StoreCatalog(records, Sealer([NEW, OLD]), []).renew() == []
    assert (await StoreCatalog(records, Sealer([NEW]), []).visible("p"))["a"].secret_key == "hush"
