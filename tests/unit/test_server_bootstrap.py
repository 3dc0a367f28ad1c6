"""The first identity: made once, found again, written anew when it is lost."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from belvedere.contract.errors import InvalidToken
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.keys import KeyRing
from belvedere.server.bootstrap import Bootstrap, ensure_bootstrap
from belvedere.store.sealing import Sealer, new_key
from belvedere.testing.store import MemoryIdentityStore

NOW = datetime(2026, 5, 4, tzinfo=UTC)
SEALER = Sealer([new_key()])


class Service:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "bootstrap.json"
        self.store = MemoryIdentityStore()
        self.gatekeeper = Gatekeeper(self.store)

    async def start(self) -> Bootstrap:
        return await ensure_bootstrap(
            self.file,
            self.store,
            self.gatekeeper,
            KeyRing(self.store, self.gatekeeper, SEALER, NOW),
            clock=lambda: NOW,
            api_origin="http://a",
            viewer_origin="http://v",
        )


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


async def test_the_token_opens_the_project(service: Service) -> None:
    made = await service.start()
    assert (await service.gatekeeper.principal_of_token(made.token, NOW)).project_id == made.project_id


async def test_a_second_start_finds_the_same(service: Service) -> None:
    assert await service.start() == await service.start()


async def test_the_file_is_the_operators_alone(service: Service) -> None:
    await service.start()
    assert stat.S_IMODE(service.file.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [None, b"", b"{", b'{"token": 7}'])
async def test_a_lost_file_is_written_anew_and_the_old_token_is_revoked(service: Service, damage: bytes | None) -> None:
    before = await service.start()
    service.file.unlink() if damage is None else service.file.write_bytes(damage)
    after = await service.start()
    assert (after.project_id, after.token == before.token) == (before.project_id, False)
    with pytest.raises(InvalidToken):
        await service.gatekeeper.principal_of_token(before.token, NOW)


def test_the_token_is_not_shown() -> None:
    shown = repr(Bootstrap(project_id="p", token="hush", console_url="c", endpoint="e", viewer_url="v"))
    assert "hush" not in shown
