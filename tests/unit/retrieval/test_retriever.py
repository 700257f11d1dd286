"""The Retriever, over the fakes: what it returns, whom it shows what, and when it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from core.errors import CollectionMismatchError, IndexUnavailableError
from core.release import RetrievalParameters
from core.types import AccessScope, SearchLegs, StoredChunk, Vector, document_id
from retrieval.retriever import Retriever
from tests.fakes import FakeEmbedder, InMemoryIndex
from tests.support.indexed_documents import EVERYTHING, embedded, spec_for

SPEC = spec_for()
DOCUMENTS = [
    embedded("s/leave", ["parental leave lasts sixteen weeks", "ask your manager for leave"], version="v1"),
    embedded("s/office", ["the office kitchen has coffee"]),
    embedded("s/salaries", ["leave the salary table to hr"], access=("hr",)),
]


@pytest.fixture
def index() -> InMemoryIndex:
    index = InMemoryIndex()
    index.ensure(SPEC)
    index.commit(SPEC.name, DOCUMENTS, [])
    return index


def retriever_over(index: InMemoryIndex, **parameters: float) -> Retriever:
    return Retriever(index, FakeEmbedder(), SPEC.name, RetrievalParameters(**parameters))


def test_passages_come_best_first_with_the_scores_of_each_leg(index: InMemoryIndex) -> None:
    retrieval = retriever_over(index).retrieve("how long is parental leave", EVERYTHING)
    best = retrieval.passages[0]
    assert best.chunk == DOCUMENTS[0].chunks[0]
    assert best.content_sha256 == "v1"
    assert best.scores["fused"] == best.score
    assert set(best.scores) == {"dense", "bm25", "fused"}
    assert [p.score for p in retrieval.passages] == sorted((p.score for p in retrieval.passages), reverse=True)


def test_a_leg_that_missed_a_passage_is_absent_from_its_scores(index: InMemoryIndex) -> None:
    passages = retriever_over(index).retrieve("parental", EVERYTHING).passages
    coffee = next(passage for passage in passages if passage.chunk.uri == "s/office")
    assert set(coffee.scores) == {"dense", "fused"}


def test_the_retrieval_says_what_was_asked_where_and_how_long_it_took(index: InMemoryIndex) -> None:
    retrieval = retriever_over(index).retrieve("leave", EVERYTHING)
    assert (retrieval.query, retrieval.collection, retrieval.revision) == ("leave", SPEC.name, 1)
    assert set(retrieval.timings) == {"embed", "search", "fetch"}
    assert all(0 <= seconds < 5 for seconds in retrieval.timings.values())


def test_no_more_passages_than_asked_for(index: InMemoryIndex) -> None:
    assert len(retriever_over(index, top_k=2).retrieve("leave", EVERYTHING).passages) == 2
    assert len(retriever_over(index, top_k=2).retrieve("leave", EVERYTHING, top_k=3).passages) == 3
    assert len(retriever_over(index, depth=1).retrieve("leave", EVERYTHING, top_k=4).passages) == 4


def test_passages_outside_the_scope_are_never_returned(index: InMemoryIndex) -> None:
    retriever = retriever_over(index)
    for scope, sees_salaries in ((AccessScope.of("public"), False), (AccessScope.of("hr"), True), (EVERYTHING, True)):
        uris = {passage.chunk.uri for passage in retriever.retrieve("salary table", scope).passages}
        assert ("s/salaries" in uris) is sees_salaries
    assert retriever.retrieve("salary table", AccessScope.of()).passages == ()


def test_another_embedders_collection_is_refused_with_the_setting_that_mends_it(index: InMemoryIndex) -> None:
    foreign = replace(spec_for("foreign", embedder="all-MiniLM-L6-v2"), embedder_fingerprint="e" * 64)
    index.ensure(foreign)
    retriever = Retriever(index, FakeEmbedder(), foreign.name, RetrievalParameters())
    for call in (retriever.verify, lambda: retriever.retrieve("leave", EVERYTHING)):
        with pytest.raises(CollectionMismatchError) as refusal:
            call()
        assert "ragloop index rebuild" in refusal.value.hint


def test_an_index_that_is_gone_is_an_outage_never_an_empty_result(index: InMemoryIndex) -> None:
    never_there = Retriever(InMemoryIndex(), FakeEmbedder(), "none-00000000", RetrievalParameters())
    dropped = retriever_over(index)
    dropped.retrieve("leave", EVERYTHING)
    index.drop(SPEC.name)

    for retriever in (never_there, dropped):
        with pytest.raises(IndexUnavailableError, match="is gone") as outage:
            retriever.retrieve("leave", EVERYTHING)
        assert "ragloop ingest" in outage.value.hint


class _DownIndex(InMemoryIndex):
    def search(
        self, collection: str, text: str | None, vector: Vector | None, limit: int, scope: AccessScope
    ) -> SearchLegs:
        raise IndexUnavailableError("down")


def test_an_index_that_is_down_is_an_error_never_an_empty_result() -> None:
    index = _DownIndex()
    index.ensure(SPEC)
    with pytest.raises(IndexUnavailableError):
        retriever_over(index).retrieve("leave", EVERYTHING)


class _ChangingIndex(InMemoryIndex):
    """A document is deleted between the first search and its fetch."""

    def fetch(self, collection: str, chunk_ids: Sequence[str], scope: AccessScope) -> list[StoredChunk]:
        if self.revision(collection) == 1:
            self.commit(collection, [], [document_id("s/leave")])
        return super().fetch(collection, chunk_ids, scope)


def test_a_commit_between_search_and_fetch_leads_to_another_search() -> None:
    index = _ChangingIndex()
    index.ensure(SPEC)
    index.commit(SPEC.name, DOCUMENTS, [])
    retrieval = retriever_over(index, top_k=2).retrieve("leave", EVERYTHING)
    assert {passage.chunk.uri for passage in retrieval.passages} == {"s/office", "s/salaries"}
    assert retrieval.revision == 2


class _ClosingIndex(InMemoryIndex):
    """A document is withdrawn from the public between every search and its fetch."""

    def fetch(self, collection: str, chunk_ids: Sequence[str], scope: AccessScope) -> list[StoredChunk]:
        self.commit(collection, [replace(DOCUMENTS[0], access=("hr",))], [])
        found = super().fetch(collection, chunk_ids, scope)
        self.commit(collection, [DOCUMENTS[0]], [])
        return found


def test_a_passage_withdrawn_between_search_and_fetch_is_not_shown() -> None:
    index = _ClosingIndex()
    index.ensure(SPEC)
    index.commit(SPEC.name, DOCUMENTS, [])
    passages = retriever_over(index).retrieve("leave", AccessScope.of("public")).passages
    assert {passage.chunk.uri for passage in passages} == {"s/office"}


class _Recorder(InMemoryIndex):
    """Notes which legs were asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bool, bool]] = []

    def search(
        self, collection: str, text: str | None, vector: Vector | None, limit: int, scope: AccessScope
    ) -> SearchLegs:
        self.asked.append((text is not None, vector is not None))
        return super().search(collection, text, vector, limit, scope)


def test_a_leg_that_counts_for_nothing_is_not_asked() -> None:
    index = _Recorder()
    index.ensure(SPEC)
    index.commit(SPEC.name, DOCUMENTS, [])
    words = retriever_over(index, dense_weight=0).retrieve("parental leave", EVERYTHING)
    vector = retriever_over(index, dense_weight=1).retrieve("parental leave", EVERYTHING)
    assert index.asked == [(True, False), (False, True)]
    assert words.vector is None
    assert set(words.passages[0].scores) == {"bm25", "fused"}
    assert vector.vector is not None
    assert set(vector.passages[0].scores) == {"dense", "fused"}


def test_the_share_of_the_dense_leg_is_that_of_the_questions_language() -> None:
    index, spec = _Recorder(), spec_for(language="auto")
    index.ensure(spec)
    documents = [
        embedded("s/de", ["der Urlaub der Eltern", "die Reise"], language="german"),
        embedded("s/en", ["parental leave", "the journey"], language="english"),
    ]
    index.commit(spec.name, documents, [])
    parameters = RetrievalParameters(language_weights={"german": 0.0})
    retriever = Retriever(index, FakeEmbedder(), spec.name, parameters)
    retriever.retrieve("Wie lange ist der Urlaub?", EVERYTHING)
    retriever.retrieve("How long is the leave?", EVERYTHING)
    assert index.asked == [(True, False), (True, True)]


def test_a_chunk_with_the_identifier_comes_first_alone_and_in_a_sentence(index: InMemoryIndex) -> None:
    texts = [f"adapters of the blue rack, number {number}" for number in range(20)]
    index.commit(SPEC.name, [embedded("s/racks", texts), embedded("s/x", ["QX‑7741: see page 4 of the annex"])], [])
    for asked in ("QX-7741", "Where do the adapters of the blue rack with number QX-7741 belong?"):
        assert retriever_over(index).retrieve(asked, EVERYTHING).passages[0].chunk.uri == "s/x"
