"""Sign-in at an OpenID provider: what is left when it is broken off, played again, or answered by somebody else."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from belvedere.contract.audit import TraceName
from belvedere.contract.errors import BelvedereError, PermissionDenied, Unavailable, WrongCredentials
from belvedere.identity.acts import Trace, TraceQuery
from belvedere.identity.oidc import OidcRules, Provider, Tokens
from belvedere.identity.permissions import Role
from belvedere.identity.records import AccessKey, Member, Project
from belvedere.service.audit import Auditor
from belvedere.service.oidc import Departure, OidcService
from belvedere.service.people import people
from belvedere.service.tokens import TokenRules
from belvedere.store import traces
from belvedere.store.opening import Stores
from belvedere.store.sealing import Sealer, new_key
from tests.support.databases import new_stores
from tests.support.gateway import NOW, PROJECT
from tests.support.identities import user

ISSUER = "https://id.example"
RULES = OidcRules(
    issuer=ISSUER, client_id="belvedere", redirect_uri="https://b.example/sign-in/oidc/callback", creates_users=True,
    first_project=PROJECT,
)  # fmt: skip


class TheProvider:
    """Takes each code once, and says of whoever has it what a test wants."""

    def __init__(self) -> None:
        self.claims: dict[str, dict[str, object]] = {}
        self.taken: set[str] = set()

    async def described(self) -> Provider:
        return Provider(
            issuer=ISSUER, authorization_endpoint=f"{ISSUER}/authorize", token_endpoint=f"{ISSUER}/token",
            jwks_uri=f"{ISSUER}/keys",
        )  # fmt: skip

    async def tokens_for(self, code: str, verifier: str) -> Tokens | None:
        if code in self.taken:
            return None
        self.taken.add(code)
        return Tokens(id_token=code)

    async def claims_of(self, id_token: str) -> Mapping[str, object] | None:
        return self.claims.get(id_token)

    async def further_claims(self, access_token: str) -> Mapping[str, object]:
        return {}


class Door:
    """The use cases over a real database, and a browser's way through them."""

    def __init__(self, stores: Stores, rules: OidcRules = RULES) -> None:
        self.stores, self.provider, self.now = stores, TheProvider(), NOW
        self._sealer = Sealer([new_key()])
        self._rules = rules
        self.begin_anew()

    def begin_anew(self) -> None:
        """Restart: what was in memory is gone."""
        rules = TokenRules(origin="https://b.example", region="", domain="default", life=timedelta(hours=24))
        audit = Auditor(self.stores.audit, self.clock)
        those = people(self.stores.identities, self._sealer, self.clock, rules, audit)
        self.gatekeeper = those.gatekeeper
        self.oidc = OidcService(
            self._rules, self.provider, self.stores.identities, those.gatekeeper, those.tokens, self._sealer,
            self.clock, audit,
        )  # fmt: skip

    def clock(self) -> datetime:
        return self.now

    def answer(self, departure: Departure, code: str = "c1", **claims: object) -> dict[str, str]:
        """What the provider sends back to the browser that departed so; of ann, unless claims say otherwise."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(departure.url).query).items()}
        said = {"iss": ISSUER, "aud": "belvedere", "sub": "s-ann", "preferred_username": "ann", "nonce": asked["nonce"]}
        moments = {"iat": self.now.timestamp(), "exp": self.now.timestamp() + 300}
        self.provider.claims[code] = {**said, **moments, **claims}
        return {"state": asked["state"], "code": code}

    async def signs_in(self, code: str = "c1", **claims: object) -> str:
        departure = await self.oidc.depart("/")
        return (await self.oidc.arrive(self.answer(departure, code, **claims), departure.sealed)).session


@contextlib.asynccontextmanager
async def door(folder: Path, rules: OidcRules = RULES) -> AsyncIterator[Door]:
    with new_stores(folder, clock=lambda: NOW) as stores:
        await stores.identities.add_project(Project(id=PROJECT, name="default", created_at=NOW))
        yield Door(stores, rules)


@pytest.mark.parametrize("amid", [TraceName.CREATE_USER, TraceName.GRANT_ROLE])
async def test_who_was_made_when_the_service_died_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amid: TraceName
) -> None:
    def dies(connection: object, told: Trace) -> None:
        if told.name is amid:
            raise Unavailable("the power is gone")
        traces.add_trace(connection, told)  # type: ignore[arg-type]  # as it is given

    async with door(tmp_path) as made:
        monkeypatch.setattr("belvedere.store.database.add_trace", dies)
        with pytest.raises(Unavailable):
            await made.signs_in()
        monkeypatch.undo()
        assert await made.stores.identities.find_user("ann") is None
        made.begin_anew()
        caller = await made.gatekeeper.principal_of_session(await made.signs_in("c2"), NOW)
        assert caller is not None
        assert (caller.user, caller.role) == ("ann", Role.VIEWER)


async def test_who_had_lost_their_role_does_not_get_it_back_by_signing_in(tmp_path: Path) -> None:
    async with door(tmp_path) as made:
        await made.signs_in()
        await made.stores.identities.remove_member(PROJECT, "ann")
        with pytest.raises(PermissionDenied, match="no role"):
            await made.signs_in("c2")


ANSWERS: dict[str, dict[str, object]] = {
    "of another sign-in": {"nonce": "n"},
    "for another program": {"aud": "other"},
    "for another program as well": {"aud": ["belvedere", "other"]},
    "that another program asked for": {"azp": "other"},
    "by another provider": {"iss": "https://id.example/"},
    "that has expired": {"exp": NOW.timestamp() - 300},
    "that was made before": {"iat": NOW.timestamp() - 300},
    "that names nobody": {"sub": ""},
    "that names a number": {"sub": 7},
}


@pytest.mark.parametrize("claims", ANSWERS.values(), ids=ANSWERS)
async def test_a_token_signs_nobody_in(tmp_path: Path, claims: dict[str, object]) -> None:
    async with door(tmp_path) as made:
        with pytest.raises(WrongCredentials):
            await made.signs_in("c1", **claims)
        assert await made.stores.identities.users() == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_answer_signs_in_once_also_after_a_restart(tmp_path: Path, restarted: bool) -> None:
    async with door(tmp_path) as made:
        departure = await made.oidc.depart("/")
        answer = made.answer(departure)
        await made.oidc.arrive(answer, departure.sealed)
        if restarted:
            made.begin_anew()
        with pytest.raises(WrongCredentials):
            await made.oidc.arrive(answer, departure.sealed)


async def test_an_answer_of_another_browser_signs_nobody_in(tmp_path: Path) -> None:
    async with door(tmp_path) as made:
        mine, anothers = await made.oidc.depart("/"), await made.oidc.depart("/")
        for sealed in (anothers.sealed, "", "x", mine.sealed[:-2]):
            with pytest.raises(WrongCredentials):
                await made.oidc.arrive(made.answer(mine), sealed)
        assert made.provider.taken == set()


async def test_a_code_put_into_another_sign_in_signs_nobody_in(tmp_path: Path) -> None:
    async with door(tmp_path) as made:
        hers, his = await made.oidc.depart("/"), await made.oidc.depart("/")
        stolen = made.answer(hers)["code"]
        state = parse_qs(urlsplit(his.url).query)["state"][0]
        with pytest.raises(WrongCredentials, match="another sign-in"):
            await made.oidc.arrive({"state": state, "code": stolen}, his.sealed)


async def test_an_answer_in_another_providers_name_is_refused_before_its_code_is_shown_to_ours(tmp_path: Path) -> None:
    async with door(tmp_path) as made:
        departure = await made.oidc.depart("/")
        with pytest.raises(WrongCredentials):
            await made.oidc.arrive(
                {**made.answer(departure), "iss": "https://evil.example"}, departure.sealed
            )  # fmt: skip
        assert made.provider.taken == set()


async def test_a_user_who_is_disabled_is_out_at_once_and_stays_out(tmp_path: Path) -> None:
    async with door(tmp_path) as made:
        session = await made.signs_in()
        (ann,) = await made.stores.identities.users()
        await made.stores.identities.add_user(user("root", is_administrator=True))
        assert await made.stores.identities.change_user(replace(ann, is_enabled=False))
        made.gatekeeper.forget()
        assert await made.gatekeeper.principal_of_session(session, NOW) is None
        with pytest.raises(PermissionDenied):
            await made.signs_in("c2")


@pytest.mark.parametrize("name", ["root", "nightly", "ROOT", "Nightly"])
async def test_nobody_becomes_an_administrator_or_a_program_by_its_name(tmp_path: Path, name: str) -> None:
    async with door(tmp_path) as made:
        identities = made.stores.identities
        await identities.add_user(user("root", is_administrator=True))
        await identities.add_user(user("nightly", is_service=True))
        await identities.put_member(Member(project_id=PROJECT, user="nightly", role=Role.OWNER))
        with pytest.raises(PermissionDenied):
            await made.signs_in(preferred_username=name)


WAYS_IN: dict[str, tuple[str, bool, bool]] = {  # the hash of a password; whether they have keys; whether it is allowed
    "a password": ("$argon2id$x", False, False),
    "keys": ("", True, False),
    "both": ("$argon2id$x", True, False),
    "a password, where the operator says so": ("$argon2id$x", False, True),
    "keys, where the operator says so": ("", True, True),
    "none": ("", False, False),
}


@pytest.mark.parametrize(("password", "has_keys", "allowed"), WAYS_IN.values(), ids=WAYS_IN)
async def test_nobody_becomes_a_user_who_has_a_way_in_by_their_name(
    tmp_path: Path, password: str, has_keys: bool, allowed: bool
) -> None:
    async with door(tmp_path, replace(RULES, ties_existing=allowed)) as made:
        identities = made.stores.identities
        await identities.add_user(replace(user("ann"), password_hash=password))
        await identities.put_member(Member(project_id=PROJECT, user="ann", role=Role.OWNER))
        if has_keys:
            await identities.add_key(AccessKey(access_key="AK", user="ann", sealed_secret="s", created_at=NOW))
        if allowed or not (password or has_keys):
            assert await made.signs_in(sub="s-mallory")
            return
        with pytest.raises(PermissionDenied, match="There is a user ann here already"):
            await made.signs_in(sub="s-mallory")
        (told,) = await made.stores.audit.traces(TraceQuery(project_id=None, name=TraceName.LOGIN, limit=9))
        assert (told.rating, told.resource_id, told.user) == ("warning", "ann", "")
        assert await identities.users_outside() == frozenset()


async def test_who_is_tied_is_themselves_whatever_another_calls_themselves(tmp_path: Path) -> None:
    async with door(tmp_path) as made:
        await made.signs_in()
        with pytest.raises(PermissionDenied, match="Somebody else"):
            await made.signs_in("c2", sub="s-mallory")
        with pytest.raises(PermissionDenied, match="Somebody else"):
            await made.signs_in("c3", sub="S-ANN")
        again = await made.gatekeeper.principal_of_session(await made.signs_in("c4", preferred_username="bob"), NOW)
        assert again is not None
        assert again.user == "ann"


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_nobody_has_verified_is_nobodys(tmp_path: Path, verified: object) -> None:
    async with door(tmp_path, replace(RULES, claim="email", creates_users=False)) as made:
        await made.stores.identities.add_user(user("ann@example.com"))
        with pytest.raises(BelvedereError):
            await made.signs_in(email="ann@example.com", email_verified=verified)


async def test_a_name_that_is_none_here_makes_nobody(tmp_path: Path) -> None:
    async with door(tmp_path) as made:
        for number, name in enumerate(["../x", "a\nb", "", "x" * 300, "ann\u202e", "\u212aelvin"]):
            with pytest.raises(PermissionDenied):
                await made.signs_in(f"c{number}", preferred_username=name, sub=f"s-{number}")
        assert await made.stores.identities.users() == []


async def test_no_session_outlives_what_the_operator_gave_it(tmp_path: Path) -> None:
    async with door(tmp_path) as made:
        session = await made.signs_in()
        made.now = NOW + RULES.session_life
        assert await made.gatekeeper.principal_of_session(session, made.now) is None
