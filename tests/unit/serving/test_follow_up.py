"""A follow-up is searched with the question it leans on; a question that stands alone is not coloured by old ones."""

from __future__ import annotations

import pytest

from core.types import Turn
from serving.follow_up import standalone_query

HISTORY = [Turn("user", "Who approves travel?"), Turn("assistant", "The team lead. [1]")]


@pytest.mark.parametrize(
    "question", ["And for trips abroad, who signs?", "Why?", "Does she need to sign it?", "How much?"]
)
def test_a_question_that_leans_on_the_last_one_is_searched_with_it(question: str) -> None:
    assert standalone_query(question, HISTORY) == f"Who approves travel?\n{question}"


def test_a_question_that_stands_alone_is_searched_as_it_is() -> None:
    question = "Where are backups of the database kept?"
    assert standalone_query(question, HISTORY) == question


def test_the_first_question_is_searched_as_it_is() -> None:
    assert standalone_query("Why?", []) == "Why?"
