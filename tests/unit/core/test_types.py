"""Ids and fingerprints are the same on every machine and in every version."""

from __future__ import annotations

import dataclasses

from core.types import AccessScope, Chunk, CollectionSpec, chunk_id, digest, document_id

SPEC = CollectionSpec("model", "e" * 64, 384, "structure", "s" * 64)


def test_ids_are_stable_for_ever() -> None:
    # Stored in every index there is: a change of these values orphans all of them.
    assert document_id("docs/index.md") == "5c6b24c2-8c73-5615-a8f9-ad8080346eb1"
    assert chunk_id(document_id("docs/index.md"), 0) == "59552d17-161e-52c6-94cc-b40e776d40b0"


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_any_other_field_is_another_collection() -> None:
    names = {SPEC.name}
    for field in dataclasses.fields(SPEC):
        value = getattr(SPEC, field.name)
        other = value + 1 if isinstance(value, int) else value + "x"
        names.add(dataclasses.replace(SPEC, **{field.name: other}).name)
    assert len(names) == len(dataclasses.fields(SPEC)) + 1


def test_a_chunk_is_indexed_under_its_title_and_headings_each_once() -> None:
    chunk = Chunk(document_id("a"), 0, "a", "Travel", ("Travel", "Expenses"), None, 0, 4, "Text")
    assert chunk.indexed_text == "Travel > Expenses\n\nText"


def test_a_scope_allows_documents_that_share_a_label() -> None:
    assert AccessScope.of("hr", "public").allows(["public"])
    assert not AccessScope.of("hr").allows(["public"])
    assert not AccessScope.of().allows(["public"])
    assert AccessScope.everything().allows([])
