"""What is no credential at all: too long, of strange alphabets, several at once. Always 401, in few words."""

import httpx2
import pytest

from tests.support.api import PROJECT, Api

PATHS = [f"/v1/{PROJECT}/visualization-jobs", "/v1/identity/users", "/v3/projects", "/v3.0/OS-CREDENTIAL/credentials"]


async def ask(api: Api, path: str, headers: list[tuple[bytes, bytes]]) -> httpx2.Response:
    transport = httpx2.ASGITransport(api.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api.example") as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "token",
    [b"", b" ", b"x", b"x" * 2**20, b"\xff" * 43, "\u2603".encode(), b"null", b"' OR 1=1 --", b"Bearer x", b"../../x"],
    ids=repr,
)
async def test_a_token_that_is_none_opens_nothing(api: Api, path: str, token: bytes) -> None:
    answer = await ask(api, path, [(b"X-Auth-Token", token)])
    assert answer.status_code == 401
    assert answer.json()["error_code"] in {"ModelArts.0201", "ModelArts.0203"}
    assert len(answer.content) < 1000


@pytest.mark.parametrize("path", PATHS)
async def test_two_tokens_are_refused_even_if_both_are_good(api: Api, path: str) -> None:
    token = (b"X-Auth-Token", api.tokens[f"admin@{PROJECT}"].encode())
    answer = await ask(api, path, [token, token])
    assert (answer.status_code, answer.json()["error_code"]) == (401, "ModelArts.0203")


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_beside_a_signature_is_refused_even_if_it_is_good(api: Api, path: str) -> None:
    token = (b"X-Auth-Token", api.tokens[f"admin@{PROJECT}"].encode())
    signed = f"SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature={'0' * 64}".encode()
    answer = await ask(api, path, [token, (b"Authorization", signed)])
    assert (answer.status_code, answer.json()["error_code"]) == (401, "ModelArts.0203")


@pytest.mark.parametrize("path", PATHS)
async def test_a_sign_in_cookie_opens_no_api(api: Api, path: str) -> None:
    answer = await ask(api, path, [(b"Cookie", b"belvedere_console=x")])
    assert answer.status_code == 401
