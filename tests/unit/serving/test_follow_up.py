"""Which form of a follow-up is searched with is decided by what the forms find, not by words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.types import Evidence, ScoredSentence, Turn
from serving.follow_up import (
    depends_on_history,
    finds_its_own,
    helped_by_context,
    in_context,
    joined_query,
    told_before,
)
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


def read(alone: Evidence, joined: Evidence, told: str = "", *, has_words: bool = True) -> Evidence:
    return in_context(alone, joined, 0.5, told, has_words=has_words)


def test_a_question_that_would_be_declined_is_answered_where_its_joined_form_says_enough() -> None:
    assert read(found(0.1, coverage=0.5), found(0.7)).confidence == 0.7
    assert read(found(0.6, coverage=0.5), found(0.2)).confidence == 0.6


def test_a_question_about_something_that_stands_nowhere_is_not_helped_by_the_one_before() -> None:
    assert not helped_by_context(found(0.1, coverage=0.2), has_words=True)
    assert helped_by_context(found(0.1, coverage=0.5), has_words=True)
    assert helped_by_context(found(0.1, coverage=0.0), has_words=False)


def test_a_short_question_is_answered_whose_words_the_passages_know() -> None:
    assert read(found(0.3), found(0.1)).confidence == 0.5
    assert read(found(0.2), found(0.1)).confidence == 0.2, "hardly anything speaks for it"
    assert read(found(0.3, coverage=0.5), found(0.1)).confidence == 0.3, "half of its words stand nowhere"


def test_what_the_question_before_names_has_to_be_there_only_where_that_is_needed() -> None:
    absent = Evidence((), {}, 0.9, ("ZRX-9999",))
    assert read(found(0.1), absent).missing == ("ZRX-9999",)
    assert read(found(0.6), absent).missing == ()


CHUNK = passage("It opens at six. It has two doors.").chunk
OPENS = ScoredSentence(CHUNK, 0, 16, "It opens at six.", 0.1)
DOORS = ScoredSentence(CHUNK, 17, 34, "It has two doors.", 0.9)


def test_a_sentence_that_only_answers_the_question_before_comes_last() -> None:
    joined = Evidence((replace(OPENS, score=0.8), replace(DOORS, score=0.7)), {}, 0.6)
    together = read(Evidence((DOORS, OPENS), {}, 0.2), joined)
    assert [sentence.text for sentence in together.sentences] == ["It has two doors.", "It opens at six."]


def test_what_was_just_told_is_not_told_again_unless_nothing_says_more() -> None:
    told = "It opens at six. [1]"
    joined = Evidence((replace(OPENS, score=0.8), DOORS), {}, 0.6)
    assert read(Evidence((DOORS, OPENS), {}, 0.2), joined, told).sentences[0].text == "It has two doors."
    assert len(read(Evidence((DOORS, OPENS), {}, 0.2), joined, told).sentences) == 1
    assert (
        len(read(Evidence((replace(OPENS, score=0.7), replace(DOORS, score=0.1)), {}, 0.2), joined, told).sentences)
        == 2
    )
    assert len(read(Evidence((DOORS, OPENS), {}, 0.2), joined, told, has_words=False).sentences) == 2


def test_the_last_answer_is_what_was_told() -> None:
    assert told_before(HISTORY) == "The team lead. [1]"
    assert told_before(HISTORY[:1]) == ""


@pytest.mark.parametrize(
    "question", ["And for trips abroad, who signs?", "Why?", "Does she need to sign it?", "How much?"]
)
def test_a_model_is_asked_about_questions_that_lean_on_the_last_one(question: str) -> None:
    assert depends_on_history(question)


def test_a_model_is_not_asked_about_a_question_that_stands_alone() -> None:
    assert not depends_on_history("Where are backups of the database kept?")
