"""Which form of a follow-up is searched with is decided by what the forms find, not by words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.types import Evidence, ScoredSentence, Turn
from serving.follow_up import depends_on_history, finds_its_own, joined_answers, joined_query, read_together
from tests.support.passages import passage

HISTORY = [Turn("user", "Who approves travel?"), Turn("assistant", "The team lead. [1]")]


def found(confidence: float, coverage: float = 1.0) -> Evidence:
    return Evidence((), {"coverage": coverage}, confidence)


def test_a_question_is_joined_with_the_persons_last_one() -> None:
    assert joined_query("And abroad?", HISTORY) == "Who approves travel?\nAnd abroad?"


def test_the_first_question_is_joined_with_nothing() -> None:
    assert joined_query("Why?", []) is None
    assert joined_query("Why?", [Turn("system", "Be brief.")]) is None


def test_a_question_with_evidence_enough_needs_nothing_that_was_said_before() -> None:
    assert finds_its_own(found(0.7), threshold=0.5)
    assert not finds_its_own(found(0.6), threshold=0.5)


def test_the_joined_form_is_read_only_where_the_question_would_be_declined_and_it_says_more() -> None:
    assert joined_answers(found(0.1), found(0.2), threshold=0.5)
    assert not joined_answers(found(0.2), found(0.2), threshold=0.5)
    assert not joined_answers(found(0.5), found(0.9), threshold=0.5)


def test_a_question_about_something_that_stands_nowhere_is_not_helped_by_the_one_before() -> None:
    assert not joined_answers(found(0.1, coverage=0.2), found(0.9), threshold=0.5)
    assert joined_answers(found(0.1, coverage=0.0), found(0.9), threshold=0.5, has_words=False)


def test_a_sentence_that_only_answers_the_question_before_comes_last() -> None:
    chunk = passage("It opens at six. It has two doors.").chunk
    opens, doors = (
        ScoredSentence(chunk, 0, 16, "It opens at six.", 0.1),
        ScoredSentence(chunk, 17, 34, "It has two doors.", 0.9),
    )
    alone = Evidence((doors, opens), {}, 0.2)
    joined = Evidence((replace(opens, score=0.8), replace(doors, score=0.7)), {}, 0.6)
    together = read_together(alone, joined)
    assert [sentence.text for sentence in together.sentences] == ["It has two doors.", "It opens at six."]
    assert together.confidence == joined.confidence


@pytest.mark.parametrize(
    "question", ["And for trips abroad, who signs?", "Why?", "Does she need to sign it?", "How much?"]
)
def test_a_model_is_asked_about_questions_that_lean_on_the_last_one(question: str) -> None:
    assert depends_on_history(question)


def test_a_model_is_not_asked_about_a_question_that_stands_alone() -> None:
    assert not depends_on_history("Where are backups of the database kept?")
