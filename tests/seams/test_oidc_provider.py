"""An OpenID provider that is away, slow, strange or changes its keys: what a real one rarely shows."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from joserfc import jws
from joserfc.jwk import KeySet, RSAKey
from msgspec.structs import replace

from belvedere.identity import oidc_provider
from belvedere.identity.oidc import OidcRules, ProviderFault, Tokens
from belvedere.identity.oidc_provider import OidcProvider

FIRST = RSAKey.generate_key(2048, {"kid": "first"}, private=True)
SECOND = RSAKey.generate_key(2048, {"kid": "second"}, private=True)


class Strange:
    """A provider that answers what a test tells it to. `asked`: the paths, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.forms: list[dict[str, list[str]]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: dict[str, web.Response] = {}
        self.origin = ""
        self.keys = KeySet([FIRST])
        self.described: dict[str, object] = {}
        self.is_silent = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.is_silent:
            await asyncio.Event().wait()
        self.headers.append(dict(request.headers))
        if request.method == "POST":
            self.forms.append(parse_qs((await request.read()).decode()))
        if request.path in self.answers:
            told = self.answers[request.path]
            return web.Response(status=told.status, body=told.body, headers=told.headers)
        return web.json_response(self._usual(request.path))

    def _usual(self, path: str) -> object:
        usual = {name: f"{self.origin}/{path}" for name, path in _PLACES.items()}
        answers: dict[str, object] = {
            "/.well-known/openid-configuration": {"issuer": self.origin, **usual, **self.described},
            "/keys": self.keys.as_dict(private=False),
            "/token": {"id_token": "t", "access_token": "a"},
            "/userinfo": {"sub": "1", "preferred_username": "ann"},
        }
        return answers[path]

    @property
    def rules(self) -> OidcRules:
        return OidcRules(
            issuer=self.origin, client_id="be:l", client_secret="s&cret", redirect_uri="https://b.example/back"
        )


_PLACES = {
    "authorization_endpoint": "in",
    "token_endpoint": "token",
    "jwks_uri": "keys",
    "userinfo_endpoint": "userinfo",
}


@pytest.fixture
async def strange() -> AsyncIterator[Strange]:
    made = Strange()
    runner = web.ServerRunner(web.Server(made.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def signed(key: RSAKey) -> str:
    return jws.serialize_compact({"alg": "RS256", "kid": str(key.kid)}, json.dumps({"sub": "1"}), key)


async def test_it_is_described_once_for_a_crowd(strange: Strange) -> None:
    provider = OidcProvider(strange.rules)
    assert [(await provider.described()).issuer for _ in range(3)] == [strange.origin] * 3
    assert len(strange.asked) == 1


async def test_a_code_is_sent_with_its_verifier_and_our_secret_in_a_header_alone(strange: Strange) -> None:
    assert await OidcProvider(strange.rules).tokens_for("c", "v") == Tokens(id_token="t", access_token="a")
    assert strange.forms[-1] == {
        "grant_type": ["authorization_code"],
        "code": ["c"],
        "redirect_uri": ["https://b.example/back"],
        "code_verifier": ["v"],
    }
    scheme, _, text = strange.headers[-1]["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(text)) == ("Basic", b"be%3Al:s%26cret")


@pytest.mark.parametrize(
    ("secret", "methods", "form"),
    [
        ("s&cret", ["client_secret_post"], {"client_id": ["be:l"], "client_secret": ["s&cret"]}),
        ("", ["none"], {"client_id": ["be:l"]}),
    ],
)
async def test_a_secret_goes_where_the_provider_wants_it(
    strange: Strange, secret: str, methods: list[str], form: dict[str, list[str]]
) -> None:
    strange.described["token_endpoint_auth_methods_supported"] = methods
    await OidcProvider(replace(strange.rules, client_secret=secret)).tokens_for("c", "v")
    assert form.items() <= strange.forms[-1].items()
    assert "Authorization" not in strange.headers[-1]


async def test_a_code_that_is_no_good_is_none_and_a_fault_is_a_fault(strange: Strange) -> None:
    provider = OidcProvider(strange.rules)
    strange.answers["/token"] = web.json_response({"error": "invalid_grant"}, status=400)
    assert await provider.tokens_for("c", "v") is None
    strange.answers["/token"] = web.json_response({"error": "invalid_client"}, status=401)
    with pytest.raises(ProviderFault, match="invalid_client"):
        await provider.tokens_for("c", "v")


async def test_new_keys_are_looked_for_when_a_signature_is_of_none_that_is_known(
    strange: Strange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_provider, "_KEYS_ANEW", 0.0)
    provider = OidcProvider(strange.rules)
    assert await provider.claims_of(signed(FIRST)) == {"sub": "1"}
    strange.keys = KeySet([FIRST, SECOND])
    assert await provider.claims_of(signed(SECOND)) == {"sub": "1"}


async def test_made_up_signatures_do_not_make_us_ask_for_keys_again_and_again(strange: Strange) -> None:
    provider = OidcProvider(strange.rules)
    await provider.claims_of(signed(FIRST))
    assert [await provider.claims_of(signed(SECOND)) for _ in range(5)] == [None] * 5
    assert strange.asked.count("/keys") == 1


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"])
@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        web.Response(status=500, text="oh"),
        web.Response(text="<html>"),
        web.Response(body=b"[]"),
        web.Response(body=b'{"a": "' + b"x" * (2 << 20) + b'"}'),
        web.Response(body=b"\xff\xfe"),
    ],
    ids=["elsewhere", "broken", "a page", "a list", "too large", "no text"],
)
async def test_a_strange_answer_is_the_providers_fault(strange: Strange, path: str, answer: web.Response) -> None:
    strange.answers[path] = answer
    provider = OidcProvider(strange.rules)
    with pytest.raises(ProviderFault):
        await _all_of(provider)


async def _all_of(provider: OidcProvider) -> None:
    await provider.tokens_for("c", "v")
    await provider.claims_of(signed(FIRST))
    await provider.further_claims("a")


async def test_nobody_there_is_the_providers_fault_and_the_secret_is_not_told(strange: Strange) -> None:
    rules = replace(strange.rules, issuer="http://127.0.0.1:1")
    with pytest.raises(ProviderFault) as fault:
        await OidcProvider(rules).described()
    assert "s&cret" not in str(fault.value)


async def test_somebody_silent_is_not_waited_for_for_ever(strange: Strange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc_provider, "_LIMIT", 0.05)
    strange.is_silent = True
    with pytest.raises(ProviderFault, match="TimeoutError"):
        await OidcProvider(strange.rules).described()
