"""The settings of sign-in at an OpenID provider, and what is checked of them before the start."""

import ipaddress
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from belvedere.console.oidc_routes import CALLBACK
from belvedere.identity.oidc import OidcRules
from belvedere.identity.permissions import Role

MOST_SESSION_HOURS: Final = 24 * 7  # as long as a session by password


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The OpenID provider at which people may sign in to the console. Its repr hides the secret."""

    issuer: str = ""  # its address, to the letter; "": there is none
    client_id: str = ""  # as this service is called there
    client_secret: str = ""  # "": a public client
    title: str = "single sign-on"  # on the button: Sign in with …
    scopes: str = "openid profile email"
    claim: str = "preferred_username"  # whose value is the user's name here
    require: str = ""  # CLAIM=VALUE, which everybody who signs in must have
    create_users: bool = False  # make a user of whoever the provider knows
    tie_existing: bool = False  # let who has the name of a user with a password or keys be that user
    first_project: str = ""  # name or id of the project that those become members of
    first_role: str = "viewer"  # in it
    session_hours: float = 12.0  # until the provider is asked again

    def __repr__(self) -> str:
        return f"OidcSettings(issuer={self.issuer!r})"

    def rules(self, origin: str) -> OidcRules | None:
        """What the rooms are told; None where there is no provider. `origin`: of the console, as browsers see it."""
        if not self.issuer:
            return None
        return OidcRules(
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=self.client_secret,
            redirect_uri=origin + CALLBACK,
            title=self.title,
            scopes=self.scopes,
            claim=self.claim,
            creates_users=self.create_users,
            ties_existing=self.tie_existing,
            required=self._required(),
            first_project=self.first_project,
            first_role=self.first_role,
            session_life=timedelta(hours=self.session_hours),
        )

    def _required(self) -> tuple[str, str] | None:
        name, _, value = self.require.partition("=")
        return (name.strip(), value.strip()) if self.require else None

    def fault(self) -> str:
        """What is wrong with them, in a sentence; "" if nothing is."""
        if not self.issuer:
            return "oidc.client_id is set and oidc.issuer is not. Set both." if self.client_id else ""
        return next((sentence for is_wrong, sentence in self._rules() if is_wrong), "")

    def _rules(self) -> tuple[tuple[bool, str], ...]:
        """Whether each rule is broken, and what is said then."""
        hours = self.session_hours
        return (
            (
                not _is_safe(self.issuer),
                f"oidc.issuer must be like https://id.example.org, without query, not {self.issuer!r}.",
            ),
            (not self.client_id, "oidc.client_id is missing: the name by which the provider knows this service."),
            (
                "openid" not in self.scopes.split(),
                f"oidc.scopes must hold openid, like 'openid profile email'; not {self.scopes!r}.",
            ),
            (not (self.claim and self.title), "oidc.claim and oidc.title must not be empty."),
            (
                bool(self.require) and not all(self._required() or ()),
                f"oidc.require must be like hd=example.org, a claim and its value; not {self.require!r}.",
            ),
            (
                self.first_role not in set(Role),
                f"oidc.first_role must be owner, editor or viewer, not {self.first_role!r}.",
            ),
            (
                bool(self.first_project) and not self.create_users,
                "oidc.first_project is set and oidc.create_users is not: nobody would become a member of it.",
            ),
            (
                not 0 < hours <= MOST_SESSION_HOURS,
                f"oidc.session_hours must be more than 0 and at most {MOST_SESSION_HOURS}, not {hours:g}.",
            ),
        )


def _is_safe(issuer: str) -> bool:
    """By https; by http from this machine alone, for trying it out."""
    try:
        parts = urlsplit(issuer)
        usable = bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        return False
    if not usable or parts.query or parts.fragment or not issuer.isascii() or not issuer.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
