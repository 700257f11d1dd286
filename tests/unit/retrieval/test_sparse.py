"""BM25 terms: what is stemmed, what is dropped, what weighs how much."""

from __future__ import annotations

import pytest

from core.errors import SettingsError
from core.text.languages import CODES
from retrieval.sparse import SparseEncoder
from tests.support.indexed_documents import spec_for

ENGLISH = SparseEncoder("english")


def weights(text: str) -> dict[int, float]:
    vector = ENGLISH.document(text)
    return dict(zip(vector.indices, vector.values, strict=True))


def test_forms_of_a_word_are_one_term() -> None:
    assert ENGLISH.terms("Running") == ENGLISH.terms("runs")


def test_stop_words_and_punctuation_are_no_terms() -> None:
    assert ENGLISH.terms("the of, and — is?") == frozenset()


def test_a_question_asks_for_each_term_once() -> None:
    query = ENGLISH.query("leave, leave and parental leave")
    assert sorted(query.values) == [1.0, 1.0]
    assert frozenset(query.indices) == ENGLISH.terms("parental leave")


def test_a_repeated_term_weighs_more_but_ever_less_so() -> None:
    (leave,) = ENGLISH.terms("leave")
    once, twice, thrice = (weights("leave " * times + "policy")[leave] for times in (1, 2, 3))
    assert 0 < thrice - twice < twice - once


def test_a_term_weighs_less_in_a_longer_text() -> None:
    (leave,) = ENGLISH.terms("leave")
    assert weights("leave " + "filler words " * 200)[leave] < weights("leave policy")[leave]


def test_languages_differ_and_unknown_ones_are_refused() -> None:
    assert SparseEncoder("german").terms("Häuser") == SparseEncoder("german").terms("Haus")
    with pytest.raises(SettingsError) as refusal:
        SparseEncoder("klingon")
    assert "RAGLOOP_LANGUAGE" in refusal.value.hint


AUTO = SparseEncoder("auto")


def test_each_text_is_analysed_in_its_own_language() -> None:
    assert AUTO.terms("Häuser", "german") == SparseEncoder("german").terms("Haus")
    assert AUTO.document("The houses of the city", "").indices == ENGLISH.document("The houses of the city").indices


def test_a_question_asks_in_every_language_of_the_documents() -> None:
    asked = set(AUTO.query("Which houses?", ("english", "german")).indices)
    assert asked >= ENGLISH.terms("house")
    assert asked >= SparseEncoder("german").terms("houses")


def test_stop_words_of_the_questions_language_are_terms_in_no_other() -> None:
    asked = set(AUTO.query("What is the budget of the office?", ("english", "german", "chinese")).indices)
    assert not asked & SparseEncoder("chinese").terms("what is the of")


def test_with_one_language_a_question_asks_what_it_always_asked() -> None:
    question = "Who approves parental leave of three weeks?"
    assert set(AUTO.query(question, ("english",)).indices) == ENGLISH.terms(question)


def test_an_identifier_is_one_term_however_it_is_hyphenated() -> None:
    (term,) = AUTO.exact("Where does QX-7741 belong?").indices
    assert term in ENGLISH.terms("The adapter QX‑7741 belongs to the blue rack.")
    assert AUTO.exact("Where does the adapter belong?").indices == []


def test_a_collection_of_the_first_schema_is_read_by_the_first_analysis() -> None:
    first = SparseEncoder.of(spec_for(language="english", schema_version=1))
    assert first.terms("oﬃce") != ENGLISH.terms("office")
    assert SparseEncoder.of(spec_for(language="english")).terms("oﬃce") == ENGLISH.terms("office")
    assert first.exact("QX-7741").indices == []


@pytest.mark.parametrize("language", CODES)
def test_every_language_that_may_be_set_finds_a_text_by_its_own_words(language: str) -> None:
    encoder = SparseEncoder(language)
    assert encoder.terms("Kubernetes 東京都 회의실 ห้องประชุม") & set(
        encoder.document("Kubernetes 東京都庁 회의실에").indices
    )
