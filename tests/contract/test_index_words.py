"""How every vector index reads words: its legs, identifiers, languages."""

from __future__ import annotations

import pytest

from core.ports import VectorIndex
from core.types import AccessScope, chunk_id, document_id
from tests.support.indexed_documents import (
    EVERYTHING,
    embedded,
    spec_for,
    vector_of,
)
from tests.support.vector_indexes import NAME, SPEC, real_ones

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant"),
    pytest.mark.enable_socket,
]


def test_a_leg_that_is_not_asked_is_empty(index: VectorIndex) -> None:
    index.ensure(SPEC)
    index.commit(NAME, [embedded("s/a", ["parental leave"])], [])
    only_words = index.search(NAME, "leave", None, 5, EVERYTHING)
    only_vector = index.search(NAME, None, vector_of("leave"), 5, EVERYTHING)
    assert (len(only_words.dense), len(only_words.sparse)) == (0, 1)
    assert (len(only_vector.dense), len(only_vector.sparse)) == (1, 0)


def test_chunks_with_the_questions_identifier_are_named_however_many_are_nearer(index: VectorIndex) -> None:
    index.ensure(SPEC)
    racks = [embedded(f"s/{number}", [f"the rack of adapter AB-{number:04}"]) for number in range(30)]
    index.commit(NAME, [*racks, embedded("s/x", ["QX‑7741 is blue"], access=("hr",))], [])
    asked = "which rack has adapter QX-7741"
    found = index.search(NAME, asked, vector_of(asked), 5, EVERYTHING)
    assert found.exact == {chunk_id(document_id("s/x"), 0)}
    assert index.search(NAME, asked, vector_of(asked), 5, AccessScope.of("public")).exact == frozenset()


def test_an_identifier_that_many_chunks_hold_is_a_subject_and_no_identifier(index: VectorIndex) -> None:
    index.ensure(SPEC)
    index.commit(NAME, [embedded("s/a", [f"COVID-19 rule {number}" for number in range(30)])], [])
    assert index.search(NAME, "COVID-19", vector_of("COVID-19"), 5, EVERYTHING).exact == frozenset()


def test_a_collection_of_many_languages_knows_them_commonest_first(index: VectorIndex) -> None:
    spec = spec_for("contract", language="auto")
    index.ensure(spec)
    assert index.languages(spec.name) == ()
    documents = [
        embedded("s/de", ["der Urlaub", "die Reise", "das Haus"], language="german"),
        embedded("s/en", ["the leave", "the journey"], language="english"),
        embedded("s/table", ["1 2 3"]),
    ]
    index.commit(spec.name, documents, [])
    assert index.languages(spec.name) == ("english", "german")
    index.commit(spec.name, [], [document_id("s/en")])
    assert index.languages(spec.name) == ("german", "english")
    index.drop(spec.name)


@real_ones
def test_a_question_finds_documents_of_every_language_by_their_own_word_forms(index: VectorIndex) -> None:
    spec = spec_for("contract", language="auto")
    index.ensure(spec)
    documents = [
        embedded("s/de", ["die Häuser der Stadt"], language="german"),
        embedded("s/zh", ["国内出差的住宿标准是每晚四百五十元"], language="chinese"),
        embedded("s/th", ["ห้องประชุมชั้นสามต้องจองล่วงหน้าสองวัน"], language="thai"),
    ]
    index.commit(spec.name, documents, [])
    for asked, uri in (("Haus", "s/de"), ("住宿标准", "s/zh"), ("ห้องประชุม", "s/th")):
        hits = index.search(spec.name, asked, None, 5, EVERYTHING).sparse
        assert [hit.chunk_id for hit in hits] == [chunk_id(document_id(uri), 0)]
    index.drop(spec.name)


@real_ones
def test_a_collection_of_the_first_schema_stays_searched_by_the_first_analysis(index: VectorIndex) -> None:
    first = spec_for("contract", schema_version=1)
    index.ensure(first)
    index.commit(first.name, [embedded("s/a", ["the oﬃce kitchen"])], [])
    assert index.search(first.name, "oﬃce", None, 5, EVERYTHING).sparse
    assert not index.search(first.name, "office", None, 5, EVERYTHING).sparse
    index.drop(first.name)
