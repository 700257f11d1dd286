"""Who may ask what: keys, labels, and requests that other web sites send. Roles are in test_api_roles.py."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.types import Role, document_id
from tests.support.app_world import World, asks, sign_in

QUESTION = "How many days of holiday has every employee each year?"
SALARIES = document_id("handbook/salaries.md")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A server that needs keys."""
    return World(tmp_path, {"environment": "production"}).ingest()


@pytest.fixture
def local(tmp_path: Path) -> World:
    """A development server on loopback."""
    return World(tmp_path).ingest()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_key_is_taken_from_either_header(world: World) -> None:
    key = world.key()
    async with world.client() as client:
        for headers in (bearer(key), {"Authorization": f"bearer  {key}"}, {"X-API-Key": key}):
            assert (await client.get("/v1/models", headers=headers)).status_code == 200


@pytest.mark.parametrize("kind", ["unknown", "expired", "revoked", "malformed", "basic"])
async def test_a_bad_key_is_refused_and_never_repeated(
    world: World, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = world.key(expires_in=timedelta(seconds=-1) if kind == "expired" else None)
    secret = key.split("_", 2)[2]
    if kind == "revoked":
        world.keys.revoke(key.split("_")[1])
    headers = {
        "unknown": bearer(key[:-4] + "aaaa"),
        "malformed": bearer("rl_';--_\u00e9"),
        "basic": {"Authorization": f"Basic {key}"},
    }.get(kind, bearer(key))
    with caplog.at_level("DEBUG"):
        async with world.client() as client:
            response = await client.get("/v1/models", headers={k: v.encode() for k, v in headers.items()})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert secret[:-4] not in response.text + caplog.text


async def test_a_key_sees_only_the_documents_of_its_labels(world: World) -> None:
    async with world.client() as client:
        for labels, visible in ((("public",), False), (("board",), True), (("nobody",), False)):
            headers = bearer(world.key(*labels))
            listed = (await client.get("/v1/documents", headers=headers)).json()["documents"]
            assert ("handbook/salaries.md" in [document["uri"] for document in listed]) is visible
            for path in (f"/v1/documents/{SALARIES}", f"/documents/{SALARIES}", f"/documents/{SALARIES}?start=1&end=5"):
                assert (await client.get(path, headers=headers)).status_code == (200 if visible else 404)
            found = await client.post("/v1/search", json={"query": "salaries of the board"}, headers=headers)
            assert ("salaries" in found.text) is visible
            answer = await client.post(
                "/v1/chat/completions", json=asks("Who decides the board's salaries each spring?"), headers=headers
            )
            assert ("shareholders" in answer.text) is visible


async def test_a_document_one_may_not_see_cannot_be_told_from_one_that_is_not_there(world: World) -> None:
    async with world.client(**bearer(world.key())) as client:
        hidden = await client.get(f"/v1/documents/{SALARIES}")
        missing = await client.get(f"/v1/documents/{document_id('nothing')}")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json() == missing.json()


async def test_a_rotated_key_sees_and_does_what_the_old_one_did_and_opens_its_answers(world: World) -> None:
    old = world.key("board", roles=[Role.CHAT, Role.REVIEW])
    async with world.client() as client:
        answer = (await client.post("/v1/chat/completions", json=asks(QUESTION), headers=bearer(old))).json()
        _, _, new = world.keys.rotate(old.split("_")[1], timedelta(hours=1))
        for key in (old, new):
            for path in ("/v1/releases", f"/v1/documents/{SALARIES}", f"/answers/{answer['interaction_id']}"):
                assert (await client.get(path, headers=bearer(key))).status_code == 200, path
            assert (await client.post("/v1/search", json={"query": "a"}, headers=bearer(key))).status_code == 200


async def test_after_the_overlap_only_the_new_key_is_good(world: World) -> None:
    old = world.key()
    _, _, new = world.keys.rotate(old.split("_")[1], timedelta(0))
    async with world.client() as client:
        assert (await client.get("/v1/models", headers=bearer(old))).status_code == 401
        assert (await client.get("/v1/models", headers=bearer(new))).status_code == 200


async def test_an_answer_that_was_given_without_a_key_belongs_to_no_key(local: World) -> None:
    async with local.client() as client:
        answer = (await client.post("/v1/chat/completions", json=asks(QUESTION))).json()
        path = f"/answers/{answer['interaction_id']}"
        assert (await client.get(path)).status_code == 200
        assert (await client.get(path, headers=bearer(local.key()))).status_code == 404


async def test_an_answer_can_be_read_only_by_the_key_that_asked(world: World) -> None:
    mine, other = bearer(world.key()), bearer(world.key())
    async with world.client() as client:
        answer = (await client.post("/v1/chat/completions", json=asks(QUESTION), headers=mine)).json()
        path = f"/answers/{answer['interaction_id']}"
        assert (await client.get(path, headers=mine)).status_code == 200
        assert (await client.get(path, headers=other)).status_code == 404
        assert (await client.get(f"/?turn={answer['interaction_id']}", headers=other)).status_code == 404


# ---------------------------------------------------------------- other web sites

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
OWN = [{"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_without_keys_nothing_is_served_to_another_web_site(local: World, headers: dict[str, str]) -> None:
    async with local.client() as client:
        for method, path in (
            ("GET", "/"),
            ("GET", "/v1/documents"),
            ("GET", "/metrics"),
            ("POST", "/v1/chat/completions"),
        ):
            response = await client.request(method, path, json=asks(QUESTION), headers=headers)
            assert response.status_code == 403
            assert response.json()["error"]["type"] == "permission_error"


@pytest.mark.parametrize("headers", OWN)
async def test_without_keys_our_own_pages_are_served(local: World, headers: dict[str, str]) -> None:
    async with local.client() as client:
        response = await client.post("/v1/chat/completions", json=asks(QUESTION), headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_cookie_cannot_be_spent_by_another_web_site(world: World, headers: dict[str, str]) -> None:
    async with world.client() as client:
        await sign_in(client, world.key())
        for path in ("/", "/v1/chat/completions", "/sign-out", "/v1/search"):
            response = await client.post(path, json=asks(QUESTION), headers=headers)
            assert response.status_code == 403, path


async def test_another_web_site_cannot_sign_a_visitor_in(world: World) -> None:
    async with world.client() as client:
        assert (await sign_in(client, world.key(), Origin="https://evil.example")).status_code == 403


async def test_a_key_in_a_header_is_proof_enough(world: World) -> None:
    async with world.client(**bearer(world.key()), Origin="https://app.example") as client:
        assert (await client.post("/v1/chat/completions", json=asks(QUESTION))).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "", "[::1", "10.0.0.1"]
)
async def test_without_keys_a_foreign_host_name_is_refused(local: World, host: str) -> None:
    async with local.client(Host=host) as client:
        assert (await client.get("/v1/documents")).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1", "127.8.8.8:1", "[::1]:8080"])
async def test_without_keys_this_machine_s_names_are_served(local: World, host: str) -> None:
    async with local.client(Host=host) as client:
        assert (await client.get("/v1/documents")).status_code == 200


async def test_without_keys_a_placeholder_key_is_ignored_but_a_bad_key_of_ours_is_not(local: World) -> None:
    async with local.client() as client:
        assert (await client.get("/v1/models", headers=bearer("unused on this machine"))).status_code == 200
        bad = await client.get("/v1/models", headers=bearer("rl_000000000000_" + "a" * 43))
        assert bad.status_code == 401
        limited = await client.get("/v1/documents", headers=bearer(local.key("board")))
        assert [document["title"] for document in limited.json()["documents"]] == ["Salaries"]


async def test_an_outage_of_the_database_does_not_tell_strangers_where_it_is(world: World) -> None:
    key = world.key()
    world.database.close()
    (world.home / "ragloop.db").unlink()
    (world.home / "ragloop.db").mkdir()
    async with world.client() as client:
        response = await client.get("/v1/models", headers=bearer(key))
        ready = await client.get("/readyz")
    assert response.status_code == 503
    assert "ragloop.db" not in response.text + ready.text
    assert ready.json()["checks"]["database"] == "store_unavailable"
