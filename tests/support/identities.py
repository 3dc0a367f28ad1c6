"""Users for tests."""

from datetime import UTC, datetime

from belvedere.identity.permissions import Role, permissions_of
from belvedere.identity.records import Caller, IdentityStore, Member, Principal, SignedBy, User
from belvedere.testing.store import MemoryIdentityStore

BORN = datetime(2026, 1, 1, tzinfo=UTC)


def user(name: str, *, is_administrator: bool = False, is_service: bool = False) -> User:
    """Somebody who can sign in by no password."""
    return User(
        id=f"id-of-{name}", name=name, created_at=BORN, is_administrator=is_administrator, is_service=is_service
    )


async def enrol(store: IdentityStore, name: str, *project_ids: str, role: Role | None = Role.OWNER) -> User:
    """A user with this role in each of the projects; an administrator without a role."""
    made = user(name, is_administrator=role is None)
    await store.add_user(made)
    for project_id in project_ids if role else ():
        await store.put_member(Member(project_id=project_id, user=name, role=role or Role.OWNER))
    return made


def owners(*principals: Principal) -> MemoryIdentityStore:
    """A store that knows these, each as an owner of their project."""
    users = {each.user: user(each.user) for each in principals}
    members = [Member(project_id=each.project_id, user=each.user, role=Role.OWNER) for each in principals]
    return MemoryIdentityStore(users.values(), members)


def principal(it: Principal | None) -> Principal | None:
    """Who it is, without what they may do."""
    return it and Principal(user=it.user, project_id=it.project_id)


def caller(name: str, project_id: str, role: Role | None = Role.OWNER) -> Caller:
    """Somebody who has been let in; an administrator without a role."""
    return Caller(
        user=name,
        project_id=project_id,
        signed_by=SignedBy.TOKEN,
        role=role,
        is_administrator=role is None,
        permissions=permissions_of(role, is_administrator=role is None),
    )
