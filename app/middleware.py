"""What every request passes on its way in and out: an id, a size limit, security headers, a last resort, a count."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.error_responses import respond
from app.errors import unexpected
from app.monitoring.exposition import Metrics

logger = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# What nginx reports for a client that left before its answer.
CLIENT_LEFT = 499

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: under that a browser sends our own forms with `Origin: null`, which check_site refuses.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(slots=True)
class _Outcome:
    """How one request went so far."""

    id: str
    started: float
    status: int = 0


class RequestEnvelope:
    """Outermost: gives the request its id, sets the response's headers, answers what nobody caught, counts."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        outcome = _Outcome(_request_id(scope), time.perf_counter())
        scope.setdefault("state", {})["request_id"] = outcome.id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome.status = message["status"]
                _complete(MutableHeaders(scope=message), scope["path"], outcome.id)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            outcome.status = CLIENT_LEFT
        except Exception:
            logger.exception("request %s failed", outcome.id)
            if outcome.status:
                raise  # half a response is out; the server closes the connection, which is all it can do
            await respond(Request(scope), unexpected(outcome.id))(scope, receive, send_with_headers)
        finally:
            self._count(scope, outcome)

    def _count(self, scope: Scope, outcome: _Outcome) -> None:
        seconds = time.perf_counter() - outcome.started
        self._metrics.request(scope["method"], _route(scope), outcome.status, seconds)
        logger.info(
            "%s %s %s %d %.1f ms", outcome.id, scope["method"], ascii(scope["path"]), outcome.status, seconds * 1000
        )


class BodyLimit:
    """Refuses a body beyond `limit` bytes, whether it announces its length or comes in pieces."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        received = int(announced) if announced.isdecimal() and int(announced) > self._limit else 0

        async def receive_within_limit() -> Message:
            nonlocal received
            if received <= self._limit:
                message = await receive()
                received += len(message.get("body", b""))
            if received > self._limit:
                # FastAPI turns other exceptions that come out of reading a body into status 400.
                raise HTTPException(413, f"The request's body is larger than {self._limit:,} bytes.")
            return message

        await self._app(scope, receive_within_limit, send)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex


def _complete(headers: MutableHeaders, path: str, request_id: str) -> None:
    headers[REQUEST_ID] = request_id
    # Answers and documents are for their reader alone; scripts and styles are asked for again only if they changed.
    headers.setdefault("Cache-Control", "no-cache" if path.startswith("/static/") else "no-store")
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)


def _route(scope: Scope) -> str:
    """The template of the route that answered: a fixed set of values, whatever was asked for."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "/static" if scope["path"].startswith("/static/") else "unmatched"
