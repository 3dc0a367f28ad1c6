"""Signing in at an OpenID provider: what is asked, and what of the answers is believed. Pure.

Sources: OpenID Connect Core 1.0 (the authorization code flow, sections 3.1.2 and 3.1.3), OpenID Connect Discovery 1.0,
RFC 7636 (PKCE), RFC 9207 (the issuer in the answer). Signatures are checked in `identity.id_tokens`.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec

from belvedere.contract.errors import WrongCredentials

ATTEMPT_LIFE: Final = timedelta(minutes=10)  # for a person to type a password there
LEEWAY: Final = timedelta(minutes=2)  # between the provider's clock and ours
_LONGEST_SUBJECT: Final = 255  # characters, by the specification
_STALE: Final = "That sign-in was begun too long ago, in another browser, or was used. Begin it anew."
_NOT_BELIEVED: Final = "What the provider said about you can't be believed: {why}. Ask the operator."


class ProviderFault(Exception):
    """The provider can't be reached, or says what no provider may. For the log, not for pages: it names addresses."""


class OidcRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says of the provider and of whom it may let in. The repr hides the secret."""

    issuer: str
    client_id: str
    redirect_uri: str
    client_secret: str = ""  # "": a public client, which PKCE alone vouches for
    title: str = "single sign-on"  # on the button: Sign in with …
    scopes: str = "openid profile email"
    claim: str = "preferred_username"  # which becomes the user's name here
    creates_users: bool = False
    ties_existing: bool = False  # also users who have a way in of their own, a password or keys
    required: tuple[str, str] | None = None  # a claim, and what it must be, or hold among others
    first_project: str = ""  # a project's id or name, which those who are created become members of
    first_role: str = "viewer"
    session_life: timedelta = timedelta(hours=12)

    def __repr__(self) -> str:
        return f"OidcRules(issuer={self.issuer!r}, client_id={self.client_id!r})"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, as its discovery document describes it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that has begun in a browser, which keeps it sealed until the provider has sent the person back."""

    state: str
    nonce: str
    verifier: str
    target: str
    begun_at: datetime


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider gives for a code. The repr shows none of it."""

    id_token: str
    access_token: str = ""

    def __repr__(self) -> str:
        return "Tokens()"


class ProviderSeam(Protocol):
    """The provider, asked over the network. All raise ProviderFault."""

    async def described(self) -> Provider: ...

    async def tokens_for(self, code: str, verifier: str) -> Tokens | None:
        """None if the provider does not take the code: it was used, has expired, or is made up."""
        ...

    async def claims_of(self, id_token: str) -> Mapping[str, object] | None:
        """What a token says whose signature is the provider's; None for any other."""
        ...

    async def further_claims(self, access_token: str) -> Mapping[str, object]:
        """What the provider's userinfo endpoint tells of the person."""
        ...


def provider_of(document: bytes, issuer: str) -> Provider:
    """The provider that a discovery document describes. Raises ProviderFault."""
    try:
        found = msgspec.json.decode(document, type=Provider)
    except msgspec.MsgspecError as error:
        raise ProviderFault(f"the discovery document of {issuer} is none: {error}") from error
    if found.issuer != issuer:
        raise ProviderFault(f"the discovery document of {issuer} is that of {found.issuer[:200]}")
    allowed = {"https", urlsplit(issuer).scheme}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        address = getattr(found, name)
        if (address or name != "userinfo_endpoint") and urlsplit(address).scheme not in allowed:
            raise ProviderFault(f"the {name} of {issuer} must be https://")
    return found


def new_attempt(target: str, now: datetime) -> Attempt:
    """A sign-in that leads to `target`, with secrets of its own."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Attempt(state=state, nonce=nonce, verifier=verifier, target=target, begun_at=now)


def authorization_url(provider: Provider, rules: OidcRules, attempt: Attempt) -> str:
    """Where the person says to the provider who they are."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    query = urlencode(
        {
            "response_type": "code",
            "client_id": rules.client_id,
            "redirect_uri": rules.redirect_uri,
            "scope": rules.scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
    )
    mark = "&" if "?" in provider.authorization_endpoint else "?"
    return f"{provider.authorization_endpoint}{mark}{query}"


def sealed_text(attempt: Attempt) -> str:
    """The attempt as a text, to be sealed."""
    return msgspec.json.encode(attempt).decode()


def attempt_of(text: str | None, state: str, now: datetime) -> Attempt:
    """The attempt that a browser has kept, if what came back belongs to it. Raises WrongCredentials."""
    try:
        attempt = msgspec.json.decode(text or "", type=Attempt)
    except msgspec.MsgspecError:
        raise WrongCredentials(_STALE) from None
    is_fresh = now < attempt.begun_at + ATTEMPT_LIFE
    if not is_fresh or not hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "replace")):
        raise WrongCredentials(_STALE)
    return attempt


def checked_issuer(provider: Provider, said: str | None) -> None:
    """Raise WrongCredentials if another provider sent the person back."""
    if said is None and not provider.authorization_response_iss_parameter_supported:
        return
    if said != provider.issuer:
        raise _not_believed("another provider than the one that was asked has answered")


def checked_claims(
    claims: Mapping[str, object] | None, rules: OidcRules, attempt: Attempt, now: datetime
) -> Mapping[str, object]:
    """The claims of an ID token, if it was made by our provider, for us, for this sign-in, just now.

    `claims` are None where the signature is not the provider's. Raises WrongCredentials.
    """
    if claims is None:
        raise _not_believed("it is not signed by the provider")
    if claims.get("iss") != rules.issuer:
        raise _not_believed("it is another provider's")
    if not _is_for(claims, rules.client_id):
        raise _not_believed("it is meant for another program")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), attempt.nonce.encode()):
        raise _not_believed("it belongs to another sign-in")
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    if expires is None or now >= expires + LEEWAY:
        raise _not_believed("it has expired. The clocks may differ")
    if issued is None or issued > now + LEEWAY or issued < attempt.begun_at - LEEWAY:
        raise _not_believed("it was not made for this sign-in. The clocks may differ")
    subject_of(claims)
    return claims


def subject_of(claims: Mapping[str, object]) -> str:
    """Who it is, in the provider's own words, which it never gives to another. Raises WrongCredentials."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise _not_believed("it names nobody")
    return subject


def name_in(claims: Mapping[str, object], claim: str) -> str | None:
    """The name for our use; None where the claim is missing. An address that nobody has verified is no name."""
    value = claims.get(claim)
    if not isinstance(value, str) or not value or (claim == "email" and claims.get("email_verified") is not True):
        return None
    # Beyond ASCII nothing is folded: the Kelvin sign would become a k, and somebody else's name.
    return value.lower() if value.isascii() else value


def is_wanted(claims: Mapping[str, object], required: tuple[str, str] | None) -> bool:
    """Whether the person is one of those whom the operator wants to let in at all."""
    if required is None:
        return True
    name, wanted = required
    value = claims.get(name)
    if isinstance(value, bool):
        return wanted == str(value).lower()
    return wanted in value if isinstance(value, list) else value == wanted


def _is_for(claims: Mapping[str, object], client_id: str) -> bool:
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    if client_id not in several or (party is not None and party != client_id):
        return False
    return len(several) == 1 or party == client_id


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _not_believed(why: str) -> WrongCredentials:
    return WrongCredentials(_NOT_BELIEVED.format(why=why))
