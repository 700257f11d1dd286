"""Every route against every kind of caller, held to one table.

A new route belongs into NEEDS, with the role that it asks for: these tests fail until it is there. So does the
application's start where a route declares no role at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from httpx import AsyncClient, Response
from starlette.routing import Mount, Route

from app.auth import OPEN, ChatDep, check_roles, roles_of
from core.types import Role
from tests.support.app_world import World, sign_in
from tests.support.routes import ANYONE, NEEDS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "http-api.md"


SAFE = {"GET", "HEAD", "OPTIONS"}
OWN_SITE = {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}
OTHER_SITES = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)

each_route = pytest.mark.parametrize(("method", "path"), NEEDS, ids=lambda part: part)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A server that needs keys. Nothing that is sent to it here makes sense, so one does for all tests."""
    return World(tmp_path_factory.mktemp("world"), {"environment": "production"}).ingest()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A development server on loopback."""
    return World(tmp_path_factory.mktemp("local")).ingest()


@pytest.fixture(scope="module")
def keys(world: World) -> Mapping[Role, str]:
    """A key for each role, with that role alone."""
    return {role: world.key(roles=[role]) for role in Role}


def refusal_of(needed: Role | None, *roles: Role) -> int | None:
    """What a good key with these roles is answered where `needed` is asked for."""
    return None if needed is ANYONE or {needed, Role.ADMIN} & set(roles) else 403


def routes_of(app: FastAPI) -> dict[tuple[str, str], Route | Mount]:
    """Every route of the application by method and path. HEAD comes along with GET and asks for the same."""
    found: dict[tuple[str, str], Route | Mount] = {}
    for route in app.routes:
        assert isinstance(route, Route | APIRoute | Mount), f"what is {route}?"
        if isinstance(route, Mount):
            found[("GET", f"{route.path}/{{path}}")] = route
        else:
            found |= {(method, route.path): route for method in (route.methods or ()) if method != "HEAD"}
    return found


async def call(client: AsyncClient, method: str, path: str, headers: Mapping[str, str]) -> Response:
    """Call the route with nothing that makes sense to it: only who is asking matters here."""
    address = re.sub(r"\{[^}]+\}", "nothing", path)
    body = {} if method in SAFE else {"json": {"nothing": "that makes sense"}}
    return await client.request(method, address, headers=headers, **body)  # type: ignore[arg-type]


def check(response: Response, *, refusal: int | None, case: object) -> None:
    """Refused with this status; or, where `refusal` is None, answered by the route itself, whatever it says to
    nonsense. (The sign-in form comes back with status 401 too, but it is a page.)"""
    is_page = response.headers.get("content-type", "").startswith("text/html")
    refused = response.status_code if response.status_code in (401, 403) and not is_page else None
    assert refused == refusal, (case, response.status_code, response.text[:300])
    assert response.status_code < 500, (case, response.text[:300])


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_the_table_names_every_route_and_no_other(world: World) -> None:
    found = set(routes_of(world.app()))
    assert not found - set(NEEDS), "add these routes to NEEDS, each with the role that it should ask for"
    assert not set(NEEDS) - found, "these routes are gone: take them out of NEEDS"


def test_every_route_declares_the_one_role_that_the_table_asks_for(world: World) -> None:
    for (method, path), route in routes_of(world.app()).items():
        needed = NEEDS[(method, path)]
        assert roles_of(route) == ({needed} if needed else set()), f"{method} {path}"
        assert (route.path in OPEN) is (needed is ANYONE), f"{method} {path}"


@each_route
async def test_each_role_opens_what_the_table_says_and_nothing_else(
    world: World, keys: Mapping[Role, str], method: str, path: str
) -> None:
    needed = NEEDS[(method, path)]
    async with world.client() as client:
        for role in Role:
            response = await call(client, method, path, bearer(keys[role]))
            refusal = refusal_of(needed, role)
            check(response, refusal=refusal, case=role)
            if refusal:
                error = response.json()["error"]
                assert error["type"] == "permission_error"
                assert f"role {needed}" in error["message"]
                assert f"--role {needed}" in error["hint"]


@each_route
async def test_without_a_good_key_only_open_routes_answer(world: World, method: str, path: str) -> None:
    needed = NEEDS[(method, path)]
    good, revoked, expired = (world.key(roles=Role) for _ in range(3))
    world.keys.revoke(revoked.split("_")[1])
    world.expire(expired.split("_")[1])
    callers: dict[str, dict[str, str]] = {
        "no key": {},
        "unknown": bearer(good[:-4] + "aaaa"),
        "revoked": bearer(revoked),
        "expired": bearer(expired),
        "no role": bearer(world.key(roles=[])),
    }
    async with world.client() as client:
        for kind, headers in callers.items():
            response = await call(client, method, path, headers)
            refusal = None if needed is ANYONE else 403 if kind == "no role" else 401
            check(response, refusal=refusal, case=kind)


@each_route
async def test_a_session_opens_what_its_key_opens(
    world: World, keys: Mapping[Role, str], method: str, path: str
) -> None:
    needed = NEEDS[(method, path)]
    async with world.client() as client:
        for role in Role:
            client.cookies.clear()
            await sign_in(client, keys[role])
            response = await call(client, method, path, OWN_SITE)
            check(response, refusal=refusal_of(needed, role), case=role)


@pytest.mark.parametrize("headers", OTHER_SITES, ids=str)
async def test_no_route_that_changes_anything_takes_a_cookie_from_another_site(
    world: World, headers: dict[str, str]
) -> None:
    unsafe = [route for route in NEEDS if route[0] not in SAFE]
    assert len(unsafe) > 4
    async with world.client() as client:
        await sign_in(client, world.key(roles=Role))
        for method, path in unsafe:
            address = re.sub(r"\{[^}]+\}", "nothing", path)
            for body in ({"json": {"reason": "b"}}, {"data": {"question": "a", "reason": "b"}}):
                response = await client.request(method, address, headers=headers, **body)  # type: ignore[arg-type]
                assert response.status_code == 403, (method, path)
                assert "another web site" in response.json()["error"]["message"]
        assert (await client.get("/documents")).status_code == 200  # and nobody was signed out


@each_route
async def test_without_keys_whoever_is_at_this_machine_may_do_everything(local: World, method: str, path: str) -> None:
    async with local.client() as client:
        check(await call(client, method, path, {}), refusal=None, case="no key")
        limited = await call(client, method, path, bearer(local.key(roles=[])))
        check(limited, refusal=refusal_of(NEEDS[(method, path)]), case="a key without a role")


async def test_a_role_counts_at_once_and_a_rotated_key_keeps_it(world: World) -> None:
    key = world.key(roles=[Role.REVIEW])
    _, _, new = world.keys.rotate(key.split("_")[1], timedelta(hours=1))
    async with world.client() as client:
        for each in (key, new):
            assert (await client.get("/v1/releases", headers=bearer(each))).status_code == 200
            assert (await client.get("/v1/models", headers=bearer(each))).status_code == 403


def test_the_reference_names_the_role_of_every_route_of_the_api(world: World) -> None:
    """The pages and the files beside them are no part of the API."""
    rows = re.findall(r"^\| `([A-Z]+) (/\S*)` \| `?(\w+)`? \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {(method, nameless(path)): role for method, path, role in rows}
    api = {
        (method, nameless(path)): str(NEEDS[(method, path)] or "none")
        for (method, path), route in routes_of(world.app()).items()
        if isinstance(route, APIRoute) and route.include_in_schema
    }
    assert documented == api


def nameless(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)


def test_a_route_that_declares_no_role_is_found() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/guarded")
    def guarded(caller: ChatDep) -> str:
        return caller.actor.name

    check_roles(app)

    @app.get("/forgotten")
    def forgotten() -> str:
        return "secret"

    with pytest.raises(RuntimeError, match="/forgotten declares no role"):
        check_roles(app)


def test_ragloop_does_not_start_with_such_a_route(local: World, monkeypatch: pytest.MonkeyPatch) -> None:
    careless = APIRouter()
    careless.add_api_route("/forgotten", lambda: "secret")
    monkeypatch.setattr("app.monitoring.endpoints.router", careless)
    with pytest.raises(RuntimeError, match="/forgotten declares no role"):
        local.app()
