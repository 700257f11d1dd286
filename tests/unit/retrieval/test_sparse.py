"""BM25 terms: what is stemmed, what is dropped, what weighs how much."""

from __future__ import annotations

import pytest

from core.errors import SettingsError
from retrieval.sparse import SparseEncoder

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
