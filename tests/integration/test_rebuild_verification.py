"""The check at the end of a rebuild: one wrong point anywhere, and it fails with a sentence that says which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.errors import RagloopError
from core.types import Chunk, EmbeddedDocument, document_id
from ingestion.embedding import text_sha256
from ingestion.rebuild.rebuild import Rebuild
from tests.support.ingestion_pipeline import NOTES, PLANS, Workbench

TEXT = "# Guide\n\n" + "\n\n".join(f"## Part {part}\n\n" + f"word{part} and more. " * 12 for part in range(4))


@pytest.fixture
def rebuilt(bench: Workbench) -> Rebuild:
    for name, text in (("guide.md", TEXT), ("notes.md", NOTES), ("plans.md", PLANS)):
        bench.write(name, text)
    bench.ingest()
    rebuild = bench.rebuild(tokens=30)
    rebuild.run()
    return rebuild


def put_back(bench: Workbench, rebuild: Rebuild, change: Callable[[EmbeddedDocument], EmbeddedDocument]) -> None:
    """Write the guide's points into the new index once more, with a change."""
    points = [one for one in bench.index.scroll(rebuild.spec.name) if one[0].chunk.uri == "docs/guide.md"]
    points.sort(key=lambda one: one[0].chunk.ordinal)
    first = points[0][0]
    whole = EmbeddedDocument(
        document_id("docs/guide.md"),
        first.source,
        first.content_sha256,
        first.access,
        tuple(one.chunk for one, _ in points),
        np.stack([vector for _, vector in points]),
        first.facts,
        first.wording,
    )
    bench.index.commit(rebuild.spec.name, [change(whole)], [])


def with_chunk(whole: EmbeddedDocument, **values: object) -> EmbeddedDocument:
    changed: Chunk = replace(whole.chunks[1], **values)  # type: ignore[arg-type]
    return replace(whole, chunks=(whole.chunks[0], changed, *whole.chunks[2:]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda whole: with_chunk(whole, text="another text"), "not the text of its span"),
        (lambda whole: with_chunk(whole, heading_path=("Elsewhere",)), "another heading_path in chunk 1"),
        (lambda whole: with_chunk(whole, title="Another"), "another title in chunk 1"),
        (lambda whole: with_chunk(whole, page=7), "another page in chunk 1"),
        (lambda whole: with_chunk(whole, uri="docs/other.md"), "another uri in chunk 1"),
        (lambda whole: replace(whole, access=("public", "board")), "another access in chunk 0"),
        (lambda whole: replace(whole, source="elsewhere"), "another source in chunk 0"),
        (lambda whole: replace(whole, content_sha256="0" * 64), "another content_sha256 in chunk 0"),
        (lambda whole: replace(whole, vectors=whole.vectors * 2), "the vector of chunk"),
        (lambda whole: replace(whole, vectors=whole.vectors * np.float32("nan")), "the vector of chunk"),
        (lambda whole: replace(whole, vectors=whole.vectors[:, :8]), "the vector of chunk"),
    ],
)
def test_a_point_that_is_not_as_it_should_be_is_found(
    bench: Workbench, rebuilt: Rebuild, change: Callable[[EmbeddedDocument], EmbeddedDocument], said: str
) -> None:
    put_back(bench, rebuilt, change)

    with pytest.raises(RagloopError, match=said) as failure:
        rebuilt.run()
    assert rebuilt.spec.name in failure.value.message
    assert f"ragloop index drop {rebuilt.spec.name}" in failure.value.hint


def test_chunks_of_an_unknown_document_are_found(bench: Workbench, rebuilt: Rebuild) -> None:
    put_back(bench, rebuilt, lambda whole: replace(whole, document_id=document_id("docs/unknown.md")))

    with pytest.raises(RagloopError, match="1 documents are in the index and not in its manifest"):
        rebuilt.run()


def test_vectors_that_the_embedder_would_not_make_are_found(bench: Workbench) -> None:
    """The memo is trusted; a sample of what came out of it is not."""
    bench.write("guide.md", TEXT)
    bench.ingest()
    rebuild = bench.rebuild(tokens=30)
    document = bench.documents.get(document_id("docs/guide.md"))
    assert document is not None
    wrong = np.ones(64, dtype=np.float32) / 8
    hashes = [text_sha256(chunk.indexed_text) for chunk in rebuild.splitter.split(document)]
    bench.memo.remove(hashes)
    bench.memo.put(bench.embedder.fingerprint, dict.fromkeys(hashes, wrong))

    with pytest.raises(RagloopError, match="is not what fake makes of its text") as failure:
        rebuild.run()
    assert "ragloop index drop" in failure.value.hint


def test_a_document_without_its_text_is_missing_and_said_so(bench: Workbench, rebuilt: Rebuild) -> None:
    bench.documents.remove([document_id("docs/notes.md")])

    with pytest.raises(RagloopError, match=r"1 documents are missing, the first docs/notes\.md"):
        rebuilt.run()


def test_another_number_of_chunks_than_the_splitter_makes_is_found(bench: Workbench, rebuilt: Rebuild) -> None:
    put_back(bench, rebuilt, lambda whole: replace(whole, chunks=whole.chunks[:-1], vectors=whole.vectors[:-1]))
    entries = bench.documents.entries(rebuilt.spec.name)
    guide = entries[document_id("docs/guide.md")]
    bench.documents.save_entries(rebuilt.spec.name, "run", [replace(guide, chunks=guide.chunks - 1)])

    with pytest.raises(RagloopError, match="where the splitter makes"):
        rebuilt.run()
