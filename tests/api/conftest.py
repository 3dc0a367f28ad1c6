from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api import Api, api_in_process


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with api_in_process(tmp_path) as api:
        yield api
