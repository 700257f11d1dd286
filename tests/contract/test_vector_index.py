"""What every vector index does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from core.errors import CollectionMismatchError, NotFoundError, SettingsError
from core.ports import VectorIndex
from core.search_filter import DocumentFacts, Period, parse_filter
from core.types import AccessScope, chunk_id, document_id
from tests.support.indexed_documents import (
    EMBEDDER,
    EVERYTHING,
    embedded,
    spec_for,
    texts_in,
    vector_of,
)
from tests.support.vector_indexes import NAME, SPEC, real_ones

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.enable_socket,
]


def test_a_new_collection_is_empty_and_knows_its_spec(index: VectorIndex) -> None:
    assert index.spec(NAME) == SPEC
    assert index.revision(NAME) == 0
    assert index.chunk_counts(NAME) == {}
    assert list(index.scroll(NAME)) == []
    legs = index.search(NAME, "anything", vector_of("anything"), 10, EVERYTHING)
    assert (legs.dense, legs.sparse, legs.revision) == ((), (), 0)


def test_ensuring_a_collection_again_keeps_its_content(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    index.ensure(SPEC)
    assert texts_in(index, NAME) == {"alpha"}
    assert index.revision(NAME) == 1


def test_ensuring_another_spec_under_the_same_name_is_refused(
    index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(SPEC, embedder="another model", embedder_fingerprint="f" * 64)
    monkeypatch.setattr(type(SPEC), "name", property(lambda _: NAME))  # as if eight digits of the fingerprint collided
    with pytest.raises(CollectionMismatchError) as refusal:
        index.ensure(other)
    assert "built with" in refusal.value.message
    assert refusal.value.hint


def test_a_chunk_comes_back_as_it_was_written(index: VectorIndex) -> None:
    written = embedded(
        "s/a.md", ["first part, ünïcode 日本語 \n\n tail ", "second part"], access=("hr", "public"), version="abc"
    )
    index.commit(NAME, [written], [])
    stored = index.fetch(NAME, [chunk.id for chunk in written.chunks], EVERYTHING)
    assert [item.chunk for item in stored] == list(written.chunks)
    assert {(item.source, item.access, item.content_sha256) for item in stored} == {("s", ("hr", "public"), "abc")}


def test_a_chunk_knows_the_wording_of_its_document(index: VectorIndex) -> None:
    said = replace(embedded("s/a", ["alpha"]), wording="f" * 64)
    index.commit(NAME, [said, embedded("s/b", ["beta"])], [])
    ids = [chunk_id(document_id(uri), 0) for uri in ("s/a", "s/b")]
    assert [one.wording for one in index.fetch(NAME, ids, AccessScope.everything())] == ["f" * 64, ""]


def test_fetch_follows_the_order_asked_for_and_skips_unknown_ids(index: VectorIndex) -> None:
    document = embedded("s/a", ["one", "two", "three"])
    index.commit(NAME, [document], [])
    first, second, third = (chunk.id for chunk in document.chunks)
    asked = [third, chunk_id(document_id("s/none"), 0), first, "not an id", second]
    assert [item.chunk.text for item in index.fetch(NAME, asked, EVERYTHING)] == ["three", "one", "two"]


def test_scroll_gives_every_chunk_with_its_vector_ordered_by_id(index: VectorIndex) -> None:
    documents = [embedded(f"s/{number}", [f"text {number} {part}" for part in range(30)]) for number in range(10)]
    index.commit(NAME, documents, [])
    rows = list(index.scroll(NAME))
    ids = [stored.chunk.id for stored, _ in rows]
    assert ids == sorted(chunk.id for document in documents for chunk in document.chunks)
    expected = EMBEDDER.embed([stored.chunk.indexed_text for stored, _ in rows])
    np.testing.assert_allclose(np.stack([vector for _, vector in rows]), expected, atol=1e-6)


def test_each_commit_counts_one_revision(index: VectorIndex) -> None:
    assert index.commit(NAME, [embedded("s/a", ["alpha"])], []) == 1
    assert index.commit(NAME, [], []) == 2
    assert index.revision(NAME) == 2
    assert index.search(NAME, "alpha", vector_of("alpha"), 1, EVERYTHING).revision == 2


def test_committing_twice_changes_nothing(index: VectorIndex) -> None:
    documents = [embedded("s/a", ["alpha", "beta"]), embedded("s/b", ["gamma"])]
    index.commit(NAME, documents, [document_id("s/none")])
    before = list(index.scroll(NAME))
    index.commit(NAME, documents, [document_id("s/none")])
    after = list(index.scroll(NAME))
    assert [stored for stored, _ in after] == [stored for stored, _ in before]
    np.testing.assert_array_equal([vector for _, vector in after], [vector for _, vector in before])


def test_a_documents_stale_chunks_are_gone(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["one", "two", "three"]), embedded("s/b", ["other"])], [])
    index.commit(NAME, [embedded("s/a", ["uno"])], [])
    assert texts_in(index, NAME) == {"uno", "other"}
    assert index.chunk_counts(NAME) == {document_id("s/a"): 1, document_id("s/b"): 1}


def test_a_document_without_chunks_replaces_what_it_had(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["one"])], [])
    empty = replace(embedded("s/a", ["one"]), chunks=(), vectors=np.empty((0, EMBEDDER.dimensions), dtype=np.float32))
    index.commit(NAME, [empty], [])
    assert index.chunk_counts(NAME) == {}


def test_deleted_documents_are_gone_and_others_stay(index: VectorIndex) -> None:
    index.commit(NAME, [embedded(f"s/{letter}", [letter * 3]) for letter in "abcd"], [])
    index.commit(NAME, [], [document_id("s/a"), document_id("s/c")])
    assert texts_in(index, NAME) == {"bbb", "ddd"}


def test_purging_changes_nothing_for_readers(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a.md", ["apples are red"]), embedded("s/b.md", ["bananas are yellow"])], [])
    index.commit(NAME, [], [document_id("s/a.md")])
    before = list(index.scroll(NAME))
    legs = index.search(NAME, "yellow", vector_of("yellow"), 5, EVERYTHING)
    index.purge(NAME)
    after = list(index.scroll(NAME))
    found = index.search(NAME, "yellow", vector_of("yellow"), 5, EVERYTHING)
    assert [stored for stored, _ in after] == [stored for stored, _ in before]
    assert np.allclose([vector for _, vector in after], [vector for _, vector in before])
    assert [hit.chunk_id for hit in (*found.dense, *found.sparse)] == [
        hit.chunk_id for hit in (*legs.dense, *legs.sparse)
    ]
    index.commit(NAME, [embedded("s/a.md", ["apples are green"])], [])
    assert texts_in(index, NAME) == {"apples are green", "bananas are yellow"}


def test_the_last_of_two_versions_in_one_commit_wins(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["old", "older"]), embedded("s/a", ["new"])], [])
    assert texts_in(index, NAME) == {"new"}


def test_a_document_both_upserted_and_deleted_is_gone(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"])], [document_id("s/a")])
    assert texts_in(index, NAME) == set()


@real_ones
def test_vectors_of_another_size_are_refused_and_change_nothing(index: VectorIndex) -> None:
    wrong = replace(embedded("s/a", ["alpha"]), vectors=np.ones((1, 3), dtype=np.float32))
    with pytest.raises(CollectionMismatchError):
        index.commit(NAME, [wrong], [])
    assert index.revision(NAME) == 0
    assert texts_in(index, NAME) == set()


@real_ones
def test_an_unknown_language_is_refused_before_anything_is_made(index: VectorIndex) -> None:
    with pytest.raises(SettingsError) as refusal:
        index.ensure(spec_for("klingon", language="klingon"))
    assert "RAGLOOP_LANGUAGE" in refusal.value.hint
    assert spec_for("klingon", language="klingon").name not in index.collections()


def test_both_legs_find_the_best_chunk_and_order_by_score(index: VectorIndex) -> None:
    texts = ["parental leave lasts sixteen weeks", "leave requests go to your manager", "the office has a kitchen"]
    document = embedded("s/a", texts)
    index.commit(NAME, [document], [])
    question = "how long is parental leave"
    legs = index.search(NAME, question, vector_of(question), 10, EVERYTHING)
    for leg in (legs.dense, legs.sparse):
        assert leg[0].chunk_id == document.chunks[0].id
        assert [hit.score for hit in leg] == sorted((hit.score for hit in leg), reverse=True)
    assert len(legs.dense) == 3
    assert document.chunks[2].id not in {hit.chunk_id for hit in legs.sparse}
    assert legs.dense[0].score == pytest.approx(float(document.vectors[0] @ vector_of(question)), abs=1e-4)


def test_a_search_returns_no_more_than_its_limit(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", [f"shared word number {n}" for n in range(20)])], [])
    legs = index.search(NAME, "shared word", vector_of("shared word"), 5, EVERYTHING)
    assert (len(legs.dense), len(legs.sparse)) == (5, 5)


@real_ones
def test_a_question_of_stop_words_has_an_empty_sparse_leg(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["the cat is on the mat"])], [])
    legs = index.search(NAME, "is the", vector_of("is the"), 5, EVERYTHING)
    assert legs.sparse == ()
    assert len(legs.dense) == 1


@pytest.mark.parametrize(
    ("labels", "visible"),
    [
        ((), set()),
        (("nobody",), set()),
        (("public",), {"open", "both"}),
        (("hr",), {"secret", "both"}),
        (("hr", "public"), {"open", "secret", "both"}),
    ],
)
def test_labels_that_do_not_intersect_are_never_returned(
    index: VectorIndex, labels: tuple[str, ...], visible: set[str]
) -> None:
    documents = [
        embedded("s/open", ["leave open"]),
        embedded("s/secret", ["leave secret"], access=("hr",)),
        embedded("s/both", ["leave both"], access=("hr", "public")),
        embedded("s/none", ["leave none"], access=()),
    ]
    index.commit(NAME, documents, [])
    scope = AccessScope.of(*labels)
    text_of = {document.chunks[0].id: document.chunks[0].text.split()[1] for document in documents}
    legs = index.search(NAME, "leave", vector_of("leave"), 10, scope)
    assert {text_of[hit.chunk_id] for hit in legs.dense} == visible
    assert {text_of[hit.chunk_id] for hit in legs.sparse} == visible
    assert {text_of[item.chunk.id] for item in index.fetch(NAME, list(text_of), scope)} == visible


NOTES = [
    embedded(
        "notes/march", ["fees rise"], facts=DocumentFacts(date(2025, 3, 14), {"author": ("Kim",), "tag": ("a", "b")})
    ),
    embedded("notes/april", ["fees fall"], facts=DocumentFacts(date(2025, 4, 1), {"author": ("Lee",)})),
    embedded("minutes/march", ["fees stay"], access=("hr",), facts=DocumentFacts(date(2025, 3, 2), {"secret": ("x",)})),
    embedded("minutes/undated", ["fees again"], access=("hr", "public")),
]


def test_what_a_document_says_of_itself_comes_back_as_it_was_written(index: VectorIndex) -> None:
    index.commit(NAME, NOTES, [])
    ids = [document.chunks[0].id for document in NOTES]
    assert [stored.facts for stored in index.fetch(NAME, ids, EVERYTHING)] == [document.facts for document in NOTES]


@pytest.mark.parametrize(
    ("conditions", "everybody", "public"),
    [
        ([], {"rise", "fall", "stay", "again"}, {"rise", "fall", "again"}),
        (["source=notes"], {"rise", "fall"}, {"rise", "fall"}),
        (["source=minutes"], {"stay", "again"}, {"again"}),
        (["date=2025-03"], {"rise", "stay"}, {"rise"}),
        (["date=2025-03-14.."], {"rise", "fall"}, {"rise", "fall"}),
        (["date=..2025-03-31", "source=notes"], {"rise"}, {"rise"}),
        (["author=Kim", "author=Lee"], {"rise", "fall"}, {"rise", "fall"}),
        (["author=Kim", "tag=b"], {"rise"}, {"rise"}),
        (["author=Kim", "tag=c"], set(), set()),
        (["label=hr"], {"stay", "again"}, {"again"}),
        (["label=public"], {"rise", "fall", "again"}, {"rise", "fall", "again"}),
        (["secret=x"], {"stay"}, set()),
    ],
)
def test_a_filter_takes_away_from_what_the_scope_allows_and_never_adds(
    index: VectorIndex, conditions: list[str], everybody: set[str], public: set[str]
) -> None:
    index.commit(NAME, NOTES, [])
    word_of = {document.chunks[0].id: document.chunks[0].text.split()[1] for document in NOTES}
    for scope, expected in ((EVERYTHING, everybody), (AccessScope.of("public"), public)):
        narrowed = replace(scope, narrowed=parse_filter(conditions))
        legs = index.search(NAME, "fees", vector_of("fees"), 10, narrowed)
        for leg in (legs.dense, legs.sparse):
            assert {word_of[hit.chunk_id] for hit in leg} == expected


def test_the_fields_there_are_are_told_of_visible_documents_only(index: VectorIndex) -> None:
    index.commit(NAME, NOTES, [])
    fields = index.fields(NAME, EVERYTHING)
    assert fields.values["source"] == ("minutes", "notes")
    assert fields.values["label"] == ("hr", "public")
    assert fields.values["secret"] == ("x",)
    assert fields.period == Period(date(2025, 3, 2), date(2025, 4, 1))
    seen = index.fields(NAME, AccessScope.of("public"))
    assert seen.values["label"] == ("public",)
    assert "secret" not in seen.names
    assert seen.values["author"] == ("Kim", "Lee")
    assert seen.period == Period(date(2025, 3, 14), date(2025, 4, 1))


def test_access_changes_with_the_next_commit(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    index.commit(NAME, [embedded("s/a", ["alpha"], access=("hr",))], [])
    assert index.search(NAME, "alpha", vector_of("alpha"), 5, AccessScope.of("public")).dense == ()
    assert len(index.search(NAME, "alpha", vector_of("alpha"), 5, AccessScope.of("hr")).dense) == 1


def test_without_a_scope_everything_is_visible(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"], access=())], [])
    assert len(index.search(NAME, "alpha", vector_of("alpha"), 5, EVERYTHING).dense) == 1


@pytest.mark.parametrize("name", ["missing-00000000", "../outside", ".locks"])
def test_a_collection_that_does_not_exist_is_an_error_never_empty(index: VectorIndex, name: str) -> None:
    for call in (
        lambda: index.spec(name),
        lambda: index.revision(name),
        lambda: index.chunk_counts(name),
        lambda: list(index.scroll(name)),
        lambda: index.fetch(name, [chunk_id(document_id("s/a"), 0)], EVERYTHING),
        lambda: index.search(name, "a", vector_of("a"), 1, EVERYTHING),
        lambda: index.commit(name, [], []),
    ):
        with pytest.raises(NotFoundError) as missing:
            call()
        assert "ragloop ingest" in missing.value.hint


def test_collections_are_listed_and_dropped(index: VectorIndex) -> None:
    other = spec_for("contract-other")
    index.ensure(other)
    assert [name for name in index.collections() if name in (NAME, other.name)] == sorted([NAME, other.name])
    index.commit(other.name, [embedded("s/a", ["alpha"])], [])
    index.drop(other.name)
    index.drop(other.name)
    assert other.name not in index.collections()
    with pytest.raises(NotFoundError):
        index.spec(other.name)


def test_a_dropped_collection_can_be_made_again_and_is_empty(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    assert texts_in(index, NAME) == {"alpha"}
    index.drop(NAME)
    index.ensure(SPEC)
    assert texts_in(index, NAME) == set()
    assert index.revision(NAME) == 0


def test_a_closed_index_opens_again_with_its_content(index: VectorIndex) -> None:
    index.commit(NAME, [embedded("s/a", ["alpha"])], [])
    index.close()
    assert texts_in(index, NAME) == {"alpha"}
    assert index.spec(NAME) == SPEC
    index.close()
    index.close()
