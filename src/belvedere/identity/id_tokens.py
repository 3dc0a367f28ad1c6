"""Signatures of ID tokens. Apart from all else, because its library takes long to load and few services need it."""

import warnings
from collections.abc import Mapping
from typing import Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from belvedere.identity.oidc import ProviderFault

# By the provider's private key alone: never "none", and never by a secret that we would have to share with it.
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
    "EdDSA",  # Ed25519 under the name that providers still use
)  # fmt: skip
LONGEST: Final = 64 * 1024  # characters of a token


def keys_in(document: bytes) -> KeySet:
    """A provider's public keys. Raises ProviderFault."""
    try:
        return KeySet.import_key_set(msgspec.json.decode(document))
    except (JoseError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
        raise ProviderFault(f"the provider's keys can't be read: {error}") from error


def signed_claims(id_token: str, keys: KeySet) -> Mapping[str, object] | None:
    """What the token says, if one of these keys signed it; None otherwise."""
    if len(id_token) > LONGEST:
        return None
    try:
        with warnings.catch_warnings(category=SecurityWarning, action="ignore"):  # EdDSA is an old name, and no worse
            payload = jws.deserialize_compact(id_token, keys, algorithms=ALGORITHMS).payload
        return msgspec.json.decode(payload, type=dict[str, object])
    except (JoseError, msgspec.MsgspecError, ValueError):
        return None
