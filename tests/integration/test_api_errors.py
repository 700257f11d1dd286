"""Requests that are wrong, too large or hostile get an answer that says so, and no inside."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient

from tests.support.app_world import Scripted, World, asks

CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {"max_body_bytes": 10_000}).ingest()


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    async with world.client() as client:
        yield client


@pytest.mark.parametrize(
    ("content", "headers", "status", "says"),
    [
        (b"{", JSON, 400, "not valid JSON"),
        (b"", JSON, 400, "JSON"),
        (b"[]", JSON, 400, "JSON object"),
        (b'"x"', JSON, 400, "JSON object"),
        (b"null", JSON, 400, "JSON"),
        (b"\xff\xfe", JSON, 400, "not valid JSON"),
        (b'{"a": "\xff"}', JSON, 400, "could not be read"),
        (b"[" * 9_000, JSON, 400, ""),
        (b'{"max_tokens": ' + b"9" * 6_000 + b"}", JSON, 400, ""),
        (b"{}", {"Content-Type": "text/plain"}, 415, "JSON"),
        (b"{}", {}, 415, "JSON"),
        (b"messages=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "JSON"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused_in_words(
    client: AsyncClient, content: bytes, headers: dict[str, str], status: int, says: str
) -> None:
    response = await client.post(CHAT, content=content, headers=headers)
    assert response.status_code == status
    error = response.json()["error"]
    assert says in error["message"]
    assert set(error) == {"type", "message", "hint", "param", "code"}


async def test_a_body_that_announces_too_much_is_refused_before_it_is_read(client: AsyncClient) -> None:
    response = await client.post(CHAT, content=b"x" * 10_001, headers=JSON)
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "too_large"


async def test_a_body_that_comes_in_pieces_is_cut_off_at_the_limit(client: AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1_000
            yield b" " * 1_000

    for path in (CHAT, "/", "/sign-in", "/v1/search"):
        sent = 0
        kind = JSON if path.startswith("/v1") else {"Content-Type": "application/x-www-form-urlencoded"}
        response = await client.post(path, content=endless(), headers=kind)
        assert response.status_code == 413, path
        assert sent < 20_000


async def test_a_body_within_the_limit_is_read(client: AsyncClient) -> None:
    response = await client.post(CHAT, json=asks("days of holiday " + "x" * 7_000))
    assert response.status_code == 200


@pytest.mark.parametrize("length", ["-1", "abc", "1e9", "99999999999999999999", ""])
async def test_an_odd_content_length_breaks_nothing(client: AsyncClient, length: str) -> None:
    response = await client.post(CHAT, content=b"{}", headers={**JSON, "Content-Length": length})
    assert response.status_code in (400, 413)


async def test_unknown_addresses_and_methods_are_told_apart(client: AsyncClient) -> None:
    missing = await client.get("/v1/nothing")
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
    method = await client.delete(CHAT)
    assert (method.status_code, method.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/documents/..%2f..%2fetc%2fpasswd", "/v1/documents/%00", "/documents/%27%20OR%201=1", "/answers/%00",
        "/answers/../../x", "/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py", "/documents/" + "a" * 3000,
        "/v1/models/%F0%9F%92%A9", "/?turn=%00", "/v1/documents/791B31BB-5037-58E6-B49D-3750023EB64A",
    ],
)  # fmt: skip
async def test_a_hostile_path_finds_nothing(client: AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert "Traceback" not in response.text
    assert "import" not in response.text


@pytest.mark.parametrize(
    "query", ["start=a&end=b", "start=-1&end=4", "start=1&end=99999999999999", "view=raw", "answer=" + "x" * 99]
)
async def test_a_hostile_query_is_refused(client: AsyncClient, query: str) -> None:
    listed = (await client.get("/v1/documents")).json()["documents"][0]["id"]
    assert (await client.get(f"/documents/{listed}?{query}")).status_code == 400


async def test_an_unforeseen_error_tells_the_client_only_where_the_log_has_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.client(Scripted([], failure=ZeroDivisionError("the secret"))) as client:
        with caplog.at_level(logging.ERROR):
            response = await client.post(CHAT, json=asks("days of holiday each year"))
    assert response.status_code == 500
    error = response.json()["error"]
    assert error["type"] == "internal_error"
    request_id = response.headers["x-request-id"]
    assert request_id in error["hint"]
    assert request_id in caplog.text
    assert "the secret" in caplog.text
    assert "secret" not in response.text
    assert "ZeroDivisionError" not in response.text


async def test_a_request_id_is_taken_over_if_it_is_harmless(client: AsyncClient) -> None:
    assert (await client.get("/healthz", headers={"X-Request-ID": "a-1.b"})).headers["x-request-id"] == "a-1.b"
    for hostile in ("a b", "x" * 65, "a\tb", "é", "<script>"):
        response = await client.get("/healthz", headers={"X-Request-ID": hostile.encode()})
        assert response.headers["x-request-id"].isalnum()


async def test_a_path_cannot_forge_a_line_of_the_log(client: AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="app"):
        await client.get("/v1/documents/x%0aFORGED")
    assert not any(line.startswith("FORGED") for line in caplog.text.splitlines())


async def test_every_response_carries_the_security_headers(client: AsyncClient) -> None:
    for path in ("/", "/healthz", "/v1/nothing", "/static/style.css", "/openapi.json"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


async def test_only_scripts_and_styles_may_be_kept_by_the_browser(client: AsyncClient) -> None:
    assert (await client.get("/static/chat.js")).headers["cache-control"] == "no-cache"
    for path in ("/", "/documents", "/v1/documents", "/healthz", "/nothing"):
        assert (await client.get(path)).headers["cache-control"] == "no-store"


async def test_a_browser_gets_errors_as_pages(client: AsyncClient) -> None:
    page = await client.get("/documents/x", headers={"Accept": "text/html,*/*"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>There is no such document.</h1>" in page.text
    api = await client.get("/v1/documents/x", headers={"Accept": "text/html"})
    assert api.json()["error"]["type"] == "not_found_error"


async def test_there_are_no_documentation_pages_that_load_from_elsewhere(client: AsyncClient) -> None:
    assert [(await client.get(path)).status_code for path in ("/docs", "/redoc")] == [404, 404]
    assert "/v1/chat/completions" in (await client.get("/openapi.json")).json()["paths"]
