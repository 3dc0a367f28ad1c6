"""What a runtime is asked for on behalf of a job."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from belvedere.host.protocol import ViewerSpec
from belvedere.lifecycle.jobs import Job, Run
from belvedere.lifecycle.quotas import Quotas
from belvedere.server import locating
from belvedere.server.apps import spec_builder
from belvedere.server.flavors import FlavorSettings
from belvedere.server.locating import Locator
from belvedere.server.settings import Settings
from belvedere.service.log_stores import StoreCatalog
from belvedere.sources.location import FolderLocation
from belvedere.store.sealing import Sealer, new_key
from belvedere.testing.store import MemoryJobStore, MemoryLogStoreRecords

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def locator_of(settings: Settings) -> Locator:
    return Locator(settings, StoreCatalog(MemoryLogStoreRecords(MemoryJobStore()), Sealer([new_key()]), []))


def specs(settings: Settings) -> Callable[[Job], Awaitable[ViewerSpec]]:
    async def quotas_of(project_id: str) -> Quotas:
        assert project_id == "p"
        return Quotas(awake_viewers=3, memory_bytes=2**30)

    return spec_builder(settings, locator_of(settings), quotas_of)


@pytest.fixture(name="job")
def _job(tmp_path: Path) -> Job:
    return Job(id=1, project_id="p", name="n", train_url=f"file://{tmp_path}", created_at=NOW, updated_at=NOW,
               intended_at=NOW, revision=4)  # fmt: skip


@pytest.mark.parametrize(
    ("of_service", "of_job", "seconds"),
    [(900, None, 900.0), (900, 60, 60.0), (900, 0, None), (0, None, None), (0, 60, 60.0)],
)
async def test_a_jobs_own_sleep_comes_before_the_services(
    job: Job, tmp_path: Path, of_service: int, of_job: int | None, seconds: float | None
) -> None:
    settings = Settings(log_root=(str(tmp_path),), sleep_after=of_service)
    spec = await specs(settings)(replace(job, sleep_after=of_job))
    assert (spec.sleep_after, spec.revision) == (seconds, 4)


@pytest.mark.parametrize(("flavor", "memory"), [("default", 2**31), ("small", 2**29), ("of-yesterday", 2**31)])
async def test_the_memory_limit_is_the_flavors(job: Job, tmp_path: Path, flavor: str, memory: int) -> None:
    settings = Settings(log_root=(str(tmp_path),), flavors={"small": FlavorSettings(memory="512MiB")})
    spec = await specs(settings)(replace(job, flavor=flavor))
    assert spec.memory_bytes == memory


@pytest.mark.parametrize(("sleep_after", "ran", "asleep"), [(None, False, False), (None, True, True), (0, True, False)])
async def test_a_job_that_ran_before_comes_back_asleep_unless_it_never_sleeps(
    job: Job, tmp_path: Path, sleep_after: int | None, ran: bool, asleep: bool
) -> None:
    run = Run(first_ran_at=NOW if ran else None)
    spec = await specs(Settings(log_root=(str(tmp_path),)))(replace(job, sleep_after=sleep_after, run=run))
    assert spec.asleep is asleep


async def test_the_host_is_told_what_the_projects_viewers_may_have(job: Job, tmp_path: Path) -> None:
    spec = await specs(Settings(log_root=(str(tmp_path),)))(job)
    assert (spec.project_awake, spec.project_memory) == (3, 2**30)


async def test_a_folder_that_was_just_checked_is_not_looked_for_again_once(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locator = locator_of(Settings(log_root=(str(tmp_path),)))
    await locator.check("p", job.train_url, None, is_pattern=False)
    looked_for: list[str] = []

    async def locate(text: str, **_: object) -> FolderLocation:
        looked_for.append(text)
        return FolderLocation(path="/", root="/")

    monkeypatch.setattr(locating, "locate", locate)
    assert (await locator.of_job(job))[0].location == FolderLocation(path=str(tmp_path), root=str(tmp_path))
    assert not looked_for
    await locator.of_job(job)  # as when it is restarted
    assert looked_for == [job.train_url]
