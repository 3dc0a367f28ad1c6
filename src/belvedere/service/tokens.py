"""The use cases of IAM v3: getting, showing and revoking tokens, and the projects that somebody may enter."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import UNSET

from belvedere.contract import iam
from belvedere.contract.audit import TraceName
from belvedere.contract.errors import InvalidToken, NotFound, WrongCredentials
from belvedere.contract.iam_rules import ValidScope, ValidSignIn, is_domain
from belvedere.identity.acts import ACT
from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.passwords import Passwords
from belvedere.identity.records import (
    NO_PROJECT,
    Caller,
    IdentityStore,
    Principal,
    Project,
    SecretKind,
    SecretRecord,
    SignedBy,
    User,
)
from belvedere.lifecycle.clock import Clock
from belvedere.service.audit import Auditor

_WRONG = "The username or password is wrong."
_NO_PROJECT = "You have no role in any project yet. Ask an administrator for one."
_NO_ENTRY = "The project does not exist, or this user has no role in it."


class TokenRules(msgspec.Struct, frozen=True, kw_only=True):
    """`origin`: of the API as clients see it, without a slash. `domain`: its name. `life`: of a token."""

    origin: str
    region: str
    domain: str
    life: timedelta


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new token, and what it says. The repr hides the token."""

    secret: str
    answer: iam.TokenAnswer

    def __repr__(self) -> str:
        return "IssuedToken()"


class TokenService:
    """Checked requests in, answers of the contract out."""

    def __init__(
        self,
        store: IdentityStore,
        gatekeeper: Gatekeeper,
        passwords: Passwords,
        clock: Clock,
        rules: TokenRules,
        audit: Auditor,
    ) -> None:
        self._store = store
        self._gatekeeper = gatekeeper
        self._passwords = passwords
        self._clock = clock
        self.rules = rules
        self._audit = audit

    async def sign_in(self, request: ValidSignIn, *, with_catalog: bool) -> IssuedToken:
        """A new token. Raises WrongCredentials and InvalidToken; their words don't tell what it was that is wrong."""
        way = "token" if request.token else "password"
        async with self._audit.act(None, TraceName.LOGIN, signed_by=way):
            return await self._sign_in(request, with_catalog=with_catalog)

    async def _sign_in(self, request: ValidSignIn, *, with_catalog: bool) -> IssuedToken:
        now = self._clock()
        if request.token:
            user, methods, until = await self._by_token(request.token, now)
        else:
            user = await self.user_by_password(request)
            methods, until = "password", now + self.rules.life
        project = await self._project(request.scope)
        principal = Principal(user=user.name, project_id=project.id if project else NO_PROJECT)
        if (request.scope.is_project and project is None) or not await self._may_enter(principal):
            raise WrongCredentials(_NO_ENTRY)
        secret, record = await self._gatekeeper.issue_until(
            SecretKind.TOKEN, principal, now, until, methods=methods, is_domain_scoped=request.scope.domain
        )
        return IssuedToken(secret=secret, answer=await self._answer(record, with_catalog=with_catalog))

    async def user_by_password(self, request: ValidSignIn) -> User:
        """Whose name and password these are. Raises WrongCredentials."""
        user = await self._named(request)
        if user and (act := ACT.get()):  # never a name that nobody has: people type passwords there
            act.about(user=user.name, resource_id=user.name)
        if not await self._passwords.is_right(user, request.password) or user is None:
            raise WrongCredentials(_WRONG)
        return user

    async def enter(self, name: str, password: str) -> Principal:
        """Who enters by name and password, and the oldest project that is theirs. Raises WrongCredentials."""
        user = await self.user_by_password(ValidSignIn(user=name, password=password))
        theirs = await self.projects_of(Principal(user=user.name, project_id=NO_PROJECT))
        if not theirs:
            raise WrongCredentials(_NO_PROJECT)
        return Principal(user=user.name, project_id=theirs[0].id)

    async def show(self, who: Caller, subject: str | None, *, with_catalog: bool) -> iam.TokenAnswer:
        """What a token says: one's own, or for an administrator anybody's. Raises NotFound."""
        record = await self._subject(who, subject)
        return await self._answer(record, with_catalog=with_catalog)

    async def revoke(self, who: Caller, subject: str | None) -> None:
        """The token is no good from now on. Raises NotFound."""
        async with self._audit.act(who, TraceName.LOGOUT) as act:
            record = await self._subject(who, subject)
            act.about(resource_id=record.principal.user)
            await self._gatekeeper.revoke_token(subject or "")

    async def projects_of(self, who: Principal) -> Sequence[Project]:
        """The projects that somebody may enter, the oldest first; an administrator may enter all."""
        projects, user = await self._store.projects(), await self._store.find_user(who.user)
        if user and user.is_administrator:
            return projects
        entered = {member.project_id for member in await self._store.memberships(who.user)}
        return [project for project in projects if project.id in entered]

    async def projects(self, who: Caller, path: str, name: str | None) -> iam.IamProjects:
        """The same, as IAM lists them; those of that name, if one is given."""
        found = [project for project in await self.projects_of(who) if name in {None, project.name}]
        return iam.IamProjects(
            projects=[
                iam.IamProject(
                    id=project.id,
                    name=project.name,
                    description=project.description,
                    links=iam.Links(self=f"{self.rules.origin}/v3/projects/{project.id}"),
                )
                for project in found
            ],
            links=iam.Links(self=self.rules.origin + path),
        )

    def domains(self) -> iam.IamDomains:
        """The one domain."""
        links = iam.Links(self=f"{self.rules.origin}/v3/auth/domains")
        return iam.IamDomains(domains=[iam.IamDomain(name=self.rules.domain, links=links)], links=links)

    @property
    def version(self) -> iam.Version:
        """The version of IAM that is spoken."""
        return iam.Version(links=[iam.VersionLink(href=f"{self.rules.origin}/v3/")])

    async def _by_token(self, token: str, now: datetime) -> tuple[User, str, datetime]:
        """Its user, how the new token was come by, and until when: no longer than the old one."""
        record = await self._gatekeeper.token_record(token, now)
        user = await self._store.find_user(record.principal.user) if record else None
        if record is None or user is None:
            raise InvalidToken("The token is not valid here: it is unknown, revoked or has expired. Get a new one.")
        methods = " ".join(dict.fromkeys((*record.methods.split(), "token")))
        until = now + self.rules.life
        return user, methods, min(until, record.expires_at or until)

    async def _named(self, request: ValidSignIn) -> User | None:
        if request.user_id:
            return next((user for user in await self._store.users() if user.id == request.user_id), None)
        user = await self._store.find_user(request.user.casefold())
        return user if is_domain(request.domain, self.rules.domain) else None

    async def _project(self, scope: ValidScope) -> Project | None:
        if not scope.is_project:
            return None
        return next(
            (
                project
                for project in await self._store.projects()
                if (project.id == scope.project_id if scope.project_id else project.name == scope.project_name)
            ),
            None,
        )

    async def _may_enter(self, principal: Principal) -> bool:
        return await self._gatekeeper.caller_of(principal, SignedBy.TOKEN) is not None

    async def _subject(self, who: Caller, subject: str | None) -> SecretRecord:
        record = await self._gatekeeper.token_record(subject, self._clock()) if subject else None
        if record is None or (record.principal.user != who.user and not who.is_administrator):
            raise NotFound("X-Subject-Token: there is no such token, or it is somebody else's.")
        return record

    async def _answer(self, record: SecretRecord, *, with_catalog: bool) -> iam.TokenAnswer:
        caller = await self._gatekeeper.caller_of(record.principal, SignedBy.TOKEN)
        projects = await self._store.projects()
        project = next((each for each in projects if each.id == record.principal.project_id), None)
        if caller is None:
            raise WrongCredentials(_NO_ENTRY)
        domain = iam.NamedRef(id=iam.DOMAIN_ID, name=self.rules.domain)
        scoped = project is not None or record.is_domain_scoped
        token = iam.Token(
            methods=record.methods.split() or ["token"],
            expires_at=_time(record.expires_at) if record.expires_at else iam.FOREVER,
            issued_at=_time(record.created_at),
            user=iam.TokenUser(id=caller.user_id, name=caller.user, domain=domain),
            project=iam.TokenProject(id=project.id, name=project.name, domain=domain) if project else UNSET,
            domain=domain if record.is_domain_scoped and project is None else UNSET,
            roles=_roles(caller) if scoped else UNSET,
            catalog=self._catalog(project) if scoped and with_catalog else UNSET,
        )
        return iam.TokenAnswer(token=token)

    def _catalog(self, project: Project | None) -> list[iam.CatalogEntry]:
        entries = [self._entry("iam", "identity", f"{self.rules.origin}/v3")]
        if project:
            entries.append(self._entry("modelarts", "modelartsv1", f"{self.rules.origin}/v1/{project.id}"))
        return entries

    def _entry(self, name: str, kind: str, url: str) -> iam.CatalogEntry:
        region = self.rules.region
        endpoint = iam.CatalogEndpoint(id=f"{name}-public", region=region, region_id=region, url=url)
        return iam.CatalogEntry(id=name, type=kind, name=name, endpoints=[endpoint])


def _roles(caller: Caller) -> list[iam.NamedRef]:
    words = [caller.role.value] if caller.role else []
    return [iam.NamedRef(id=word, name=word) for word in (*words, *(["administrator"] * caller.is_administrator))]


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
