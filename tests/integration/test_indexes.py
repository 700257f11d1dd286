"""Listing and dropping indexes: what is needed is kept, and what is dropped leaves nothing behind."""

from __future__ import annotations

import pytest

from core.errors import ConflictError, NotFoundError
from core.release import (
    AbstentionModel,
    CollectionRef,
    GeneratorSpec,
    Guards,
    PromptRef,
    Release,
    ReleaseEventKind,
    ReleaseManifest,
    ReleaseStatus,
    RetrievalParameters,
)
from core.storage.releases import Decision, ReleaseRepository
from core.types import CollectionSpec, document_id
from ingestion.rebuild.indexes import Indexes
from tests.support.ingestion_pipeline import NOTES, PLANS, Workbench

ME = Decision("a test", "a test")


@pytest.fixture
def full(bench: Workbench) -> Workbench:
    bench.write("notes.md", NOTES)
    bench.write("plans.md", PLANS)
    bench.ingest()
    return bench


@pytest.fixture
def releases(full: Workbench) -> ReleaseRepository:
    """With a champion over the live index."""
    repository = ReleaseRepository(full.database)
    repository.install_first(manifest(full.spec), "a test", "a test")
    return repository


def manifest(spec: CollectionSpec, top_k: int = 8) -> ReleaseManifest:
    return ReleaseManifest(
        prompts={"answer": PromptRef(version=1, sha256="0" * 64)},
        collection=CollectionRef.of(spec),
        retrieval=RetrievalParameters(top_k=top_k),
        generator=GeneratorSpec(),
        guards=Guards(abstention=AbstentionModel(weights={}, bias=0.0, threshold=0.5, fitted_on="nothing")),
    )


def indexes(bench: Workbench) -> Indexes:
    return Indexes(bench.home, bench.stores, ReleaseRepository(bench.database))


def rebuilt(bench: Workbench, tokens: int = 30) -> CollectionSpec:
    rebuild = bench.rebuild(tokens)
    rebuild.run()
    return rebuild.spec


def candidate(releases: ReleaseRepository, spec: CollectionSpec) -> Release:
    return releases.add_candidate(manifest(spec), ME)


def test_the_list_says_what_each_is_and_who_uses_it(full: Workbench, releases: ReleaseRepository) -> None:
    spec = rebuilt(full)
    release = candidate(releases, spec)

    found = {index.name: index for index in indexes(full).list()}

    assert found.keys() == {full.spec.name, spec.name}
    assert found[full.spec.name].live
    new = found[spec.name]
    assert (new.spec, new.live, new.documents, new.chunks) == (spec, False, 2, 2)
    assert [one.id for one in new.releases] == [release.id]


def test_before_the_first_release_the_index_that_was_ingested_into_is_the_live_one(full: Workbench) -> None:
    spec = rebuilt(full)

    assert {index.name for index in indexes(full).list() if index.live} == {full.spec.name}
    with pytest.raises(ConflictError, match="answers"):
        indexes(full).drop(full.spec.name)
    indexes(full).drop(spec.name)


def test_a_dropped_index_leaves_nothing_behind(full: Workbench, releases: ReleaseRepository) -> None:
    spec = rebuilt(full)
    (full.docs / "plans.md").unlink()
    full.ingest()  # from now on only the new index needs that text
    before = full.content()

    receipt = indexes(full).drop(spec.name)

    assert receipt == {"chunks": 2, "memo": 2, "documents": 1, "manifest": 2}
    assert full.index.collections() == [full.spec.name]
    assert full.documents.entries(spec.name) == {}
    assert full.documents.get(document_id("docs/plans.md")) is None
    assert full.documents.get(document_id("docs/notes.md")) is not None
    assert full.content() == before


def test_remembered_vectors_of_other_embedders_stay(full: Workbench, releases: ReleaseRepository) -> None:
    spec = rebuilt(full)
    full.memo.put("another", full.memo.get(full.embedder.fingerprint, hashes := _hashes(full)))

    indexes(full).drop(spec.name)

    assert full.memo.get(full.embedder.fingerprint, hashes) == {}
    assert len(full.memo.get("another", hashes)) == 2


def test_the_champions_index_is_kept(full: Workbench, releases: ReleaseRepository) -> None:
    with pytest.raises(ConflictError, match="answers"):
        indexes(full).drop(full.spec.name)


def test_a_candidates_index_is_kept_until_it_is_rejected(full: Workbench, releases: ReleaseRepository) -> None:
    spec = rebuilt(full)
    release = candidate(releases, spec)

    with pytest.raises(ConflictError, match="candidate") as refusal:
        indexes(full).drop(spec.name)
    assert f"ragloop release reject {release.id[:12]}" in refusal.value.hint

    releases.decide(release, ReleaseEventKind.REJECTED, ReleaseStatus.REJECTED, ME)
    indexes(full).drop(spec.name)


def test_the_index_that_a_rollback_goes_back_to_is_kept(full: Workbench, releases: ReleaseRepository) -> None:
    first = releases.champion()
    assert first is not None
    second = candidate(releases, rebuilt(full, 30))
    releases.promote(second, first, ME)

    with pytest.raises(ConflictError, match="rollback"):
        indexes(full).drop(first.manifest.collection.name)

    third = candidate(releases, rebuilt(full, 40))
    releases.promote(third, _now(releases, second), ME)
    indexes(full).drop(first.manifest.collection.name)
    with pytest.raises(ConflictError, match="rollback"):
        indexes(full).drop(second.manifest.collection.name)


def test_an_index_that_is_not_there_is_an_error(full: Workbench) -> None:
    for name in ("nothing", "", "../index", "a/b"):
        with pytest.raises(NotFoundError) as refusal:
            indexes(full).drop(name)
        assert "ragloop index list" in refusal.value.hint


def _now(releases: ReleaseRepository, release: Release) -> Release:
    found = releases.get(release.id)
    assert found is not None
    return found


def _hashes(bench: Workbench) -> list[str]:
    from ingestion.embedding import text_sha256

    return [text_sha256(stored.chunk.indexed_text) for stored, _ in bench.index.scroll(bench.spec.name)]
