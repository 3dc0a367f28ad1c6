"""Opening a share link. That is done on the console's origin: no viewer's page ever sees a link's secret."""

from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from belvedere.console.desk import Desk, address_of, is_from_our_page, read_form, see_other
from belvedere.console.share_words import moment_text
from belvedere.service.shares import Opening, Outcome


class OpensShares(Protocol):
    """What opening a link needs of `service.shares.ShareService`."""

    async def open(self, secret: str, password: str | None, address: str) -> Opening: ...


def share_routes(shares: OpensShares, desk: Desk) -> list[Route]:
    """The routes of links."""
    pages = _SharePages(shares, desk)
    return [Route("/s/{secret}", pages.open, methods=["GET"]), Route("/s/{secret}", pages.unlock, methods=["POST"])]


class _SharePages:
    def __init__(self, shares: OpensShares, desk: Desk) -> None:
        self._shares = shares
        self._desk = desk

    async def open(self, request: Request) -> Response:
        """Over to the job, or the page that asks for the password. A HEAD opens nothing."""
        if request.method == "HEAD":
            return Response(status_code=204)
        return await self._answer(request, None)

    async def unlock(self, request: Request) -> Response:
        """The form with the password."""
        if not is_from_our_page(request):
            return self._desk.refused()
        fields = await read_form(request)
        return await self._answer(request, fields.get("password", ""))

    async def _answer(self, request: Request, password: str | None) -> Response:
        opening = await self._shares.open(request.path_params["secret"], password, address_of(request))
        match opening.outcome:
            case Outcome.OPENED:
                return see_other(opening.url)
            case Outcome.ASKS | Outcome.WRONG | Outcome.SLOW:
                return self._ask(request, opening)
            case Outcome.RESTING:
                return self._desk.notice(409, f"{opening.job_name} is not running", _resting_text(opening))
            case Outcome.GONE:
                return self._desk.notice(404, "This link is no good any more", _GONE)

    def _ask(self, request: Request, opening: Opening) -> Response:
        error, status = _ERRORS[opening.outcome]
        response = self._desk.page(
            "share.html", status=status, action=request.url.path, error=error.format(wait=opening.wait)
        )
        if opening.outcome is Outcome.SLOW:
            response.headers["Retry-After"] = str(opening.wait)
        return response


def _resting_text(opening: Opening) -> str:
    until = f" It works until {moment_text(opening.expires_at)}." if opening.expires_at else ""
    return f"Whoever shared it with you can start it again. Keep this link and open it then.{until}"


_ERRORS: Final = {
    Outcome.ASKS: ("", 200),
    Outcome.WRONG: ("That is not the password. Check it with whoever sent you the link.", 403),
    Outcome.SLOW: ("There were too many wrong tries. Try again in {wait} seconds.", 429),
}
_GONE: Final = "It has expired, or it was revoked. Ask whoever sent it to you for another one."
