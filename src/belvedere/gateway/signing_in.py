"""How a browser gets its session on the viewers' origin: by a ticket in a link, or by a token pasted into the form."""

from aiohttp import web

from belvedere.console.forms import LARGEST_FORM, form_fields
from belvedere.console.sessions import set_cookie
from belvedere.gateway import answers
from belvedere.gateway.routes import is_job_url, match_route, without_parameter
from belvedere.gateway.rules import GatewayRules, is_known_origin
from belvedere.identity.gatekeeper import SESSION_LIFE, Gatekeeper
from belvedere.identity.records import SecretKind
from belvedere.lifecycle.clock import Clock


class SigningIn:
    """Opens sessions. A session's secret goes into an HttpOnly cookie and nowhere else."""

    def __init__(self, gatekeeper: Gatekeeper, clock: Clock, rules: GatewayRules) -> None:
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._rules = rules

    async def by_ticket(self, ticket: str, target: str) -> web.Response | None:
        """Use the ticket up and lead on to `target`, a job's URL; None if it is no good any more."""
        session = await self._gatekeeper.redeem_ticket(ticket, self._clock(), SecretKind.VIEWER_SESSION)
        return self._welcome(session, target) if session else None

    async def by_form(self, request: web.BaseRequest) -> web.Response:
        """Answer the form: a session and the way back, or the form again with what was wrong."""
        if not is_known_origin(request.headers):
            return answers.problem(403, "ModelArts.0108", "Sign in from the page of this service itself.")
        fields = await _form(request)
        target = fields.get("next", "")
        target = target if is_job_url(target) else ""
        principal = await self._gatekeeper.principal_if_valid(fields.get("token", "").strip(), self._clock())
        if principal is None:
            route = match_route(target.partition("?")[0])
            error = "That token is not valid here. Check that it was copied whole, and from this service."
            return answers.sign_in_page(self._rules, target=target, job_id=route.job_id if route else None, error=error)
        session = await self._gatekeeper.issue(SecretKind.VIEWER_SESSION, principal, self._clock(), SESSION_LIFE)
        return self._welcome(session, target or f"{self._rules.console_origin}/")

    def _welcome(self, session: str, target: str) -> web.Response:
        response = answers.see_other(target)
        # Lax: a link in a chat or a wiki opens for who is signed in. What changes something needs our own origin
        # anyway (`rules.may_act`). The path is the whole origin, as the fonts stand at its root; a narrower one would
        # be no wall between scripts of one origin.
        response.headers["Set-Cookie"] = set_cookie(self._rules.cookie, session, same_site="Lax")
        return response


def ticket_of(method: str, path: str, query: str) -> tuple[str | None, str]:
    """The ticket of a request to a job's URL, if it bears one, and the same URL without it."""
    kept, ticket = without_parameter(query, "ticket")
    target = f"{path}?{kept}" if kept else path
    return (ticket if method == "GET" else None), target


async def _form(request: web.BaseRequest) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > LARGEST_FORM:
            break
    return form_fields(bytes(body))
