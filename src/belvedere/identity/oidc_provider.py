"""An OpenID provider, asked over the network. Nothing it says is more than bytes until `identity.oidc` has read it."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec
from joserfc.jwk import KeySet

from belvedere.identity.id_tokens import keys_in, signed_claims
from belvedere.identity.oidc import OidcRules, Provider, ProviderFault, Tokens, provider_of

_LIMIT: Final = 5.0  # seconds for each question
_LARGEST: Final = 1 << 20  # bytes of an answer
_KEPT: Final = 600.0  # seconds that its description and keys are believed
_KEYS_ANEW: Final = 10.0  # seconds between two looks for a key that we don't know
_DISCOVERY: Final = "/.well-known/openid-configuration"
_JSON: Final = {"Accept": "application/json"}


class OidcProvider:
    """Implements `ProviderSeam`. No redirect is followed: each address is the provider's own word."""

    def __init__(self, rules: OidcRules) -> None:
        self._rules = rules
        self._provider: Provider | None = None
        self._keys: KeySet | None = None
        self._described_at = self._keys_at = float("-inf")
        self._lock = asyncio.Lock()

    async def described(self) -> Provider:
        async with self._lock:  # a crowd at the door asks once
            if self._provider is None or time.monotonic() - self._described_at > _KEPT:
                issuer = self._rules.issuer
                _, document = await self._ask("GET", issuer.rstrip("/") + _DISCOVERY)
                self._provider, self._described_at = provider_of(document, issuer), time.monotonic()
            return self._provider

    async def tokens_for(self, code: str, verifier: str) -> Tokens | None:
        provider = await self.described()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._rules.redirect_uri,
            "code_verifier": verifier,
        }
        headers = dict(_JSON)
        if not self._rules.client_secret:
            form["client_id"] = self._rules.client_id
        elif "client_secret_basic" in provider.token_endpoint_auth_methods_supported:
            headers["Authorization"] = self._basic()
        else:
            form |= {"client_id": self._rules.client_id, "client_secret": self._rules.client_secret}
        status, answer = await self._ask("POST", provider.token_endpoint, form=form, headers=headers)
        if status == 400 and _error_in(answer) == "invalid_grant":
            return None
        if status != 200:
            raise ProviderFault(f"{provider.token_endpoint} answered {status} {_error_in(answer)}")
        try:
            return msgspec.json.decode(answer, type=Tokens)
        except msgspec.MsgspecError as error:
            raise ProviderFault(f"{provider.token_endpoint} gave no ID token: {error}") from error

    async def claims_of(self, id_token: str) -> Mapping[str, object] | None:
        keys = await self._known_keys(_KEPT)
        claims = signed_claims(id_token, keys)
        if claims is None:  # it may be signed by a key that is newer than those we know
            newer = await self._known_keys(_KEYS_ANEW)
            claims = signed_claims(id_token, newer) if newer is not keys else None
        return claims

    async def further_claims(self, access_token: str) -> Mapping[str, object]:
        provider = await self.described()
        if not provider.userinfo_endpoint or not access_token:
            return {}
        headers = {**_JSON, "Authorization": f"Bearer {access_token}"}
        _, answer = await self._ask("GET", provider.userinfo_endpoint, headers=headers)
        try:
            return msgspec.json.decode(answer, type=dict[str, object])
        except msgspec.MsgspecError as error:
            raise ProviderFault(f"{provider.userinfo_endpoint} gave no claims: {error}") from error

    async def _known_keys(self, age: float) -> KeySet:
        provider = await self.described()
        async with self._lock:
            if self._keys is None or time.monotonic() - self._keys_at > age:
                _, document = await self._ask("GET", provider.jwks_uri)
                self._keys, self._keys_at = keys_in(document), time.monotonic()
            return self._keys

    def _basic(self) -> str:
        """Both halves are form-encoded first (RFC 6749, section 2.3.1)."""
        user, password = quote(self._rules.client_id, safe=""), quote(self._rules.client_secret, safe="")
        return aiohttp.encode_basic_auth(user, password)

    async def _ask(
        self, method: str, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] = _JSON
    ) -> tuple[int, bytes]:
        """Status and body. Only a POST may be refused: what is read has to be there. Raises ProviderFault."""
        timeout = aiohttp.ClientTimeout(total=_LIMIT)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.request(method, url, data=form, headers=headers, allow_redirects=False) as response,
            ):
                status, body = response.status, await _whole(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ProviderFault(f"{url} can't be reached: {type(error).__name__} {error}") from error
        if len(body) > _LARGEST or (method == "GET" and status != 200):
            raise ProviderFault(f"{url} answered {status} with {len(body)} bytes")
        return status, body


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The body; of one that is too large only so much that it shows."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST:
            break
    return bytes(body)


def _error_in(answer: bytes) -> str:
    """The word for what went wrong: one of the specification's, or nothing."""
    try:
        found = msgspec.json.decode(answer, type=dict[str, object]).get("error")
    except msgspec.MsgspecError:
        return ""
    return found if isinstance(found, str) and found.isascii() and found.isprintable() and len(found) < 64 else ""
