"""Who is asking, what they may see, and what they may do.

A key comes as `Authorization: Bearer` or as `X-API-Key`; a browser that signed in with one sends its session's cookie
instead. Without keys, which is a development server on loopback only, everyone on this machine may see and do
everything, so the checks that keep other web sites from using the visitor's browser against it apply to every request.

Every route declares the role it needs by taking a caller of that role, as `caller: ChatDep`. A route that declares none
must stand in OPEN; `check_roles` refuses to start an application where that is not so.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, cast
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.local_actor import local_actor
from app.runtime import Runtime
from core.api_key import ApiKey
from core.errors import AuthenticationError, PermissionDeniedError
from core.permissions import Deed, require
from core.settings import Settings, is_loopback
from core.storage.api_keys import ApiKeyRepository
from core.storage.sessions import SessionRepository
from core.types import AccessScope, Actor, Role
from serving.factory import Services

# Routes that anyone may open. /openapi.json describes the API and /static styles the sign-in page.
OPEN = frozenset({"/healthz", "/readyz", "/sign-in", "/sign-out", "/openapi.json", "/static"})

COOKIE = "ragloop_session"

KEY_PREFIX = "rl_"

_KEY = re.compile(KEY_PREFIX + r"[0-9a-f]{1,36}_[A-Za-z0-9_-]{1,128}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `key` is None on a server without keys; `origin` is page when one of our own pages asks."""

    key: ApiKey | None
    scope: AccessScope
    origin: Literal["page", "api"]

    @property
    def key_id(self) -> str | None:
        return self.key.id if self.key else None

    @property
    def actor(self) -> Actor:
        """Who is put on record. On a server without keys that is whoever runs it, who may do everything."""
        return self.key.actor if self.key else local_actor()

    def asked(self, api_key_id: str | None) -> bool:
        """Whether an interaction that was recorded under this key is the caller's own: theirs is their key, and the
        one that it was rotated from."""
        if self.key is None:
            return True
        return api_key_id is not None and api_key_id in (self.key.id, self.key.replaces)


def runtime(request: Request) -> Runtime:
    return cast(Runtime, request.app.state.runtime)


async def caller(request: Request, runtime: Annotated[Runtime, Depends(runtime)]) -> Caller:
    """The one gate in front of every route that is not open to all.

    Raises AuthenticationError for a missing or bad key, PermissionDeniedError for a request that another site sent.
    """
    found = await _caller(request, runtime)
    request.state.caller = found  # so that an error's page can show who is signed in
    return found


async def _caller(request: Request, runtime: Runtime) -> Caller:
    text = key_in_headers(request)
    if not runtime.settings.keys_required:
        check_host(request)
        check_site(request)
        if text is None or not text.startswith(KEY_PREFIX):
            # OpenAI clients must send some key, so one that is none of ours is taken for the placeholder it is.
            return Caller(None, AccessScope.everything(), _origin(request))
    elif text is None:
        token = request.cookies.get(COOKIE, "")
        if token and request.method not in _SAFE_METHODS:
            check_site(request)
        if key := await verify_session(await runtime.services(), token):
            return Caller(key, key.scope, _origin(request))
        if token:
            raise AuthenticationError("This session has ended.", hint="Sign in again with your key.")
        raise _refusal(runtime.settings, None)
    if key := await verify(await runtime.services(), text):
        return Caller(key, key.scope, "api")
    raise _refusal(runtime.settings, text)


RuntimeDep = Annotated[Runtime, Depends(runtime)]


# The gate of each deed that a route does, so that a route's role can be read from its dependencies.
_GATES: dict[Callable[..., object], Role] = {}


def who_may(deed: Deed) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that hands out the caller if they may do this. Raises RoleNeededError if they may not."""

    async def with_role(caller: Annotated[Caller, Depends(caller)]) -> Caller:
        require(caller.actor, deed)
        return caller

    _GATES[with_role] = deed.role
    return with_role


ChatDep = Annotated[Caller, Depends(who_may(Deed.ASK))]
IngestDep = Annotated[Caller, Depends(who_may(Deed.ERASE_DOCUMENTS))]
ReviewerDep = Annotated[Caller, Depends(who_may(Deed.REVIEW))]
ApproverDep = Annotated[Caller, Depends(who_may(Deed.SWITCH_RELEASE))]


def roles_of(route: BaseRoute) -> frozenset[Role]:
    """The roles that the route asks its caller for, all of which they must have."""
    return frozenset(_roles(route.dependant)) if isinstance(route, APIRoute) else frozenset()


def check_roles(app: FastAPI) -> None:
    """Raises RuntimeError for a route that declares no role and is not open to all: a mistake in its code."""
    for route in app.routes:
        path = getattr(route, "path", "")
        if path not in OPEN and not roles_of(route):
            raise RuntimeError(
                f"The route {path} declares no role. Let it take a caller of the role it needs, as `caller: ChatDep`, "
                "or add it to app.auth.OPEN if anyone may open it."
            )


def _roles(dependant: Dependant) -> Iterator[Role]:
    if dependant.call in _GATES:
        yield _GATES[dependant.call]
    for each in dependant.dependencies:
        yield from _roles(each)


async def services(runtime: RuntimeDep) -> Services:
    return await runtime.services()


ServicesDep = Annotated[Services, Depends(services)]


async def verify(services: Services, text: str) -> ApiKey | None:
    """The key whose text this is, if it is good."""
    if not _KEY.fullmatch(text):
        return None
    return await asyncio.to_thread(ApiKeyRepository(services.database).authenticate, text)


async def verify_session(services: Services, token: str) -> ApiKey | None:
    """The key that signed in the browser with this cookie, if both are still good."""
    if not _TOKEN.fullmatch(token):
        return None
    return await asyncio.to_thread(SessionRepository(services.database).authenticate, token)


def key_in_headers(request: Request) -> str | None:
    """The key's text from `Authorization` or `X-API-Key`, if one is there. Raises AuthenticationError for a scheme
    other than Bearer."""
    authorization = request.headers.get("authorization", "").strip()
    if authorization:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationError("The Authorization header is not a Bearer key.", hint=_HOW)
        return text.strip() or None
    return request.headers.get("x-api-key", "").strip() or None


def check_host(request: Request) -> None:
    """On a server that only this machine reaches, the address asked for must be this machine's: a foreign name that
    resolves to 127.0.0.1 is a DNS rebinding attack."""
    host = request.headers.get("host", "")
    name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
    if not is_loopback(name):
        raise PermissionDeniedError(
            "This server answers only to its local address.", hint="Open it as http://127.0.0.1 or http://localhost."
        )


def check_site(request: Request) -> None:
    """Refuse what a browser sends on behalf of another web site."""
    origin = request.headers.get("origin")
    foreign_origin = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign_origin or request.headers.get("sec-fetch-site", "none") not in _OWN_SITE:
        raise PermissionDeniedError(
            "This request was sent by another web site.", hint="Open RAGLoop's own page and ask there."
        )


_HOW = "Send `Authorization: Bearer KEY`; `ragloop keys create NAME` makes a key."


def _origin(request: Request) -> Literal["page", "api"]:
    ours = "origin" in request.headers or request.headers.get("sec-fetch-site") == "same-origin"
    return "page" if ours else "api"


def _refusal(settings: Settings, text: str | None) -> AuthenticationError:
    if not text:
        return AuthenticationError("An API key is needed.", hint=_HOW)
    known = "That API key is unknown, expired or revoked."
    if settings.keys_required:
        return AuthenticationError(known, hint=_HOW)
    return AuthenticationError(known, hint="This server needs no key: leave it out, or send one that it made.")
