"""Everything that knows people and programs, made to work together."""

import msgspec

from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.keys import KeyRing, KeySealer
from belvedere.identity.passwords import Passwords
from belvedere.identity.records import IdentityStore
from belvedere.lifecycle.clock import Clock
from belvedere.service.access_keys import KeyService
from belvedere.service.audit import Auditor
from belvedere.service.identities import IdentityService
from belvedere.service.tokens import TokenRules, TokenService


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Who is let in (`gatekeeper`, `ring`), and the use cases around it."""

    gatekeeper: Gatekeeper
    ring: KeyRing
    tokens: TokenService
    identities: IdentityService
    keys: KeyService


def people(store: IdentityStore, sealer: KeySealer, clock: Clock, rules: TokenRules, audit: Auditor) -> People:
    """All of them over one store. Signatures that are older than this moment are refused."""
    gatekeeper, passwords = Gatekeeper(store), Passwords()
    ring = KeyRing(store, gatekeeper, sealer, clock())
    tokens = TokenService(store, gatekeeper, passwords, clock, rules, audit)
    return People(
        gatekeeper=gatekeeper,
        ring=ring,
        tokens=tokens,
        identities=IdentityService(store, gatekeeper, passwords, tokens, clock, audit),
        keys=KeyService(store, ring, clock, audit),
    )
