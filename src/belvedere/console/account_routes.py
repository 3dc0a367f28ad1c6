"""One's own page: who one is here, one's projects, password and keys, and the end of all one's sessions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from belvedere.console.desk import SIGNED_OUT, Desk, is_from_our_page, read_form, see_other
from belvedere.console.sessions import delete_cookie
from belvedere.console.share_words import moment_text
from belvedere.contract import iam
from belvedere.contract.errors import BelvedereError, NotFound, RequestError
from belvedere.contract.iam_rules import DESCRIPTION_LENGTH, ValidKey
from belvedere.contract.identity import ChangePassword, Me
from belvedere.contract.identity_rules import change_password_request
from belvedere.contract.jobs import Success
from belvedere.identity.gatekeeper import SESSION_LIFE
from belvedere.identity.records import Caller, Principal, SecretKind

PATH = "/account"
_LABELS = {"password": "Present password", "new_password": "New password"}
_DONE = "Your password is changed. Your other sessions and your tokens have ended."


class KeyActions(Protocol):
    """What the page needs of `service.access_keys.KeyService`."""

    async def keys(self, who: Caller, user: str | None) -> iam.KeysAnswer: ...

    async def add_key(self, who: Caller, request: ValidKey) -> iam.KeyAnswer: ...

    async def remove_key(self, who: Caller, access_key: str) -> None: ...


class Oneself(Protocol):
    """What the page needs of `service.identities.IdentityService`."""

    async def me(self, who: Caller) -> Me: ...

    async def change_password(self, who: Caller, change: ChangePassword) -> Success: ...

    async def sign_out_everywhere(self, who: Caller) -> None: ...


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One key as the page shows it."""

    access: str
    note: str
    made: str
    made_iso: str


def account_routes(oneself: Oneself, keys: KeyActions, desk: Desk) -> list[Route]:
    """The routes below /account."""
    pages = _AccountPages(oneself, keys, desk)
    return [
        Route(PATH, pages.look, methods=["GET"]),
        Route(f"{PATH}/password", pages.change_password, methods=["POST"]),
        Route(f"{PATH}/keys", pages.add_key, methods=["POST"]),
        Route(f"{PATH}/keys/{{access_key}}/revoke", pages.revoke, methods=["POST"]),
        Route(f"{PATH}/sign-out", pages.sign_out, methods=["POST"]),
    ]


class _AccountPages:
    def __init__(self, oneself: Oneself, keys: KeyActions, desk: Desk) -> None:
        self._oneself = oneself
        self._keys = keys
        self._desk = desk

    async def look(self, request: Request) -> Response:
        """The page."""
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(PATH, status=401)
        return await self._page(who, done=_DONE if "password" in request.query_params else "")

    async def change_password(self, request: Request) -> Response:
        """Another password. What the old one opened ends, this browser's session too: it gets a new one."""
        if not is_from_our_page(request):
            return self._desk.refused()
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(PATH, status=401)
        try:
            await self._oneself.change_password(who, _wanted_password(await read_form(request)))
        except BelvedereError as error:
            return await self._page(who, wrong_password=_labelled(error.message), status=error.http_status)
        here, now = Principal(user=who.user, project_id=who.project_id), self._desk.clock()
        session = await self._desk.gatekeeper.issue(SecretKind.SESSION, here, now, SESSION_LIFE)
        return await self._desk.welcome(request, session, f"{PATH}?password#password")

    async def add_key(self, request: Request) -> Response:
        """A new key; the page that shows its secret, this once."""
        if not is_from_our_page(request):
            return self._desk.refused()
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(PATH, status=401)
        description = (await read_form(request)).get("description", "").strip()[:DESCRIPTION_LENGTH]
        try:
            made = await self._keys.add_key(who, ValidKey(description=description))
        except BelvedereError as error:
            return await self._page(who, problem=error.message, status=error.http_status)
        return await self._page(who, made=made.credential)

    async def revoke(self, request: Request) -> Response:
        """The end of a key."""
        if not is_from_our_page(request):
            return self._desk.refused()
        who = await self._desk.who(request)
        if who is None:
            return self._desk.ask(PATH, status=401)
        access_key = request.path_params["access_key"]
        try:
            await self._own(who, access_key)
            await self._keys.remove_key(who, access_key)
        except NotFound:
            pass  # it was revoked elsewhere, which is what was wanted
        except BelvedereError as error:
            return await self._page(who, problem=error.message, status=error.http_status)
        return see_other(f"{PATH}#keys")

    async def sign_out(self, request: Request) -> Response:
        """The end of all one's sessions and tokens, this one too."""
        if not is_from_our_page(request):
            return self._desk.refused()
        who = await self._desk.who(request)
        if who is not None:
            await self._oneself.sign_out_everywhere(who)
        response = see_other(SIGNED_OUT)
        response.headers["Set-Cookie"] = delete_cookie(self._desk.rules.cookie.name)
        return response

    async def _own(self, who: Caller, access_key: str) -> None:
        """Raise NotFound for another's, which an administrator may remove, but not here by a slip."""
        found = await self._keys.keys(who, None)
        if access_key not in {key.access for key in found.credentials}:
            raise NotFound("It is none of yours.")

    async def _page(
        self,
        who: Caller,
        *,
        status: int = 200,
        problem: str = "",
        wrong_password: str = "",
        done: str = "",
        made: iam.Key | None = None,
    ) -> Response:
        found = await self._keys.keys(who, None)
        return self._desk.page(
            "account.html",
            status=status,
            user=who.user,
            me=await self._oneself.me(who),
            keys=[_row(key) for key in found.credentials],
            problem=problem,
            wrong_password=wrong_password,
            done=done,
            made=made,
            provider=self._desk.rules.outside,
        )


def _wanted_password(fields: Mapping[str, str]) -> ChangePassword:
    """What the form asks for, by the rules of the API. Raises RequestError."""
    present, new = fields.get("present", ""), fields.get("new", "")
    if new != fields.get("again", ""):
        raise RequestError("The two new passwords are not the same. Type the new one twice.")
    return change_password_request(msgspec.json.encode({"password": present, "new_password": new}))


def _labelled(message: str) -> str:
    """The API names fields as they are sent, the page as they are labelled."""
    field, _, rest = message.partition(": ")
    return f"{_LABELS[field]}: {rest}" if field in _LABELS else message


def _row(key: iam.Key) -> KeyRow:
    made = datetime.fromisoformat(key.create_time)
    return KeyRow(
        access=key.access,
        note=key.description or "without a description",
        made=moment_text(made),
        made_iso=made.isoformat(timespec="seconds"),
    )
