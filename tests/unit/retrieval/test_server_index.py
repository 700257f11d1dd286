"""How the server index speaks of a Qdrant that is down, refuses, or holds somebody else's collection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from core.errors import CollectionMismatchError, IndexUnavailableError, NotFoundError
from core.types import EmbeddedDocument
from retrieval.indexes.server import ServerIndex
from tests.support.indexed_documents import (
    EVERYTHING,
    embedded,
    spec_for,
    texts_in,
    vector_of,
)

SPEC = spec_for()
NAME = SPEC.name


@contextmanager
def server_that_answers(status: int, headers: dict[str, str] | None = None) -> Iterator[str]:
    """An HTTP server that gives every request this status; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def every_call(index: ServerIndex) -> Iterator[object]:
    yield lambda: index.ensure(SPEC)
    yield lambda: index.spec(NAME)
    yield lambda: index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    yield lambda: index.search(NAME, "alpha", vector_of("alpha"), 5, EVERYTHING)
    yield lambda: index.fetch(NAME, [embedded("s/a", ["alpha"]).chunks[0].id], EVERYTHING)
    yield lambda: index.chunk_counts(NAME)
    yield lambda: list(index.scroll(NAME))
    yield lambda: index.revision(NAME)
    yield index.collections
    yield lambda: index.drop(NAME)


def test_a_server_that_is_not_there_is_an_error_that_names_the_setting() -> None:
    index = ServerIndex.connect("http://127.0.0.1:9", None)
    for call in every_call(index):
        with pytest.raises(IndexUnavailableError) as down:
            call()  # type: ignore[operator]
        assert "http://127.0.0.1:9" in down.value.message
        assert "RAGLOOP_QDRANT_URL" in down.value.hint


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_server_that_refuses_is_an_error_with_its_status(status: int) -> None:
    with server_that_answers(status) as url:
        index = ServerIndex.connect(url, None)
        for call in every_call(index):
            with pytest.raises(IndexUnavailableError, match=str(status)):
                call()  # type: ignore[operator]
        index.close()


def test_a_server_with_too_much_to_do_says_when_to_come_back() -> None:
    with server_that_answers(429, {"retry-after": "17"}) as url:
        index = ServerIndex.connect(url, None)
        with pytest.raises(IndexUnavailableError) as busy:
            index.spec(NAME)
        assert busy.value.retry_after_seconds == 17
        index.close()


def test_a_collection_the_server_does_not_have_is_not_found() -> None:
    with server_that_answers(404) as url:
        index = ServerIndex.connect(url, None)
        for call in (
            lambda: index.spec(NAME),
            lambda: index.chunk_counts(NAME),
            lambda: index.fetch(NAME, [], EVERYTHING),
        ):
            with pytest.raises(NotFoundError):
                call()
        index.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[ServerIndex]:
    from qdrant_client import QdrantClient

    index = ServerIndex(partial(QdrantClient, path=str(tmp_path)), "local")
    yield index
    index.close()


def test_somebody_elses_collection_is_left_alone(local: ServerIndex) -> None:
    with local._errors(NAME) as client:
        client.create_collection(NAME, vectors_config={})
    assert local.collections() == []
    with pytest.raises(CollectionMismatchError, match="not made by RAGLoop"):
        local.commit(NAME, [], [])


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
def test_a_large_document_is_replaced_in_several_requests_and_its_stale_chunks_go(
    local: ServerIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.indexes.server.UPSERT_CHUNKS", 4)
    local.ensure(SPEC)
    local.commit(NAME, [embedded("s/a", [f"old {part}" for part in range(14)])], [])
    local.commit(NAME, [embedded("s/a", [f"new {part}" for part in range(9)])], [])
    assert texts_in(local, NAME) == {f"new {part}" for part in range(9)}


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
def test_the_revision_moves_only_when_the_whole_commit_is_in(local: ServerIndex) -> None:
    local.ensure(SPEC)

    def upserts() -> Iterator[EmbeddedDocument]:
        yield embedded("s/a", ["alpha"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        local.commit(NAME, upserts(), [])
    assert local.revision(NAME) == 0
    assert local.commit(NAME, [embedded("s/a", ["alpha"]), embedded("s/b", ["beta"])], []) == 1
    assert texts_in(local, NAME) == {"alpha", "beta"}
