"""How a browser gets its session for a job: by a ticket in a link, which the console gives to whoever is signed in.

Nobody types a secret on the viewers' origins: whatever a page there asks for, a script in a viewer's page could read.
"""

from urllib.parse import quote

import structlog
from aiohttp import web

from belvedere.gateway import answers
from belvedere.gateway.routes import RouteMatch, without_parameter
from belvedere.gateway.rules import GatewayRules
from belvedere.identity.passes import Passes
from belvedere.lifecycle.clock import Clock

_log = structlog.get_logger("belvedere.gateway")


class Entering:
    """Opens sessions. A session's secret goes into an HttpOnly cookie and nowhere else."""

    def __init__(self, passes: Passes, clock: Clock, rules: GatewayRules) -> None:
        self._passes = passes
        self._clock = clock
        self._rules = rules

    async def by_ticket(self, ticket: str, route: RouteMatch, target: str) -> web.Response | None:
        """Use the ticket up and lead on to `target`, the same URL without it; None if it is no good."""
        try:
            session = await self._passes.redeem(ticket, route.job_id, self._clock())
        except Exception:  # noqa: BLE001 - a page about it would stand at an address that still holds the ticket
            _log.exception("ticket can't be redeemed", job_id=route.job_id)
            return answers.see_other(target)
        if session is None:
            return None
        response = answers.see_other(target)
        response.headers["Set-Cookie"] = self._rules.cookie(route.prefix).setting(session)
        return response

    def by_console(self, route: RouteMatch, target: str, *, used_link: bool) -> web.Response:
        """Over to the console, which asks who it is if it has to, and leads back to `target` with a ticket."""
        return answers.see_other(opener(self._rules.console_origin, route, target, used_link=used_link))


def opener(console_origin: str, route: RouteMatch, target: str, *, used_link: bool = False) -> str:
    """The console's address that opens a job at `target`, a URL below the job's prefix."""
    rest = target.removeprefix(route.prefix)
    words = [f"to={quote(rest, safe='')}"] if rest not in {"", "/"} else []
    words += ["link=used"] if used_link else []
    return f"{console_origin}/jobs/{route.job_id}/open{'?' if words else ''}{'&'.join(words)}"


def ticket_of(method: str, path: str, query: str) -> tuple[str | None, str]:
    """The ticket of a request to a job's URL, if it bears one, and the same URL without it."""
    kept, ticket = without_parameter(query, "ticket")
    target = f"{path}?{kept}" if kept else path
    return (ticket if method == "GET" else None), target
