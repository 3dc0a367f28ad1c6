"""The identity store on a SQL database: projects, users and their roles; secrets. Keys are in `store.access_keys`."""

from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from belvedere.identity.records import (
    Member,
    Outsider,
    Principal,
    Project,
    SecretKind,
    SecretRecord,
    Standing,
    User,
)
from belvedere.store.access_keys import SqlAccessKeys
from belvedere.store.database import Database
from belvedere.store.tables import members, outsiders, projects, secrets, users
from belvedere.store.traces import always, if_done


class SqlIdentityStore(SqlAccessKeys):
    """Implements `IdentityStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    # Projects

    async def add_project(self, project: Project) -> bool:
        return await self._database.write(partial(_add_project, project=project), tells=if_done)

    async def projects(self) -> list[Project]:
        return await self._database.read(_all_projects)

    async def change_project(self, project_id: str, *, name: str, description: str) -> bool:
        change = partial(_change_project, project_id=project_id, name=name, description=description)
        return await self._database.write(change, tells=if_done)

    # Users

    async def add_user(self, user: User) -> bool:
        return await self._database.write(partial(_add_user, user=user), tells=if_done)

    async def find_user(self, name: str) -> User | None:
        return await self._database.read(partial(_user, name=name))

    async def users(self) -> list[User]:
        return await self._database.read(_all_users)

    async def change_user(self, user: User, *, ends_secrets: bool = False, unties: bool = False) -> bool:
        change = partial(_change_user, user=user, ends_secrets=ends_secrets, unties=unties)
        return await self._database.write(change, tells=if_done)

    # Outsiders

    async def find_outsider(self, outsider: Outsider) -> str | None:
        return await self._database.read(partial(_find_outsider, outsider=outsider))

    async def add_outsider(self, outsider: Outsider, user: str) -> bool:
        return await self._database.write(partial(_add_outsider, outsider=outsider, user=user))

    async def add_newcomer(self, user: User, outsider: Outsider, member: Member | None) -> bool:
        add = partial(_add_newcomer, user=user, outsider=outsider, member=member)
        return await self._database.write(add, tells=if_done)

    async def users_outside(self) -> frozenset[str]:
        return await self._database.read(lambda c: frozenset(c.execute(select(outsiders.c.user)).scalars()))

    # Members

    async def put_member(self, member: Member) -> None:
        await self._database.write(partial(_put_member, member=member), tells=always)

    async def remove_member(self, project_id: str, user: str) -> bool:
        remove = partial(_remove_member, project_id=project_id, user=user)
        return await self._database.write(remove, tells=if_done)

    async def members(self, project_id: str) -> list[Member]:
        return await self._database.read(partial(_members, which=members.c.project_id == project_id))

    async def memberships(self, user: str) -> list[Member]:
        return await self._database.read(partial(_members, which=members.c.user == user))

    async def standing(self, principal: Principal) -> Standing | None:
        return await self._database.read(partial(_standing, principal=principal))

    # Secrets

    async def add_secret(self, record: SecretRecord) -> None:
        await self._database.write(lambda c: c.execute(insert(secrets).values(_row_of(record))), tells=always)

    async def find_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        return await self._database.read(partial(_find, kind=kind, digest=digest))

    async def take_secret(self, kind: SecretKind, digest: str) -> SecretRecord | None:
        return await self._database.write(partial(_take, kind=kind, digest=digest), tells=_ended)

    async def remove_secrets_of(self, principal: Principal) -> int:
        theirs = and_(secrets.c.user == principal.user, secrets.c.project_id == principal.project_id)
        return await self._database.write(lambda c: c.execute(delete(secrets).where(theirs)).rowcount)

    async def remove_all_secrets_of(self, user: str, *, endless_too: bool) -> int:
        return await self._database.write(partial(_end_secrets, user=user, endless_too=endless_too), tells=always)

    async def remove_expired_secrets(self, now: datetime) -> int:
        return await self._database.write(
            lambda c: c.execute(delete(secrets).where(secrets.c.expires_at <= now)).rowcount
        )


def _add_project(connection: Connection, project: Project) -> bool:
    taken = select(func.count()).select_from(projects)
    taken = taken.where((projects.c.id == project.id) | (projects.c.name == project.name))
    if connection.execute(taken).scalar_one():
        return False
    row = {field: getattr(project, field) for field in Project.__struct_fields__}
    connection.execute(insert(projects).values(row))
    return True


def _all_projects(connection: Connection) -> list[Project]:
    rows = connection.execute(select(projects).order_by(projects.c.created_at, projects.c.id)).mappings()
    return [Project(**row) for row in rows]


def _change_project(connection: Connection, project_id: str, name: str, description: str) -> bool:
    change = update(projects).where(projects.c.id == project_id).values(name=name, description=description)
    try:
        with connection.begin_nested():
            return connection.execute(change).rowcount == 1
    except IntegrityError:
        return False


def _add_user(connection: Connection, user: User) -> bool:
    if _user(connection, user.name):
        return False
    connection.execute(insert(users).values(_user_row(user)))
    return True


def _user(connection: Connection, name: str) -> User | None:
    row = connection.execute(select(users).where(users.c.name == name)).mappings().one_or_none()
    return None if row is None else User(**row)


def _all_users(connection: Connection) -> list[User]:
    return [User(**row) for row in connection.execute(select(users).order_by(users.c.name)).mappings()]


def _change_user(connection: Connection, user: User, *, ends_secrets: bool, unties: bool) -> bool:
    others = select(func.count()).select_from(users)
    others = others.where(users.c.is_administrator, users.c.is_enabled, users.c.name != user.name)
    if not (user.is_administrator and user.is_enabled) and not connection.execute(others).scalar_one():
        return False
    if connection.execute(update(users).where(users.c.name == user.name).values(_user_row(user))).rowcount != 1:
        return False
    if ends_secrets:
        _end_secrets(connection, user.name, endless_too=not user.is_enabled)
    if unties:
        connection.execute(delete(outsiders).where(outsiders.c.user == user.name))
    return True


def _end_secrets(connection: Connection, user: str, *, endless_too: bool) -> int:
    theirs = delete(secrets).where(secrets.c.user == user)
    chosen = theirs if endless_too else theirs.where(secrets.c.expires_at.is_not(None))
    return connection.execute(chosen).rowcount


def _user_row(user: User) -> dict[str, object]:
    return {field: getattr(user, field) for field in User.__struct_fields__}


def _find_outsider(connection: Connection, outsider: Outsider) -> str | None:
    chosen = select(outsiders.c.user).where(
        outsiders.c.issuer == outsider.issuer, outsiders.c.subject == outsider.subject
    )
    return connection.execute(chosen).scalar_one_or_none()


def _add_outsider(connection: Connection, outsider: Outsider, user: str) -> bool:
    row = {"issuer": outsider.issuer, "subject": outsider.subject, "user": user}
    try:
        with connection.begin_nested():
            connection.execute(insert(outsiders).values(row))
    except IntegrityError:
        return False
    return True


def _add_newcomer(connection: Connection, user: User, outsider: Outsider, member: Member | None) -> bool:
    if _find_outsider(connection, outsider) or not _add_user(connection, user):
        return False
    if not _add_outsider(connection, outsider, user.name):
        raise RuntimeError("an outsider is tied to a user that was not there")  # and nothing of this is kept
    if member:
        _put_member(connection, member)
    return True


def _put_member(connection: Connection, member: Member) -> None:
    connection.execute(delete(members).where(_is_member(member.project_id, member.user)))
    row = {"project_id": member.project_id, "user": member.user, "role": member.role}
    connection.execute(insert(members).values(row))


def _remove_member(connection: Connection, project_id: str, user: str) -> bool:
    theirs = and_(secrets.c.user == user, secrets.c.project_id == project_id)
    connection.execute(delete(secrets).where(theirs))
    return connection.execute(delete(members).where(_is_member(project_id, user))).rowcount == 1


def _members(connection: Connection, which: ColumnElement[bool]) -> list[Member]:
    chosen = select(members).where(which).order_by(members.c.project_id, members.c.user)
    return [Member(**row) for row in connection.execute(chosen).mappings()]


def _standing(connection: Connection, principal: Principal) -> Standing | None:
    user = _user(connection, principal.user)
    if user is None:
        return None
    role = select(members.c.role).where(_is_member(principal.project_id, principal.user))
    return Standing(user=user, role=connection.execute(role).scalar_one_or_none())


def _is_member(project_id: str, user: str) -> ColumnElement[bool]:
    return and_(members.c.project_id == project_id, members.c.user == user)


def _find(connection: Connection, kind: SecretKind, digest: str) -> SecretRecord | None:
    row = connection.execute(select(secrets).where(_is(kind, digest))).one_or_none()
    return None if row is None else _record_of(row)


def _take(connection: Connection, kind: SecretKind, digest: str) -> SecretRecord | None:
    row = connection.execute(delete(secrets).where(_is(kind, digest)).returning(*secrets.c)).one_or_none()
    return None if row is None else _record_of(row)


def _is(kind: SecretKind, digest: str) -> ColumnElement[bool]:
    return and_(secrets.c.kind == kind, secrets.c.digest == digest)


def _ended(record: SecretRecord | None) -> str | None:
    """A ticket that is used up is half of signing in: the session that it becomes tells of it."""
    return None if record is None or record.kind is SecretKind.TICKET else ""


def _row_of(record: SecretRecord) -> dict[str, object]:
    return {
        "kind": record.kind,
        "digest": record.digest,
        "user": record.principal.user,
        "project_id": record.principal.project_id,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "methods": record.methods,
        "is_domain_scoped": record.is_domain_scoped,
    }


def _record_of(row: Row[*tuple[object, ...]]) -> SecretRecord:
    kept = row._mapping
    return SecretRecord(
        kind=kept["kind"],
        digest=kept["digest"],
        principal=Principal(user=kept["user"], project_id=kept["project_id"]),
        created_at=kept["created_at"],
        expires_at=kept["expires_at"],
        methods=kept["methods"],
        is_domain_scoped=kept["is_domain_scoped"],
    )
