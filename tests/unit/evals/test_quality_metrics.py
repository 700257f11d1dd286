"""Whether an answer is right, and refusals: what the gate decides by."""

from __future__ import annotations

import pytest

from evals.cases.gold_span import GoldSpan
from evals.metrics.metric import Row, Scored
from tests.support.metric_rows import (
    TEXT,
    answer,
    citation,
    failed,
    outcome,
    passage,
    quoted,
    row,
    score,
    skipped,
    whole,
)

TEA = quoted("Tea is free")


def test_an_unanswerable_question_is_right_when_it_is_refused() -> None:
    assert score("correct", row(answer(abstained=True))) == 1.0
    assert score("correct", row(answer())) == 0.0


def test_an_answer_is_right_when_one_citation_overlaps_the_evidence() -> None:
    right = row(answer(citations=[citation("everyone", marker=1), citation("is free", marker=2)]), [TEA])
    assert score("correct", right) == 1.0
    found = outcome("correct", right)
    assert isinstance(found, Scored)
    assert found.detail == {"judged_by": "citations", "right": [2], "citations": 2}


def test_one_of_several_pieces_of_evidence_is_enough() -> None:
    assert score("correct", row(answer(citations=[citation("Tea is free")]), [quoted("Coffee"), TEA])) == 1.0


def test_an_answer_that_cites_something_else_is_wrong() -> None:
    assert score("correct", row(answer(citations=[citation("Coffee costs")]), [TEA])) == 0.0
    assert score("correct", row(answer(citations=[citation("Tea", passage(uri="docs/b.md"))]), [TEA])) == 0.0
    assert score("correct", row(answer(), [TEA])) == 0.0


def test_a_refusal_of_a_question_with_an_answer_is_wrong() -> None:
    assert score("correct", row(answer(abstained=True), [TEA])) == 0.0
    assert score("correct", row(answer(abstained=True), gold_answer="You find this in the documents.")) == 0.0


def test_without_a_quote_the_gold_answers_words_are_looked_for() -> None:
    says_half = row(answer("Travel is free. [1]"), gold_answer="Free tea!")
    assert score("correct", says_half) == 0.5
    assert score("correct", row(answer("Travel is free."), [whole()], gold_answer="The free tea")) == 0.5


def test_stop_words_endings_case_and_citation_markers_do_not_count() -> None:
    assert score("correct", row(answer("approving TRAVELS [1]"), gold_answer="The lead of it approves travel")) == 2 / 3
    assert score("correct", row(answer("Nothing. [42]"), gold_answer="42")) == 0.0


@pytest.mark.parametrize(
    ("gold", "given", "expected"),
    [
        ("1,250.50", "It is 1250.5 a year", 1.0),
        ("1250", "It is $1,250.", 1.0),
        ("12", "There are 120 of them", 0.0),
        ("5.20 %", "It grew by 5.2%", 1.0),
        ("1.25", "The sum of 1 and 25", 0.0),
        ("2024-03", "In 2024-03 it began", 1.0),
    ],
)
def test_numbers_are_compared_as_numbers(gold: str, given: str, expected: float) -> None:
    assert score("correct", row(answer(given), gold_answer=gold)) == expected


def test_without_quote_and_gold_answer_a_citation_of_the_document_is_right() -> None:
    far = citation("Tea", passage(start=5_000))
    assert score("correct", row(answer(citations=[far]), [whole()])) == 1.0
    assert score("correct", row(answer(), [whole()])) == 0.0


def test_a_gold_answer_of_stop_words_cannot_be_measured_and_says_so() -> None:
    assert skipped("correct", row(answer(), gold_answer="It is."))


def test_evidence_that_is_in_no_document_fails_the_row() -> None:
    measured = Row(row(answer(), [TEA]).case, answer(), ())
    assert "evidence" in failed("correct", measured)


def test_refusals_right_and_wrong_each_look_at_their_own_questions() -> None:
    unanswerable, answerable = row(answer(abstained=True)), row(answer(abstained=True), [TEA])
    assert score("right_refusal", unanswerable) == 1.0
    assert score("right_refusal", row(answer())) == 0.0
    assert score("wrong_refusal", answerable) == 1.0
    assert score("wrong_refusal", row(answer(), [TEA])) == 0.0
    assert skipped("right_refusal", answerable)
    assert skipped("wrong_refusal", unanswerable)


def test_a_span_beyond_the_text_finds_nothing() -> None:
    beyond = GoldSpan("docs/a.md", len(TEXT) + 5, len(TEXT) + 9)
    assert score("correct", row(answer(citations=[citation("euros a year.")]), [beyond])) == 0.0
