"""Signing in at an OpenID provider: who comes from there, and who they are here.

Closed by default. Whom the provider sends is let in if they have come before, or if an administrator has made a user of
that name who has no other way in. Others only where the operator has said so: that whoever the provider knows may
become a user, or that the provider's word for a name counts as much as a password.
"""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from belvedere.contract.audit import TraceName
from belvedere.contract.errors import PermissionDenied, RequestError, Unavailable, WrongCredentials
from belvedere.contract.identity_rules import user_name
from belvedere.identity.acts import ACT
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.keys import KeySealer
from belvedere.identity.oidc import (
    Attempt,
    OidcRules,
    ProviderFault,
    ProviderSeam,
    attempt_of,
    authorization_url,
    checked_claims,
    checked_issuer,
    is_wanted,
    name_in,
    new_attempt,
    sealed_text,
    subject_of,
)
from belvedere.identity.permissions import Role
from belvedere.identity.records import NO_PROJECT, IdentityStore, Member, Outsider, Principal, Project, SecretKind, User
from belvedere.lifecycle.clock import Clock
from belvedere.service.audit import Auditor
from belvedere.service.tokens import TokenService

_MOST_USED: Final = 10_000  # attempts that are remembered as used; codes are good once anyway
_log = structlog.get_logger("belvedere.oidc")


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """Where a browser goes to sign in, and what it has to bring back. The repr shows neither."""

    url: str
    sealed: str

    def __repr__(self) -> str:
        return "Departure()"


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A new session on the console, and where the person wanted to go. The repr hides it."""

    session: str
    target: str

    def __repr__(self) -> str:
        return f"Arrival(target={self.target!r})"


class OidcService:
    """The use cases. Errors are those of `contract.errors`; what they say is for the person at the door."""

    def __init__(
        self,
        rules: OidcRules,
        provider: ProviderSeam,
        store: IdentityStore,
        gatekeeper: Gatekeeper,
        tokens: TokenService,
        sealer: KeySealer,
        clock: Clock,
        audit: Auditor,
    ) -> None:
        self.rules = rules
        self._provider = provider
        self._store = store
        self._gatekeeper = gatekeeper
        self._tokens = tokens
        self._sealer = sealer
        self._clock = clock
        self._audit = audit
        self._used: OrderedDict[str, None] = OrderedDict()

    async def depart(self, target: str) -> Departure:
        """Begin a sign-in that leads to `target`. Raises Unavailable."""
        attempt = new_attempt(target, self._clock())
        try:
            provider = await self._provider.described()
        except ProviderFault as fault:
            raise self._away(fault) from fault
        return Departure(
            url=authorization_url(provider, self.rules, attempt), sealed=self._sealer.seal(sealed_text(attempt))
        )

    async def arrive(self, answer: Mapping[str, str], sealed: str) -> Arrival:
        """A session for whoever the provider has sent back with this answer.

        Raises PermissionDenied, Unavailable, WrongCredentials.
        """
        async with self._audit.act(None, TraceName.LOGIN, signed_by="oidc"):
            attempt = attempt_of(self._sealer.open(sealed), answer.get("state", ""), self._clock())
            self._use(attempt)
            try:
                claims = await self._claims(answer, attempt)
                who = await self._user(claims)
            except ProviderFault as fault:
                raise self._away(fault) from fault
            principal = await self._entering(who)
            session = await self._gatekeeper.issue(
                SecretKind.SESSION, principal, self._clock(), self.rules.session_life
            )
            return Arrival(session=session, target=attempt.target)

    def _use(self, attempt: Attempt) -> None:
        if attempt.state in self._used:
            raise WrongCredentials("That sign-in was used already. Begin it anew.")
        self._used[attempt.state] = None
        if len(self._used) > _MOST_USED:
            self._used.popitem(last=False)

    async def _claims(self, answer: Mapping[str, str], attempt: Attempt) -> Mapping[str, object]:
        """What the provider says of the person, once it is proven to be for us and for this sign-in."""
        checked_issuer(await self._provider.described(), answer.get("iss"))
        if "code" not in answer:
            raise WrongCredentials(_refusal(answer.get("error", ""), self.rules.title))
        tokens = await self._provider.tokens_for(answer["code"], attempt.verifier)
        if tokens is None:
            raise WrongCredentials("That sign-in was used already, or took too long. Begin it anew.")
        signed = await self._provider.claims_of(tokens.id_token)
        claims = checked_claims(signed, self.rules, attempt, self._clock())
        if name_in(claims, self.rules.claim) is not None and is_wanted(claims, self.rules.required):
            return claims
        further = await self._provider.further_claims(tokens.access_token)
        same = further.get("sub") == subject_of(claims)
        whole = {**further, **claims} if same else claims
        if not is_wanted(whole, self.rules.required):
            raise PermissionDenied("You are not among those who may sign in here. Ask the operator.")
        return whole

    async def _user(self, claims: Mapping[str, object]) -> User:
        """Who it is here. Whoever came before is known by the provider's own id, whatever they are called by now."""
        outsider = Outsider(issuer=self.rules.issuer, subject=subject_of(claims))
        known = await self._store.find_outsider(outsider)
        if known is not None:
            found = await self._store.find_user(known)
            return self._let_in(found, known)
        name = name_in(claims, self.rules.claim)
        if name is None:
            raise PermissionDenied(f"The provider did not say your {self.rules.claim}. Ask the operator.")
        user = await self._store.find_user(name)
        if user is None and self.rules.creates_users:
            return await self._create(name, outsider)
        if user is not None and not await self._may_be_tied(user):
            raise _is_anothers(user)
        user = self._let_in(user, name)
        if not await self._store.add_outsider(outsider, user.name):
            raise PermissionDenied(f"Somebody else signs in as {name} already. Ask an administrator.")
        return user

    async def _may_be_tied(self, user: User) -> bool:
        """Else whoever can choose what they are called at the provider would be admin, or Ann."""
        if user.is_administrator or user.is_service:
            return False
        return self.rules.ties_existing or not (user.password_hash or await self._store.keys(user.name))

    def _let_in(self, user: User | None, name: str) -> User:
        if user is None:
            raise PermissionDenied(f"{name} is nobody here yet. Ask an administrator to add you as a user.")
        if act := ACT.get():
            act.about(user=user.name, resource_id=user.name)
        if not user.is_enabled:
            raise PermissionDenied(f"{name} may not sign in any more. Ask an administrator.")
        return user

    async def _create(self, name: str, outsider: Outsider) -> User:
        """All of them at once: somebody without their first role would wait for it for ever."""
        try:
            user_name(name)
        except RequestError:
            raise PermissionDenied(
                f"The provider calls you by a name that is none here ({self.rules.claim}). Ask the operator."
            ) from None
        project = await self._project() if self.rules.first_project else None
        user = User(id=secrets.token_hex(16), name=name, created_at=self._clock())
        member = Member(project_id=project.id, user=name, role=Role(self.rules.first_role)) if project else None
        facts = {"user": name, "signed_by": "oidc"}
        async with self._audit.act(None, TraceName.CREATE_USER, name, message="by the OpenID provider", **facts) as act:
            if member:
                told = {"project_id": member.project_id, "message": member.role.value}
                self._audit.along(act, TraceName.GRANT_ROLE, **told)
            if not await self._store.add_newcomer(user, outsider, member):
                raise PermissionDenied("Somebody has become a user of that name just now. Sign in anew.")
        return self._let_in(user, name)

    async def _project(self) -> Project:
        wanted = self.rules.first_project
        found = next((each for each in await self._store.projects() if wanted in {each.id, each.name}), None)
        if found is None:
            _log.error("oidc-project-missing", project=wanted)
            raise PermissionDenied("The project that newcomers begin in is not there. Ask the operator.")
        return found

    async def _entering(self, user: User) -> Principal:
        theirs = await self._tokens.projects_of(Principal(user=user.name, project_id=NO_PROJECT))
        if not theirs:
            raise PermissionDenied(f"{user.name} has no role in any project yet. Ask an administrator for one.")
        return Principal(user=user.name, project_id=theirs[0].id)

    def _away(self, fault: ProviderFault) -> Unavailable:
        _log.warning("oidc-provider-fault", why=str(fault))
        return Unavailable(
            f"The provider of {self.rules.title} can't be reached at this moment, or does not answer as it should. "
            "Try again, or sign in another way.",
            retry_after=5,
        )


def _is_anothers(user: User) -> PermissionDenied:
    if act := ACT.get():
        act.about(resource_id=user.name)  # and not by that user: who it is is what nobody knows
    return PermissionDenied(
        f"There is a user {user.name} here already, who signs in by password, keys or token. If that is you, do so, "
        "or ask an administrator."
    )


def _refusal(error: str, title: str) -> str:
    """What the provider's word for its refusal means. Only words that the specification knows are told."""
    if error == "access_denied":
        return f"You were not let in at {title}. Try again, or sign in another way."
    known = error if error in _ERRORS else "no code"
    return f"{title} did not sign you in ({known}). Try again, or ask the operator."


_ERRORS: Final = frozenset(
    {
        "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error",
        "temporarily_unavailable", "interaction_required", "login_required", "account_selection_required",
        "consent_required",
    }
)  # fmt: skip
