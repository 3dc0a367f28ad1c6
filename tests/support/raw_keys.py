"""Objects whose keys no careful client would send."""

from datetime import UTC, datetime

import aiohttp
from yarl import URL

from belvedere.sources.signing import encoded_path, signed_headers
from tests.support.seaweedfs import SeaweedFs


async def put_raw(server: SeaweedFs, bucket: str, key: str) -> None:
    """Write an empty object; its key goes out as it is."""
    store, path = server.settings(), encoded_path(f"/{bucket}/{key}")
    host = store.endpoint.removeprefix("http://")
    signed = signed_headers(store, host, path, "", datetime.now(UTC), method="PUT")
    async with aiohttp.ClientSession() as session:
        answer = await session.put(URL(store.endpoint + path, encoded=True), headers=signed)
        assert answer.status == 200, await answer.text()
