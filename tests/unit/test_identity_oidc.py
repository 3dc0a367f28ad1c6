"""What an OpenID provider says, and what of it is believed."""

import base64
import hmac
import json
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from belvedere.console.desk import RETURNS
from belvedere.console.sessions import attempt_cookie
from belvedere.contract.errors import WrongCredentials
from belvedere.identity.id_tokens import LONGEST, keys_in, signed_claims
from belvedere.identity.oidc import (
    ATTEMPT_LIFE,
    OidcRules,
    Provider,
    ProviderFault,
    Tokens,
    attempt_of,
    authorization_url,
    checked_claims,
    checked_issuer,
    is_wanted,
    name_in,
    new_attempt,
    provider_of,
    sealed_text,
)
from belvedere.store.sealing import Sealer, new_key

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
ISSUER = "https://id.example"
RULES = OidcRules(issuer=ISSUER, client_id="belvedere", client_secret="s3cret", redirect_uri="https://b.example/back")
PROVIDER = Provider(
    issuer=ISSUER, authorization_endpoint=f"{ISSUER}/in", token_endpoint=f"{ISSUER}/t", jwks_uri=f"{ISSUER}/k"
)
ATTEMPT = new_attempt("/jobs/1", NOW)
KEY = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
PUBLIC = KeySet([KEY])


def claims(**changed: object) -> dict[str, Any]:
    """Good ones, but for what is changed; None takes a claim away."""
    good = {
        "iss": ISSUER,
        "sub": "4711",
        "aud": "belvedere",
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
        "iat": int(NOW.timestamp()),
        "nonce": ATTEMPT.nonce,
        "preferred_username": "Ann",
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def token(said: object, key: Any = KEY, **header: str) -> str:
    return jws.serialize_compact({"alg": "RS256", "kid": "one", **header}, json.dumps(said), key)


def unsigned(said: Mapping[str, object], alg: str) -> str:
    parts = (json.dumps({"alg": alg}), json.dumps(said))
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."


def by_secret(said: Mapping[str, object], secret: bytes) -> str:
    """Signed by what is no secret: an old trick on libraries that take any key for any algorithm."""
    start = unsigned(said, "HS256")[:-1]
    signature = hmac.digest(secret, start.encode(), "sha256")
    return f"{start}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_what_the_provider_signed_is_read() -> None:
    assert signed_claims(token(claims()), PUBLIC) == claims()


def test_keys_of_elliptic_curves_sign_as_well() -> None:
    key = ECKey.generate_key("P-256", {"kid": "two"}, private=True)
    keys = keys_in(msgspec.json.encode(KeySet([key]).as_dict(private=False)))
    assert signed_claims(token(claims(), key, alg="ES256", kid="two"), keys) == claims()


@pytest.mark.parametrize("alg", ["Ed25519", "EdDSA"])
def test_keys_of_edwards_curves_sign_under_either_name(alg: str) -> None:
    key = OKPKey.generate_key("Ed25519", {"kid": "two"}, private=True)
    with warnings.catch_warnings(category=SecurityWarning, action="ignore"):
        signed = jws.serialize_compact({"alg": alg, "kid": "two"}, json.dumps(claims()), key, algorithms=[alg])
    assert signed_claims(signed, KeySet([key])) == claims()


def forged() -> dict[str, str]:
    good = token(claims())
    head, body, signature = good.split(".")
    other_body = token(claims(sub="1"), OTHER_KEY).split(".")[1]
    return {
        "unsigned": unsigned(claims(), "none"),
        "unsigned, spelt otherwise": unsigned(claims(), "NoNe"),
        "signed by another key of that name": token(claims(), OTHER_KEY),
        "signed by a key of another name": token(claims(), OTHER_KEY, kid="two"),
        "signed by the public key as a secret": by_secret(claims(), KEY.as_pem(private=False)),
        "with another body": f"{head}.{other_body}.{signature}",
        "without its signature": f"{head}.{body}.",
        "with half a signature": good[:-20],
        "with a part too many": f"{good}.{signature}",
        "no token": "ann",
        "nothing": "",
        "beyond ASCII": "é.é.é",
        "of a list": token([1]),
        "too long": token(claims(more="x" * LONGEST)),
    }


FORGED = forged()


@pytest.mark.parametrize("name", FORGED)
def test_what_the_provider_did_not_sign_is_not_believed(name: str) -> None:
    assert signed_claims(FORGED[name], PUBLIC) is None


def test_good_claims_are_believed() -> None:
    assert checked_claims(claims(), RULES, ATTEMPT, NOW) == claims()


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"}, {"iss": ISSUER + "/"}, {"iss": None},
        {"aud": "another"}, {"aud": ["another"]}, {"aud": None}, {"aud": ["belvedere", "another"]},
        {"aud": ["belvedere", "another"], "azp": "another"}, {"azp": "another"},
        {"nonce": "another"}, {"nonce": None}, {"nonce": 1}, {"nonce": "\ud800"},
        {"exp": int((NOW - timedelta(minutes=3)).timestamp())}, {"exp": None}, {"exp": "soon"}, {"exp": True},
        {"exp": 1e300}, {"exp": float("nan")},
        {"iat": int((NOW + timedelta(hours=1)).timestamp())}, {"iat": int((NOW - timedelta(hours=1)).timestamp())},
        {"iat": None},
        {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256},
    ],
)  # fmt: skip
def test_claims_that_are_not_for_us_now_are_not_believed(changed: dict[str, object]) -> None:
    with pytest.raises(WrongCredentials):
        checked_claims(claims(**changed), RULES, ATTEMPT, NOW)


def test_an_audience_of_several_is_fine_if_we_are_the_party_that_asked() -> None:
    assert checked_claims(claims(aud=["x", "belvedere"], azp="belvedere"), RULES, ATTEMPT, NOW)


@pytest.mark.parametrize(
    ("said", "claim", "name"),
    [
        ({"preferred_username": "Ann"}, "preferred_username", "ann"),
        ({"preferred_username": "\u212aelvin"}, "preferred_username", "\u212aelvin"),  # no k
        ({"preferred_username": "stra\u00dfe"}, "preferred_username", "stra\u00dfe"),  # no ss
        ({"preferred_username": 1}, "preferred_username", None),
        ({}, "preferred_username", None),
        ({"email": "Ann@b.example", "email_verified": True}, "email", "ann@b.example"),
        ({"email": "ann@b.example"}, "email", None),
        ({"email": "ann@b.example", "email_verified": "true"}, "email", None),
    ],
)
def test_a_name_is_what_the_claim_says_and_an_address_only_once_verified(
    said: dict[str, object], claim: str, name: str | None
) -> None:
    assert name_in(said, claim) == name


@pytest.mark.parametrize(
    ("value", "is_in"),
    [
        ("example.org", True),
        (["a", "example.org"], True),
        ("example.org.evil", False),
        (["example"], False),
        (None, False),
        (1, False),
    ],
)
def test_whoever_lacks_what_is_required_is_not_wanted(value: object, is_in: bool) -> None:
    assert is_wanted({"hd": value}, ("hd", "example.org")) is is_in
    assert is_wanted({"hd": value}, None)


def test_a_claim_that_is_true_may_be_required() -> None:
    assert is_wanted({"email_verified": True}, ("email_verified", "true"))
    assert not is_wanted({"email_verified": False}, ("email_verified", "true"))


def test_an_attempt_comes_back_as_it_went() -> None:
    assert attempt_of(sealed_text(ATTEMPT), ATTEMPT.state, NOW) == ATTEMPT


@pytest.mark.parametrize(
    ("text", "state", "later"),
    [
        (None, ATTEMPT.state, timedelta()),
        ("{}", ATTEMPT.state, timedelta()),
        (sealed_text(ATTEMPT), "another", timedelta()),
        (sealed_text(ATTEMPT), "", timedelta()),
        (sealed_text(ATTEMPT), "\ud800", timedelta()),
        (sealed_text(ATTEMPT), ATTEMPT.state, ATTEMPT_LIFE),
    ],
)
def test_an_attempt_that_is_another_or_over_is_refused(text: str | None, state: str, later: timedelta) -> None:
    with pytest.raises(WrongCredentials, match="Begin it anew"):
        attempt_of(text, state, NOW + later)


def test_the_longest_way_back_fits_into_a_cookie() -> None:
    target = f"/jobs/{10**18}/open?to={'%' * 2000}"
    assert RETURNS.fullmatch(target)
    sealed = Sealer([new_key()]).seal(sealed_text(new_attempt(target, NOW)))
    assert len(attempt_cookie(secure=True).setting(sealed)) < 4096


def test_no_two_attempts_share_a_secret() -> None:
    one, other = new_attempt("/", NOW), new_attempt("/", NOW)
    assert len({one.state, one.nonce, one.verifier, other.state, other.nonce, other.verifier}) == 6


def test_the_address_holds_neither_the_verifier_nor_our_secret() -> None:
    url = authorization_url(PROVIDER, RULES, ATTEMPT)
    assert "code_challenge_method=S256" in url
    assert ATTEMPT.verifier not in url
    assert RULES.client_secret not in url


@pytest.mark.parametrize(("said", "is_certain"), [("https://evil.example", False), (None, True), ("", False)])
def test_an_answer_of_another_issuer_is_refused(said: str | None, is_certain: bool) -> None:
    provider = msgspec.structs.replace(PROVIDER, authorization_response_iss_parameter_supported=is_certain)
    with pytest.raises(WrongCredentials):
        checked_issuer(provider, said)


def test_a_description_is_read() -> None:
    assert provider_of(msgspec.json.encode(PROVIDER), ISSUER) == PROVIDER


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://id.example/t"},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "http://id.example/u"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": ""},
        {"jwks_uri": None},
    ],
)
def test_a_description_that_leads_elsewhere_is_refused(changed: dict[str, object]) -> None:
    said = {**msgspec.to_builtins(PROVIDER), **changed}
    with pytest.raises(ProviderFault):
        provider_of(msgspec.json.encode(said), ISSUER)


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}', b'{"keys": 1}']
)
def test_keys_that_are_none_are_the_providers_fault(document: bytes) -> None:
    with pytest.raises(ProviderFault):
        keys_in(document)


@pytest.mark.parametrize("value", [RULES, Tokens(id_token="s3cret", access_token="s3cret")])
def test_no_secret_is_in_a_repr(value: object) -> None:
    assert "s3cret" not in repr(value)
