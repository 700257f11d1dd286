"""Signing in with a key begins a session, which ends when one signs out, when it is old, and with its key."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, update

from app.auth import COOKIE
from app.pages.navigation import PLACES
from app.pages.sign_in import SESSION, local_path
from core.storage.tables import sessions
from core.types import Role, document_id
from tests.support.app_world import World, sign_in
from tests.support.routes import NEEDS

HOLIDAYS = f"/documents/{document_id('handbook/holidays.md')}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A server that needs keys."""
    return World(tmp_path, {"environment": "production"}).ingest()


def sessions_stored(world: World) -> int:
    with world.database.transaction() as connection:
        return connection.execute(select(func.count()).select_from(sessions)).scalar_one()


def age(world: World, by: timedelta) -> None:
    """Let time pass for every session."""
    with world.database.transaction() as connection:
        connection.execute(update(sessions).values(expires_at=datetime.now(UTC) + SESSION - by))


async def test_a_page_without_a_key_leads_to_the_form_and_back(world: World) -> None:
    async with world.client(Accept="text/html") as client:
        response = await client.get(f"{HOLIDAYS}?start=1&end=4")
        assert response.status_code == 303
        form = await client.get(response.headers["location"])
        assert f'value="{HOLIDAYS}?start=1&amp;end=4"' in form.text


async def test_a_link_on_another_site_offers_a_way_on_without_the_key(world: World) -> None:
    async with world.client() as client:
        form = await client.get("/sign-in?next=/documents", headers={"Sec-Fetch-Site": "cross-site"})
        assert '<a href="/documents">Go on' in form.text
        assert "Go on" not in (await client.get("/sign-in")).text


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(world: World) -> None:
    async with world.client() as client:
        response = await sign_in(client, f" {world.key()} ")
        assert response.status_code == 303
        assert response.headers["location"] == "/documents"
        cookie = response.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie
        assert (await client.get("/documents")).status_code == 200


async def test_over_https_the_cookie_is_secure(world: World) -> None:
    async with world.client() as client:
        response = await client.post("https://127.0.0.1/sign-in", data={"key": world.key()})
    assert "; secure" in response.headers["set-cookie"].lower()


async def test_the_cookie_holds_neither_the_key_nor_anything_that_the_database_holds(world: World) -> None:
    key = world.key()
    async with world.client() as client:
        await sign_in(client, key)
        token = client.cookies[COOKIE]
    assert not set(key.split("_")) & set(token.split("_"))
    with world.database.transaction() as connection:
        row = connection.execute(select(sessions)).one()
    assert row.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(row)


async def test_the_cookie_lasts_no_longer_than_the_key(world: World) -> None:
    async with world.client() as client:
        for life, longest in ((None, SESSION), (timedelta(hours=2), timedelta(hours=2))):
            response = await sign_in(client, world.key(expires_in=life))
            seconds = int(re.search(r"max-age=(\d+)", response.headers["set-cookie"], re.IGNORECASE)[1])  # type: ignore[index]
            assert longest.total_seconds() - 60 < seconds <= longest.total_seconds()


@pytest.mark.parametrize("key", ["", "wrong", "rl_000000000000_" + "a" * 43, "rl_\x00", "x" * 501])
async def test_a_failed_sign_in_sets_no_cookie(world: World, key: str) -> None:
    async with world.client() as client:
        response = await sign_in(client, key)
    assert response.status_code in (400, 401)
    assert "set-cookie" not in response.headers
    assert sessions_stored(world) == 0


async def test_signing_out_ends_the_session_on_the_server_too(world: World) -> None:
    async with world.client() as client:
        await sign_in(client, world.key())
        token = client.cookies[COOKIE]
        response = await client.post("/sign-out")
        assert f'{COOKIE}=""' in response.headers["set-cookie"]
        assert (await client.get("/documents")).status_code == 401
        stolen = await client.get("/documents", headers={"Cookie": f"{COOKIE}={token}"})
        assert stolen.status_code == 401
    assert sessions_stored(world) == 0


async def test_signing_out_leaves_the_key_s_other_sessions_alone(world: World) -> None:
    key = world.key()
    async with world.client() as one, world.client() as other:
        await sign_in(one, key)
        await sign_in(other, key)
        await one.post("/sign-out")
        assert (await other.get("/documents")).status_code == 200


@pytest.mark.parametrize("how", ["revoked", "expired", "rotated away"])
async def test_the_end_of_a_key_ends_its_sessions_at_once(world: World, how: str) -> None:
    key = world.key()
    async with world.client() as client:
        await sign_in(client, key)
        key_id = key.split("_")[1]
        if how == "revoked":
            world.keys.revoke(key_id)
            assert sessions_stored(world) == 0
        elif how == "expired":
            world.expire(key_id)
        else:
            world.keys.rotate(key_id, timedelta(0))
        assert (await client.get("/documents")).status_code == 401


async def test_a_session_that_is_old_is_over_and_is_removed_when_the_next_begins(world: World) -> None:
    key = world.key()
    async with world.client() as client:
        await sign_in(client, key)
        age(world, SESSION - timedelta(minutes=1))
        assert (await client.get("/documents")).status_code == 200
        age(world, SESSION)
        response = await client.get("/documents")
        assert response.status_code == 401
        assert response.json()["error"]["message"] == "This session has ended."
    async with world.client() as client:
        await sign_in(client, key)
    assert sessions_stored(world) == 1


async def test_signing_in_never_takes_over_a_session_that_somebody_planted(world: World) -> None:
    async with world.client() as attacker, world.client() as victim:
        await sign_in(attacker, world.key())
        planted = attacker.cookies[COOKIE]
        victim.cookies.set(COOKIE, planted)
        await sign_in(victim, world.key("board"), Cookie=f"{COOKIE}={planted}")
        assert victim.cookies.get(COOKIE, domain="127.0.0.1") not in (None, planted)
        assert (await attacker.get("/documents")).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "a" * 10_000, "rl_000000000000_" + "a" * 43, '";--'])
async def test_a_cookie_that_is_no_session_is_refused(world: World, token: str) -> None:
    async with world.client(Cookie=f"{COOKIE}={token}") as client:
        assert (await client.get("/documents")).status_code == 401


async def test_a_key_is_no_cookie(world: World) -> None:
    async with world.client(Cookie=f"{COOKIE}={world.key()}") as client:
        assert (await client.get("/documents")).status_code == 401


async def test_a_server_without_keys_has_nothing_to_sign_in_to(tmp_path: Path) -> None:
    local = World(tmp_path)
    async with local.client() as client:
        response = await sign_in(client, local.key())
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert sessions_stored(local) == 0


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "/a b",
    ],
)
async def test_signing_in_leads_only_to_this_server_s_pages(world: World, path: str) -> None:
    assert local_path(path) == "/"
    async with world.client() as client:
        assert (await sign_in(client, world.key(), path)).headers["location"] == "/"


# ---------------------------------------------------------------- what the pages offer


async def page(client: AsyncClient, path: str) -> str:
    return (await client.get(path, headers={"Accept": "text/html"})).text


def test_the_bar_knows_each_page_s_role() -> None:
    assert {place.path: place.deed.role for place in PLACES} == {
        place.path: NEEDS[("GET", place.path)] for place in PLACES
    }


async def test_the_bar_leads_only_where_the_key_may_go(world: World) -> None:
    for role in Role:
        async with world.client() as client:
            await sign_in(client, world.key(roles=[role]), "/")
            bar = (await page(client, "/")).partition("</header>")[0]
            for place in PLACES:
                assert (f'href="{place.path}">{place.label}' in bar.replace(' aria-current="page"', "")) is (
                    role in (place.deed.role, Role.ADMIN)
                ), (role, place.label)
            assert "Sign out" in bar


async def test_a_page_refused_for_want_of_a_role_names_it_and_offers_another_key(world: World) -> None:
    async with world.client() as client:
        await sign_in(client, world.key(roles=[Role.INGEST], name="Robo <b>"))
        shown = await page(client, "/documents?after=a")
        assert "does not have the role chat" in shown
        assert "--role chat" in shown
        assert "Robo &lt;b&gt;" in shown
        assert 'href="/sign-in?next=/documents%3Fafter%3Da"' in shown
        form = await page(client, "/sign-in?next=/documents%3Fafter%3Da")
        assert 'name="key"' in form
        await sign_in(client, world.key())
        assert "Holidays" in await page(client, "/documents")


async def test_an_error_s_page_keeps_the_bar_of_whoever_is_signed_in(world: World) -> None:
    async with world.client() as client:
        assert "Sign out" not in await page(client, "/nothing/here")
        await sign_in(client, world.key())
        assert "Sign out" in await page(client, "/documents/nothing")
