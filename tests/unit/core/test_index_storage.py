"""What rebuilding and dropping an index asks of the database, on SQLite and on PostgreSQL (see conftest.py)."""

from __future__ import annotations

import numpy as np

from core.storage.database import Database
from core.storage.documents import DocumentRepository, EmbeddingMemo, StoredVersion
from core.storage.embedders import EmbedderRepository, RegisteredEmbedder
from tests.support.stored_documents import document, entry


def test_an_embedder_is_found_by_its_fingerprint_where_it_lies_now(database: Database) -> None:
    registry = EmbedderRepository(database)
    registry.save(RegisteredEmbedder("f1", "model", "/models/one"))
    registry.save(RegisteredEmbedder("f2", "other", "/models/two"))
    registry.save(RegisteredEmbedder("f1", "model", "/elsewhere/one"))

    assert registry.get("f1") == RegisteredEmbedder("f1", "model", "/elsewhere/one")
    assert registry.get("f3") is None
    assert [one.fingerprint for one in registry.all()] == ["f1", "f2"]


def test_the_stored_versions_are_known_without_their_texts(database: Database) -> None:
    repository = DocumentRepository(database)
    one = document("docs/a.md", "Some text", ("hr", "legal"))
    repository.save("docs", "c", [one])

    assert repository.versions() == {one.id: StoredVersion("0" * 64, ("hr", "legal"), 9)}


def test_documents_that_one_collection_alone_needs(database: Database) -> None:
    repository = DocumentRepository(database)
    shared, ours, theirs = (document(f"docs/{name}.md") for name in ("shared", "ours", "theirs"))
    repository.save_entries("one", "run", [entry(shared), entry(ours)])
    repository.save_entries("two", "run", [entry(shared), entry(theirs)])

    assert repository.held_only_by("one") == [ours.id]
    assert repository.held_only_by("nothing") == []


def test_the_vectors_of_one_embedder_can_be_forgotten(database: Database) -> None:
    memo = EmbeddingMemo(database)
    vector = np.ones(2, dtype=np.float32)
    for fingerprint in ("f1", "f2"):
        memo.put(fingerprint, {"a": vector, "b": vector})

    assert memo.remove(["a"], "f1") == 1
    assert (set(memo.get("f1", ["a", "b"])), set(memo.get("f2", ["a", "b"]))) == ({"b"}, {"a", "b"})
    assert memo.remove(["a", "b"]) == 3
