"""/sign-in and /sign-out: a key begins a session, whose cookie scripts cannot read and other sites cannot send."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.auth import COOKIE, RuntimeDep, check_site, verify
from app.fields import Text
from app.pages.navigation import home_of
from app.pages.views import render
from core.api_key import ApiKey
from core.storage.sessions import SessionRepository
from serving.factory import Services

router = APIRouter(include_in_schema=False)

# As long as NIST SP 800-63B lets anyone stay signed in at its first assurance level. A key that expires or is revoked
# earlier ends its sessions with it.
SESSION = timedelta(days=30)

_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


@router.get("/sign-in")
async def sign_in_page(
    request: Request, runtime: RuntimeDep, next: Annotated[str, Query(max_length=2000)] = "/"
) -> Response:
    """The form. A server that needs no key has none.

    The browser holds the cookie back from whoever follows a link on another site, so they may be signed in already.
    """
    if not runtime.settings.keys_required:
        return RedirectResponse("/", 303)
    followed_a_link = request.headers.get("sec-fetch-site") == "cross-site"
    return _form(local_path(next), followed_a_link=followed_a_link)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    runtime: RuntimeDep,
    key: Annotated[Text, Form(max_length=500)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Check the key and begin a session in place of the one there was; a bad key gets the form again."""
    check_site(request)
    if not runtime.settings.keys_required:
        return RedirectResponse("/", 303)
    services = await runtime.services()
    found = await verify(services, key.strip())
    if found is None:
        return _form(local_path(next), status=401)
    path = local_path(next)
    response = RedirectResponse(home_of(found.actor) if path == "/" else path, 303)
    await asyncio.to_thread(_begin, services, request, response, found)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, runtime: RuntimeDep) -> Response:
    """End the session, here and in this browser."""
    check_site(request)
    response = RedirectResponse("/sign-in", 303)
    if token := request.cookies.get(COOKIE):
        await asyncio.to_thread(SessionRepository((await runtime.services()).database).end, token)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response


def _begin(services: Services, request: Request, response: Response, key: ApiKey) -> None:
    """Always with a token of our making: one that somebody planted in the browser is never taken over."""
    sessions = SessionRepository(services.database)
    if before := request.cookies.get(COOKIE):
        sessions.end(before)
    token, end = sessions.start(key, SESSION)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int((end - datetime.now(UTC)).total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _form(next_path: str, *, status: int = 200, followed_a_link: bool = False) -> Response:
    return render(
        "sign_in.html",
        status,
        caller=None,
        next=next_path,
        failed=status != 200,
        followed_a_link=followed_a_link,
        days=SESSION.days,
    )


def local_path(path: str) -> str:
    """The path if it leads to a page of this server, else the front page."""
    return path if _LOCAL_PATH.fullmatch(path) else "/"
