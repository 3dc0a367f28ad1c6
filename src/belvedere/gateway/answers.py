"""Answers of the gateway's own: pages for people, JSON for scripts."""

import secrets
from math import ceil
from typing import Final

import msgspec
from aiohttp import web

from belvedere.console.assets import LONG_CACHING, Asset
from belvedere.console.pages import page_headers, render
from belvedere.console.tones import tone_of
from belvedere.contract.errors import BodyTooLarge, MethodNotAllowed, RequestError, TooManyRequests, Unavailable
from belvedere.contract.jobs import ErrorBody
from belvedere.contract.statuses import JobStatus
from belvedere.gateway.documents import accepts_gzip
from belvedere.gateway.headers import FOR_ALL_JOBS, SAFE, Headers
from belvedere.gateway.routes import RouteMatch
from belvedere.gateway.rules import GatewayRules
from belvedere.gateway.shelf import plain
from belvedere.gateway.standing import JobView, Standing
from belvedere.lifecycle.jobs import Intent, Job, urls_of
from belvedere.viewers.base import AssetFile

OWN: Final = "/_belvedere/"
STATIC: Final = f"{OWN}static/"

_NO_PAGE: Final = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}  # unless it says otherwise

# Waiting is 503, so that whoever reads statuses knows that the same request may do later. An ended job is 409: the
# request is at odds with the job's state, and asking again changes nothing until somebody restarts it.
STATUS_OF_STANDING: Final = {
    Standing.COMING: 503,
    Standing.ENDING: 409,
    Standing.ENDED: 409,
    Standing.EMPTY: 200,
    Standing.READY: 503,  # said to be up, yet nobody listens: it is being looked into
}


def page(rules: GatewayRules, template: str, *, status: int, values: dict[str, object]) -> web.Response:
    """A page of ours. The console may frame it, as it may frame a viewer."""
    ours = f"'self' {rules.console_origin}".strip()
    headers = page_headers(ancestors=ours, form_targets=ours)
    text = render(template, static=STATIC, console=rules.console_origin, **values)
    return web.Response(status=status, headers=_signed(headers), text=text, content_type="text/html")


def problem(status: int, code: str, message: str, *, retry_after: float | None = None) -> web.Response:
    """An error in the API's words, for scripts."""
    request_id = secrets.token_hex(16)
    body = ErrorBody(error_code=code, error_message=message, error_msg=message, message=message, request_id=request_id)
    headers = _signed({"Cache-Control": "no-store", "X-Request-Id": request_id})
    if retry_after is not None:
        headers["Retry-After"] = str(ceil(retry_after))
    if status == 401:
        headers["WWW-Authenticate"] = 'X-Auth-Token realm="belvedere"'
    return web.Response(status=status, headers=headers, body=msgspec.json.encode(body), content_type="application/json")


def too_large(most: int) -> web.Response:
    """A body of more than so many bytes, that no viewer has a use for."""
    return _last(problem(413, BodyTooLarge.code, f"A viewer takes bodies of at most {most // 2**20} MiB here."))


def unfinished() -> web.Response:
    """A body that takes longer to come than anybody waits for it."""
    return _last(problem(408, RequestError.code, "The body of this request was too long in coming."))


def too_many_bodies() -> web.Response:
    """A body that there is no room for beside those of others."""
    message = "Too many large requests are under way at this moment. Wait as long as Retry-After says."
    return _last(problem(503, Unavailable.code, message, retry_after=1))


def malformed() -> web.Response:
    """A body whose chunks are none."""
    return _last(problem(400, RequestError.code, "The body of this request can't be read: its chunks are malformed."))


def coded() -> web.Response:
    """A body that is compressed on the way, which its viewer would never hear of."""
    return _last(problem(501, RequestError.code, "Send the body as it is, or in chunks: no other coding is read here."))


def unwanted_body() -> web.Response:
    """A body that nobody reads."""
    return _last(problem(400, RequestError.code, "A request of this method has no body. Send it without, or by POST."))


def wrong_method(message: str, allowed: str) -> web.Response:
    """To what is not done there, and what is."""
    response = problem(405, MethodNotAllowed.code, message)
    response.headers["Allow"] = allowed
    return response


def too_many(what: str, *, retry_after: float) -> web.Response:
    """To who has to wait."""
    message = f"There are too many {what}. Wait as long as Retry-After says."
    return problem(429, TooManyRequests.code, message, retry_after=retry_after)


def data(value: object) -> web.Response:
    """A value as JSON, never kept."""
    headers = _signed({"Cache-Control": "no-store"})
    return web.Response(headers=headers, body=msgspec.json.encode(value), content_type="application/json")


def nothing() -> web.Response:
    """It was understood, and there is nothing to say."""
    return web.Response(status=204, headers=_signed({"Cache-Control": "no-store"}))


def see_other(location: str) -> web.Response:
    """Go there instead, with a GET."""
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(status=303, headers=_signed(headers))


def moved(location: str) -> web.Response:
    """It always was at that other path, whatever the method."""
    return web.Response(status=308, headers=_signed({"Location": location, "Cache-Control": "no-store"}))


def static_file(asset: Asset) -> web.Response:
    """A file of our own pages."""
    headers = {"Content-Type": asset.content_type, "Cache-Control": LONG_CACHING}
    return web.Response(body=asset.body, headers=_signed(headers))


def asset(file: AssetFile, asked: Headers, *, kept: bool, for_all_jobs: bool = False) -> web.Response:
    """A viewer's file. `kept`: for ever, as the path names the content. `for_all_jobs`: their origins may use it."""
    headers = {
        **(FOR_ALL_JOBS if for_all_jobs else {}),
        "Content-Type": file.content_type,
        "Cache-Control": LONG_CACHING if kept else "private, no-cache",
        "Vary": "Accept-Encoding",
        # Should a file be a page, nobody has to see it as such.
        "Content-Security-Policy": "sandbox; frame-ancestors 'none'",
    }
    if not accepts_gzip(asked):
        return web.Response(body=plain(file), headers=_signed(headers))
    return web.Response(body=file.gzipped, headers=_signed(headers | {"Content-Encoding": "gzip"}))


def elsewhere(location: str) -> web.Response:
    """The same thing is at that path, for now."""
    return web.Response(status=307, headers=_signed({"Location": location, "Cache-Control": "private, no-cache"}))


def stranger_page(rules: GatewayRules, opener: str) -> web.Response:
    """In a frame: who it is can be said in a tab alone. `opener` is the console's way in."""
    values: dict[str, object] = {
        "title": "You are not signed in here",
        "text": "Open this job from the console, where you are signed in or can do so.",
        "link": opener,
        "link_text": "Open it from the console",
    }
    return page(rules, "message.html", status=401, values=values)


def not_found_page(rules: GatewayRules) -> web.Response:
    """The same for a job that never was, is gone, or is another project's."""
    values: dict[str, object] = {
        "title": "There is no such job",
        "text": "It may have been deleted, or it belongs to another project than the one you are signed in to.",
        "link": rules.console_origin,
        "link_text": "See all jobs",
    }
    return page(rules, "message.html", status=404, values=values)


def wrong_origin_page(rules: GatewayRules) -> web.Response:
    """A job's path at the origin of another job."""
    values: dict[str, object] = {
        "title": "This address is mixed up",
        "text": "Its host name is that of one job, and its path that of another. Open the job from the console.",
        "link": rules.console_origin,
        "link_text": "See all jobs",
    }
    return page(rules, "message.html", status=421, values=values)


def job_page(rules: GatewayRules, job: Job, view: JobView, route: RouteMatch, *, is_guest: bool) -> web.Response:
    """The page that stands where the viewer will, or was. Guests, who came by a share link, can only wait."""
    values: dict[str, object] = {
        "view": view,
        "is_guest": is_guest,
        "tone": tone_of(JobStatus(view.status)),
        "prefix": route.prefix,
        "urls": () if is_guest else urls_of(job),
        "stays": job.intent is not Intent.DELETE,
    }
    response = page(rules, "job.html", status=STATUS_OF_STANDING[view.standing], values=values)
    if response.status == 503:
        response.headers["Retry-After"] = "1"
    return response


def _last(response: web.Response) -> web.Response:
    """Nothing is read after it: what follows on the connection is the rest of a request that was refused."""
    response.force_close()
    return response


def _signed(headers: dict[str, str]) -> dict[str, str]:
    return SAFE | _NO_PAGE | headers
