"""What a question names and no document holds is declined, and what is asked of one record comes from it: real embedder,
real index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.answerer import Answerer
from tests.support.answering import answering, ask

NAMED = Path(__file__).parents[1] / "data" / "named"


@pytest.fixture(scope="module")
def answerer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answerer]:
    with answering(NAMED, tmp_path_factory.mktemp("named")) as answerer:
        yield answerer


@pytest.mark.parametrize(
    "question",
    [
        "What does the kit ZRX-9999 hold?",
        "Which shelf is kit 7 on?",
        "What changed in 5.1.3?",
        "What is SHELF_LIMIT for?",
        "What does scanner.delay set?",
    ],
)
def test_an_identifier_that_no_document_has_is_declined_with_the_nearest_passages(
    answerer: Answerer, question: str
) -> None:
    answer = ask(answerer, question)
    assert answer.abstained
    assert answer.citations == ()
    assert answer.retrieval.passages


def test_a_field_asked_of_one_record_comes_from_that_record(answerer: Answerer) -> None:
    text = ask(answerer, "Which shelf is ZRX-9078 on?").text
    assert "A5" in text
    assert not any(shelf in text for shelf in ("A1", "A2", "A6"))


def test_an_identifier_alone_is_answered_with_its_record(answerer: Answerer) -> None:
    text = ask(answerer, "ZRX-1044").text
    assert "red gasket" in text
    assert "green" not in text


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("What changed in v5.1.2?", "gaskets by colour"),
        ("What is SHELF_COUNT for?", "rows of shelves"),
        ("scanner.port", "the scanner's cable"),
        ("What does scan\u200bner.port name?", "the scanner's cable"),
    ],
)
def test_a_version_or_a_setting_is_answered_with_what_is_said_of_it(
    answerer: Answerer, question: str, right: str
) -> None:
    answer = ask(answerer, question)
    assert not answer.abstained
    assert right in answer.text


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("How many fire doors does Site 100 have?", "Plant name: Site 100; Fire doors: 24; "),
        ("How many fire doors does Site 003 have?", "Plant name: Site 003; Fire doors: 49; "),
        ("Who is the keyholder of Site 042?", "Keyholder: Cy Team"),
    ],
)
def test_a_row_is_answered_with_wherever_in_a_long_table_it_stands(
    answerer: Answerer, question: str, right: str
) -> None:
    answer = ask(answerer, question)
    assert not answer.abstained
    assert right in answer.text
    assert len(answer.citations) == 1


@pytest.mark.parametrize("question", ["How many fire doors does Site 999 have?", "Who painted the gates of Site 100?"])
def test_neither_a_row_nor_a_column_that_is_not_there_is_answered(answerer: Answerer, question: str) -> None:
    assert ask(answerer, question).abstained
