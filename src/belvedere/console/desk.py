"""What all routes of the console share: who asks, and pages for whoever it is."""

import re
from collections.abc import Mapping
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from belvedere.console.forms import LARGEST_FORM, form_fields, is_same_origin
from belvedere.console.pages import page_headers, render
from belvedere.console.rules import ConsoleRules
from belvedere.contract.limits import JOB_ID
from belvedere.identity.gatekeeper import SESSION_LIFE, Gatekeeper, digest_of
from belvedere.identity.records import Basis, Caller, SecretKind
from belvedere.lifecycle.clock import Clock
from belvedere.service.audit import Auditor

STATIC = "/static/"
NEW_JOB = "/jobs/new"
SIGNED_OUT = "/sign-in?out"  # says so
# Where a sign-in may lead back to. What stands behind `to` is a place within the job's viewer, percent-encoded.
RETURNS = re.compile(
    r"/(?:account|jobs/new|jobs/[1-9][0-9]{0,18}(?:/open(?:\?to=[A-Za-z0-9%._~-]{1,2000})?|/delete)?)?"
)


class Desk:
    """Knows sessions and makes pages."""

    def __init__(self, gatekeeper: Gatekeeper, clock: Clock, rules: ConsoleRules, audit: Auditor) -> None:
        self.gatekeeper = gatekeeper
        self.clock = clock
        self.rules = rules
        self.audit = audit

    async def who(self, request: Request) -> Caller | None:
        """Who is signed in in this browser."""
        return await self.gatekeeper.principal_of_session(self._session(request), self.clock())

    async def welcome(self, request: Request, session: str, target: str, life: timedelta = SESSION_LIFE) -> Response:
        """On to `target` with this session. The one that the browser had ends: nobody would ever sign out of it."""
        if before := self._session(request):
            await self.gatekeeper.end_session(before)
        response = see_other(target)
        response.headers["Set-Cookie"] = self.rules.cookie.setting(session, life=life)
        return response

    def basis(self, request: Request) -> Basis | None:
        """The session that what is given to this browser depends on."""
        session = self._session(request)
        return Basis(kind=SecretKind.SESSION, digest=digest_of(session)) if session else None

    def _session(self, request: Request) -> str | None:
        return request.cookies.get(self.rules.cookie.name)

    def ask(self, target: str, *, status: int, error: str = "", notice: str = "", user: str = "") -> Response:
        """The sign-in page, which leads to `target`."""
        return self.page(
            "sign-in.html",
            status=status,
            action="/sign-in",
            next=target if RETURNS.fullmatch(target) else "/",
            error=error,
            notice=notice,
            user=user,
            outside=self.rules.outside,
        )

    def refused(self) -> Response:
        """A form was sent by another site's page, or by no page."""
        return self.message(403, "That came from elsewhere", "This form works from this service’s own pages only.")

    def no_such_job(self) -> Response:
        """The same for a job that never was, is gone, or is another project's."""
        return self.message(404, "There is no such job", "It may have been deleted.")

    def message(self, status: int, title: str, text: str) -> Response:
        """A page with one sentence."""
        return self.page("message.html", status=status, title=title, text=text, link="/", link_text="See all jobs")

    def notice(self, status: int, title: str, text: str) -> Response:
        """A page with one sentence for somebody who has no account here."""
        return self.page("message.html", status=status, title=title, text=text, link="", link_text="")

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page."""
        # Signing in may lead on to a viewer, and browsers hold redirects of a form to the form's policy.
        headers = page_headers(form_targets=f"'self' {self.rules.viewers}")
        text = render(template, static=STATIC, console="/", **values)
        return HTMLResponse(text, status_code=status, headers=headers)

    def page_for_error(self, method: str, headers: Mapping[str, str], path: str, status: int) -> Response | None:
        """A page about a path that is not there, for a person; None for a script, and anywhere in the API."""
        if (
            path.startswith(("/v1/", "/v3"))
            or method not in {"GET", "HEAD"}
            or "text/html" not in headers.get("accept", "")
        ):
            return None
        if status == 404:
            return self.message(404, "There is no such page", "The address may be mistyped, or from another service.")
        return self.message(status, "There is nothing to see here", "This address takes what a page’s button sends.")


def see_other(location: str) -> Response:
    """Go there instead, with a GET."""
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(location, status_code=303, headers=headers)


def is_from_our_page(request: Request) -> bool:
    """Whether a form was sent by a page of this origin (CSRF)."""
    headers = request.headers
    return is_same_origin(
        site=headers.get("Sec-Fetch-Site"), origin=headers.get("Origin"), host=headers.get("Host", "")
    )


def is_of_ones_own_accord(request: Request) -> bool:
    """Whether a person came by our own page, or by none: no other page led them here."""
    return request.headers.get("Sec-Fetch-Site") in {"same-origin", "none"}


async def read_form(request: Request) -> dict[str, str]:
    """A form's fields; none if it is too long to be one of ours."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            break
    return form_fields(bytes(body))


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client else ""


def job_id_of(request: Request) -> int | None:
    """The path's job id; None if it can't be one."""
    text = request.path_params["job_id"]
    number = int(text) if re.fullmatch(r"[0-9]{1,19}", text, re.ASCII) else 0
    return number if 0 < number <= JOB_ID else None
