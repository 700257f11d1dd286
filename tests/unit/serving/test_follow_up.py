"""Which form of a follow-up is searched with is decided by what the forms find, not by words."""

from __future__ import annotations

import pytest

from core.types import Evidence, Turn
from serving.follow_up import OWN_EVIDENCE, depends_on_history, finds_its_own, joined_finds_more, joined_query

HISTORY = [Turn("user", "Who approves travel?"), Turn("assistant", "The team lead. [1]")]


def found(confidence: float) -> Evidence:
    return Evidence((), {}, confidence)


def test_a_question_is_joined_with_the_persons_last_one() -> None:
    assert joined_query("And abroad?", HISTORY) == "Who approves travel?\nAnd abroad?"


def test_the_first_question_is_joined_with_nothing() -> None:
    assert joined_query("Why?", []) is None
    assert joined_query("Why?", [Turn("system", "Be brief.")]) is None


def test_a_question_with_evidence_enough_needs_nothing_that_was_said_before() -> None:
    assert finds_its_own(found(OWN_EVIDENCE))
    assert not finds_its_own(found(OWN_EVIDENCE - 0.01))


def test_the_joined_form_is_taken_only_where_it_finds_more() -> None:
    assert joined_finds_more(found(0.1), found(0.2))
    assert not joined_finds_more(found(0.2), found(0.2))


@pytest.mark.parametrize(
    "question", ["And for trips abroad, who signs?", "Why?", "Does she need to sign it?", "How much?"]
)
def test_a_model_is_asked_about_questions_that_lean_on_the_last_one(question: str) -> None:
    assert depends_on_history(question)


def test_a_model_is_not_asked_about_a_question_that_stands_alone() -> None:
    assert not depends_on_history("Where are backups of the database kept?")
