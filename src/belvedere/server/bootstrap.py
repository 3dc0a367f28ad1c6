"""First identity: one project and one administrator, told in a file that only the operator can read."""

import os
import secrets
from pathlib import Path

import msgspec

from belvedere.identity.gatekeeper import Gatekeeper
from belvedere.identity.keys import KeyRing
from belvedere.identity.records import IdentityStore, Principal, Project, SecretKind, User
from belvedere.lifecycle.clock import Clock

ADMINISTRATOR = "admin"


class Bootstrap(msgspec.Struct, frozen=True, kw_only=True):
    """Content of ``bootstrap.json``: what a script or the CLI needs to begin. Its repr hides the secrets."""

    project_id: str
    token: str
    access_key: str = ""
    secret_key: str = ""
    console_url: str
    endpoint: str
    viewer_url: str

    def __repr__(self) -> str:
        return f"Bootstrap(project_id={self.project_id!r}, endpoint={self.endpoint!r})"


async def ensure_bootstrap(
    path: Path,
    identities: IdentityStore,
    gatekeeper: Gatekeeper,
    keys: KeyRing,
    *,
    clock: Clock,
    api_origin: str,
    viewer_origin: str,
) -> Bootstrap:
    """Make the first project and its administrator's token and keys, or find them again.

    A file that is lost, damaged or of another database is written anew with a fresh token, and whatever opened the
    project for its administrator before does so no more: removing the file revokes the token and
    the keys. Mode 0600, atomically.
    """
    project = await _first_project(identities, clock)
    await _first_user(identities, clock)
    known = _read(path)
    token = await _good_token(known, gatekeeper, project.id, clock)
    if token is None:
        principal = Principal(user=ADMINISTRATOR, project_id=project.id)
        await gatekeeper.revoke_all(principal)
        token = await gatekeeper.issue(SecretKind.TOKEN, principal, clock(), None)
    access_key, secret_key = await _good_pair(known, keys) or await _new_pair(identities, keys, clock)
    bootstrap = Bootstrap(
        project_id=project.id,
        token=token,
        access_key=access_key,
        secret_key=secret_key,
        console_url=f"{api_origin}/",
        endpoint=api_origin,
        viewer_url=viewer_origin,
    )
    _write_private(path, msgspec.json.format(msgspec.json.encode(bootstrap), indent=2) + b"\n")
    return bootstrap


async def _first_project(identities: IdentityStore, clock: Clock) -> Project:
    projects = await identities.projects()
    if projects:
        return min(projects, key=lambda project: project.created_at)
    project = Project(id=secrets.token_hex(16), name="default", created_at=clock())
    await identities.add_project(project)
    return project


async def _first_user(identities: IdentityStore, clock: Clock) -> None:
    """The administrator. Changes nothing about one that is there."""
    administrator = User(id=secrets.token_hex(16), name=ADMINISTRATOR, created_at=clock(), is_administrator=True)
    await identities.add_user(administrator)


async def _good_token(known: Bootstrap | None, gatekeeper: Gatekeeper, project_id: str, clock: Clock) -> str | None:
    """The file's token, if it still opens this project."""
    principal = await gatekeeper.principal_if_valid(known.token, clock()) if known else None
    return known.token if known and principal and principal.project_id == project_id else None


async def _good_pair(known: Bootstrap | None, keys: KeyRing) -> tuple[str, str] | None:
    """The file's keys, if they still are keys."""
    if known and known.access_key and await keys.is_pair(known.access_key, known.secret_key):
        return known.access_key, known.secret_key
    return None


async def _new_pair(identities: IdentityStore, keys: KeyRing, clock: Clock) -> tuple[str, str]:
    """New keys of the administrator's, in place of those that were in a file before."""
    for key in await identities.keys(ADMINISTRATOR):
        if key.is_bootstrap:
            await keys.remove(key.access_key)
    made = await keys.create(ADMINISTRATOR, clock(), description="bootstrap.json", is_bootstrap=True)
    return made.key.access_key, made.secret_key


def _read(path: Path) -> Bootstrap | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Bootstrap)
    except (OSError, msgspec.DecodeError):
        return None


def _write_private(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
