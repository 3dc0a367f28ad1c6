"""Bytes both ways between a browser and a viewer's unix socket. No rules about jobs or people."""

import asyncio
import re
import time
from enum import StrEnum
from typing import Final

import msgspec
from aiohttp import web

from belvedere.gateway.connection import Broken
from belvedere.gateway.documents import Documents, is_document, may_be_document
from belvedere.gateway.headers import HTTPS_ONLY, forward_headers, return_headers
from belvedere.gateway.places import Asker
from belvedere.gateway.sending import send, send_document, send_environment
from belvedere.gateway.upstream import IDLE, Answer, Away, Line, Question
from belvedere.lifecycle.jobs import Job, urls_of

_SWEEP = 1.0  # seconds between two looks for idle connections, while there are any
_HIDDEN_FROM_VALIDATION = ("If-None-Match", "If-Modified-Since", "Range", "If-Range")
# Whatever may follow: TensorBoard takes a decoded path apart once more, and drops what comes after one of these.
ENVIRONMENT: Final = re.compile(r"/data/environment(?:[/;?#]|$)")


class Missed(StrEnum):
    """Why there is no answer from a viewer. Nothing has been sent to the browser then."""

    AWAY = "away"  # nobody listens, or all places are taken; the viewer got nothing
    BROKEN = "broken"  # it hung up, or spoke no HTTP, before it had answered


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes, and what its answer has to respect."""

    socket: str
    prefix: str  # the job's public one
    inner: str | None  # what the viewer expects in its place; None: the same
    console_origin: str
    assets_origin: str  # where browsers get the viewer's own files; empty: here
    is_secure: bool  # whether browsers see the viewers by https
    main_of: str  # the kind of viewer, if this asks for its main page, or else nothing
    job: Job  # whose log places are shown instead of the folder that the viewer reads
    asker: Asker
    body: bytes | bytearray | None = None  # of the request

    def target(self, raw_path: str) -> str:
        """What to ask the viewer for; `raw_path` is below the public prefix."""
        return raw_path if self.inner is None else self.inner + raw_path[len(self.prefix) :]


class Forwarder:
    """Forwards requests to viewers over kept connections. Belongs to one event loop."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._lines: dict[str, Line] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """Give up all connections that are not in use."""
        if self._sweep is not None:
            self._sweep.cancel()
        for line in self._lines.values():
            line.give_up_idle(float("inf"))

    async def forward(self, request: web.BaseRequest, passage: Passage) -> web.StreamResponse | Missed:
        """Send the request to the viewer and stream its answer back.

        Cancellation (the browser hung up) closes the viewer's connection. If the viewer dies amid its answer, the
        browser's connection is cut, so that half an answer never looks whole.
        """
        hides = ENVIRONMENT.search(request.path) is not None
        is_page = may_be_document(request.method, request.headers)
        try:
            answer = await self._ask(request, passage, is_whole=hides, is_plain=hides or is_page)
        except Away:
            return Missed.AWAY
        except Broken:
            return Missed.BROKEN
        try:
            return await self._pass_on(request, answer, passage, hides=hides, is_page=is_page)
        except Broken:
            return Missed.BROKEN
        finally:
            answer.close()

    async def _ask(self, request: web.BaseRequest, passage: Passage, *, is_whole: bool, is_plain: bool) -> Answer:
        headers = forward_headers(request.headers)
        if is_plain:
            headers["Accept-Encoding"] = "identity"
        if is_whole:
            for name in _HIDDEN_FROM_VALIDATION:
                headers.popall(name, None)
        question = Question(request.method, passage.target(request.raw_path), headers, passage.body)
        return await self._line(passage.socket).ask(question, passage.asker)

    async def _pass_on(
        self, request: web.BaseRequest, answer: Answer, passage: Passage, *, hides: bool, is_page: bool
    ) -> web.StreamResponse:
        host = request.headers["Host"]
        headers = return_headers(
            answer.headers, passage.prefix, host, passage.console_origin, passage.inner, passage.assets_origin
        )
        if passage.is_secure:
            headers.update(HTTPS_ONLY)
        if hides:
            places = () if passage.asker.is_guest else urls_of(passage.job)  # guests see the logs, not where they are
            return await send_environment(answer, headers, ", ".join(places))
        if is_page and is_document(answer.status, answer.headers):
            return await send_document(request, answer, headers, self._documents, passage.main_of)
        return await send(request, answer, headers)

    def _line(self, socket: str) -> Line:
        line = self._lines.get(socket)
        if line is None:
            line = self._lines[socket] = Line(socket)
            if self._sweep is None:
                self._sweep = asyncio.get_running_loop().call_later(_SWEEP, self._give_up_idle)
        return line

    def _give_up_idle(self) -> None:
        before = time.monotonic() - IDLE
        self._lines = {socket: line for socket, line in self._lines.items() if not line.give_up_idle(before)}
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_later(_SWEEP, self._give_up_idle) if self._lines else None
