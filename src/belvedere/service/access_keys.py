"""The use cases of access keys."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from belvedere.contract import iam
from belvedere.contract.audit import TraceName
from belvedere.contract.errors import NotFound, PermissionDenied, RequestError
from belvedere.contract.iam_rules import ValidKey
from belvedere.identity.keys import KeyRing, NewKey
from belvedere.identity.permissions import Permission
from belvedere.identity.records import AccessKey, Caller, IdentityStore, SignedBy, User
from belvedere.lifecycle.clock import Clock
from belvedere.service.audit import Auditor
from belvedere.service.identities import no_such_user

MOST_KEYS = 20  # of one user


class KeyService:
    """Checked requests in, answers of the contract out. Errors are those of `contract.errors`."""

    def __init__(self, store: IdentityStore, keys: KeyRing, clock: Clock, audit: Auditor) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._audit = audit

    async def keys(self, who: Caller, user: str | None) -> iam.KeysAnswer:
        """Somebody's lasting keys, without their secrets; an administrator sees anybody's. Raises NotFound."""
        owner = await self._owner(who, user)
        found = await self._store.keys(owner.name)
        return iam.KeysAnswer([_key_shown(key, owner) for key in found if key.expires_at is None])

    async def key(self, who: Caller, access_key: str) -> iam.KeyAnswer:
        """One key. Raises NotFound."""
        key = await self._key(who, access_key)
        return iam.KeyAnswer(_key_shown(key, await self._user(key.user)))

    async def add_key(self, who: Caller, request: ValidKey) -> iam.KeyAnswer:
        """A new key, told with its secret this once. Raises NotFound, PermissionDenied, RequestError."""
        async with self._audit.act(who, TraceName.CREATE_KEY) as act:
            self._refuse_temporary(who)
            owner = await self._owner(who, request.user)
            if len(await self._store.keys(owner.name)) >= MOST_KEYS:
                raise RequestError(f"A user has {MOST_KEYS} keys at most. Remove one first.")
            act.about(resource_name=owner.name)
            made = await self._keys.create(owner.name, self._clock(), description=request.description)
            return iam.KeyAnswer(replace(_key_shown(made.key, owner), secret=made.secret_key))

    async def remove_key(self, who: Caller, access_key: str) -> None:
        """The key opens nothing from now on. Raises NotFound."""
        async with self._audit.act(who, TraceName.DELETE_KEY, access_key) as act:
            key = await self._key(who, access_key)
            act.about(resource_name=key.user)
            await self._keys.remove(key.access_key)

    async def temporary_key(self, who: Caller, seconds: int) -> iam.TemporaryKeyAnswer:
        """A key of the caller's for so many seconds. Raises PermissionDenied."""
        async with self._audit.act(who, TraceName.CREATE_TEMPORARY_KEY) as act:
            act.about(resource_name=who.user)
            self._refuse_temporary(who)
            who.require(Permission.OWN_KEYS)
            made = await self._keys.create(who.user, self._clock(), life=timedelta(seconds=seconds))
            return iam.TemporaryKeyAnswer(_temporary(made))

    def _refuse_temporary(self, who: Caller) -> None:
        """What is to end must not be able to go on as something else."""
        if who.signed_by is SignedBy.TEMPORARY_KEY:
            raise PermissionDenied("A temporary key makes no other keys. Use a lasting one, or a token.")

    async def _owner(self, who: Caller, user: str | None) -> User:
        """Whose keys are meant, by id or name. Raises NotFound for others', unless they may be managed."""
        who.require(Permission.OWN_KEYS)
        if user is None or user in {who.user, who.user_id}:
            return await self._user(who.user)
        who.require(Permission.USERS)
        found = next((each for each in await self._store.users() if user in {each.id, each.name}), None)
        if found is None:
            raise no_such_user(user)
        return found

    async def _key(self, who: Caller, access_key: str) -> AccessKey:
        """The key, if it is the caller's to manage; another's is as absent as one that never was."""
        who.require(Permission.OWN_KEYS)
        key = await self._store.find_key(access_key)
        if key is None or key.expires_at or (key.user != who.user and not who.may(Permission.USERS)):
            raise NotFound("There is no such access key, or it is somebody else's.")
        return key

    async def _user(self, name: str) -> User:
        user = await self._store.find_user(name)
        if user is None:
            raise no_such_user(name)
        return user


def _key_shown(key: AccessKey, owner: User) -> iam.Key:
    return iam.Key(
        access=key.access_key,
        user_id=owner.id,
        user_name=owner.name,
        description=key.description,
        create_time=_time(key.created_at),
    )


def _temporary(made: NewKey) -> iam.TemporaryKey:
    return iam.TemporaryKey(
        access=made.key.access_key,
        secret=made.secret_key,
        securitytoken=made.security_token,
        expires_at=_time(made.key.expires_at) if made.key.expires_at else "",
    )


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
