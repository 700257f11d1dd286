"""A row of a table that goes on over pages of a PDF is answered with its columns' names: real embedder, real index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving.answerer import Answerer
from tests.support.answering import answering, ask
from tests.support.written_pdf import Large, written_pdf

HEAD = ["Plant name", "Fire doors", "Keyholder"]
SITES = [[f"Site {number:03}", str(number * 37 % 50 + 3), f"{'ABCDE'[number % 5]}. Team"] for number in range(1, 151)]
PROSE = "Each plant of the works has doors that hold back a fire and one person who keeps the keys to them."


@pytest.fixture(scope="module")
def answerer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answerer]:
    folder = tmp_path_factory.mktemp("plants")
    pages = [[Large("Plants and their doors"), PROSE, HEAD, *SITES[:28]]]
    pages += [[*SITES[first : first + 30], f"Page {first}"] for first in range(28, 150, 30)]
    (folder / "plants.pdf").write_bytes(written_pdf(pages))
    with answering(folder, tmp_path_factory.mktemp("home")) as answerer:
        yield answerer


@pytest.mark.parametrize(
    ("question", "right", "page"),
    [
        ("How many fire doors does Site 100 have?", f"Plant name: Site 100; Fire doors: {SITES[99][1]}; ", 4),
        ("How many fire doors does Site 003 have?", f"Plant name: Site 003; Fire doors: {SITES[2][1]}; ", 1),
        ("Who is the keyholder of Site 142?", f"Keyholder: {SITES[141][2]}", 5),
    ],
)
def test_a_row_is_answered_with_its_columns_names_on_whatever_page_it_stands(
    answerer: Answerer, question: str, right: str, page: int
) -> None:
    answer = ask(answerer, question)

    assert right in answer.text
    assert {citation.chunk.page for citation in answer.citations} == {page}


def test_a_row_that_is_on_no_page_is_not_answered(answerer: Answerer) -> None:
    assert ask(answerer, "How many fire doors does Site 999 have?").abstained


def test_every_passage_of_the_table_stands_under_the_heading_and_the_columns_names(answerer: Answerer) -> None:
    chunks = [scored.chunk for scored in ask(answerer, "How many fire doors does Site 100 have?").retrieval.passages]

    assert len(chunks) > 4
    for chunk in chunks:
        assert "Plants and their doors" in (chunk.title, *chunk.heading_path)
        assert " | ".join(HEAD) in chunk.indexed_text
