"""How errors leave the process: one body for programs, one page for people, nothing of the inside."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from app.errors import MediaTypeError, MethodError, ParameterError, envelope
from app.pages.views import render
from core.errors import (
    AuthenticationError,
    InputError,
    NotFoundError,
    RagloopError,
    RoleNeededError,
    StoreUnavailableError,
    TooLargeError,
    UnavailableError,
)

logger = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Answer every deliberate error, validation error and routing error of `app` in RAGLoop's form."""

    @app.exception_handler(RagloopError)
    async def _deliberate(request: Request, error: RagloopError) -> Response:
        return respond(request, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return respond(request, explain_validation(request, error))

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, error: HTTPException) -> Response:
        response = respond(request, explain_http(request, error))
        response.headers.update(error.headers or {})
        return response


def respond(request: Request, error: RagloopError) -> Response:
    """The response to a failed request: a page for a browser that asked for a page, JSON for everything else."""
    shown = _without_inside(request, error)
    if not wants_page(request):
        response: Response = JSONResponse(envelope(shown), shown.status)
    elif isinstance(error, AuthenticationError):
        return RedirectResponse(f"/sign-in?{urlencode({'next': _return_path(request)})}", status_code=303)
    else:
        response = _error_page(request, shown)
    if isinstance(shown, UnavailableError):
        response.headers["Retry-After"] = str(shown.retry_after_seconds)
    if isinstance(shown, AuthenticationError):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _error_page(request: Request, error: RagloopError) -> Response:
    """The error in words, in the frame of whoever is signed in. Where a role is missing, another key may have it."""
    caller = getattr(request.state, "caller", None)
    other_key = isinstance(error, RoleNeededError) and caller is not None and caller.key is not None
    again = _return_path(request)
    return render("error.html", error.status, error=error, again=again, caller=caller, other_key=other_key)


def wants_page(request: Request) -> bool:
    """Whether the client is a browser that opens a page."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def explain_validation(request: Request, error: RequestValidationError) -> RagloopError:
    """One thing that is wrong with the request, in words that name the field."""
    # Where a field may be of several kinds, the error that lies deepest is of the kind that was meant.
    first = max(error.errors(), key=lambda each: len(each["loc"]))
    place = list(first["loc"][1:])  # without "body" or "query"
    if first["type"] == "json_invalid":
        reason = first.get("ctx", {}).get("error", "it cannot be parsed")
        return InputError(f"The body is not valid JSON: {reason}.", hint="Send one JSON object.")
    if not place:
        if not _says_json(request):
            return MediaTypeError("The body must be JSON.", hint="Send it with Content-Type: application/json.")
        return InputError("The body must be a JSON object.", hint="See /openapi.json for its fields.")
    name = _field_name(place)
    if first["type"] == "missing":
        return ParameterError(f"The field {name} is missing.", param=name, hint="See /openapi.json for the fields.")
    reason = first["msg"].removeprefix("Value error, ")
    return ParameterError(f"The field {name} is not valid: {reason[:1].lower()}{reason[1:]}.", param=name)


def explain_http(request: Request, error: HTTPException) -> RagloopError:
    """Starlette's own errors in our words."""
    match error.status_code:
        case 404:
            return NotFoundError("There is nothing at this address.", hint="/openapi.json lists what there is.")
        case 405:
            return MethodError(
                f"This address does not take {request.method}.", hint="/openapi.json lists what it takes."
            )
        case 413:
            return TooLargeError(str(error.detail), hint="Shorten the request, or raise RAGLOOP_MAX_BODY_BYTES.")
        case _:
            return InputError("The request could not be read.", hint="Send one JSON object.")


def _field_name(place: list[Any]) -> str:
    """`messages[0].content` from ("messages", 0, "UserMessage", "content"): tags of a union are left out."""
    name = ""
    for part in place:
        if isinstance(part, int):
            name += f"[{part}]"
        elif part.replace("_", "").isalpha() and part.islower():
            name += f".{part}" if name else part
    return name or "body"


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _return_path(request: Request) -> str:
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _without_inside(request: Request, error: RagloopError) -> RagloopError:
    """A server that strangers can reach does not tell them where its database is; its log does."""
    if isinstance(error, StoreUnavailableError) and request.app.state.runtime.settings.keys_required:
        logger.error("%s %s", error.message, error.hint)
        return StoreUnavailableError(
            "The database does not work right now.",
            hint="The server's log says why.",
            retry_after_seconds=error.retry_after_seconds,
        )
    return error
