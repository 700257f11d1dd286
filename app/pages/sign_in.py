"""/sign-in and /sign-out: a key becomes a cookie that scripts cannot read and other sites cannot send."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.auth import COOKIE, RuntimeDep, check_site, verify
from app.fields import Text
from app.pages.views import render

router = APIRouter(include_in_schema=False)

# A key that expires or is revoked earlier ends earlier: it is checked with every request.
COOKIE_SECONDS = 30 * 24 * 3600

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
    """Check the key and set the cookie; a bad key gets the form again."""
    check_site(request)
    key = key.strip()
    if await verify(await runtime.services(), key) is None:
        return _form(local_path(next), status=401)
    response = RedirectResponse(local_path(next), 303)
    response.set_cookie(
        COOKIE,
        key,
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Forget the key in this browser."""
    check_site(request)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response


def _form(next_path: str, *, status: int = 200, followed_a_link: bool = False) -> Response:
    return render(
        "sign_in.html", status, caller=None, next=next_path, failed=status != 200, followed_a_link=followed_a_link
    )


def local_path(path: str) -> str:
    """The path if it leads to a page of this server, else the front page."""
    return path if _LOCAL_PATH.fullmatch(path) else "/"
