"""The rows that the small model learns from: serving's own messages, answered by a sentence of the passages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.text.sentences import sentence_spans
from core.types import Passage, Turn
from serving.finetune.dataset import RowPassage
from serving.finetune.recipe import answer_prompt
from serving.finetune.template import as_passage
from serving.prompts.spotlight import spotlight
from tools.small_model.quoting_rows import (
    Page,
    RowMaker,
    RowShape,
    quotable,
    read_pages,
    split_pages,
)

HANDBOOK = Path(__file__).parents[3] / "docs"
ONE = RowShape((1, 1), (3, 5), (1, 1))


def maker(seed: int = 1) -> RowMaker:
    return RowMaker(read_pages(HANDBOOK), answer_prompt(2), seed)


def passage_of(title: str, text: str, number: int) -> Passage:
    return as_passage(RowPassage(title=title, text=text), number)


def test_a_row_is_what_serving_sends_for_its_passages_and_question() -> None:
    text = "The team lead approves travel requests. Tea is free for everybody here."
    page = Page("a.md", "Travel", f"{text} And one more.", tuple(sentence_spans(f"{text} And one more.")))
    row = RowMaker([page], answer_prompt(2), 1).row(RowShape((1, 1), (2, 2), (1, 1), made_up=0.0))
    question = row[1].content.rpartition("Question: ")[2]
    texts = [text, "Tea is free for everybody here. And one more."]
    served = [
        answer_prompt(2).messages(passages=spotlight([passage_of("Travel", t, 0)]), question=question) for t in texts
    ]
    assert row[:-1] in served


def test_the_answer_stands_in_the_prompt_word_for_word_with_its_marker() -> None:
    rows = maker()
    for _ in range(200):
        turns = rows.row(RowShape((1, 4), (2, 6), (1, 3), made_up=0.5))
        prompt = turns[1].content
        for answer in (turn.content for turn in turns if turn.role == "assistant"):
            assert answer in prompt
            assert re.search(r" \[[1-4]\]$", answer)


def test_a_question_has_words_of_its_sentence_that_stand_nowhere_else() -> None:
    rows = maker()
    for _ in range(200):
        turns = rows.row(RowShape((2, 4), (2, 6), (1, 1)))
        prompt, _, question = turns[1].content.rpartition("Question: ")
        others = one_line(re.sub("<passage.*>", "", prompt)).replace(one_line(turns[-1].content), "", 1)
        assert any(run.lower() not in others.lower() for run in runs(question, one_line(turns[-1].content)))


def one_line(text: str) -> str:
    return " ".join(text.split())


def runs(question: str, said: str) -> Iterator[str]:
    """The runs of the question's words that stand in what is said."""
    words = question.rstrip("?.").split()
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            if " ".join(words[start:end]).lower() in said.lower():
                yield " ".join(words[start:end])


def test_the_same_seed_makes_the_same_rows() -> None:
    def first(seed: int) -> list[list[Turn]]:
        rows = maker(seed)
        return [rows.row(ONE) for _ in range(5)]

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_sentences_that_stand_twice_or_are_of_a_few_words_are_not_asked_for() -> None:
    twice = "This very sentence stands in two places."
    passages = [passage_of("A", f"{twice} Another one is here only.", 0), passage_of("B", f"{twice} Not me.", 1)]
    assert [quote.answer for quote in quotable(passages)] == ["Another one is here only. [1]"]


def test_held_out_pages_are_never_trained_on_and_stay_held_out_when_pages_change() -> None:
    trained, held_out = split_pages(read_pages(HANDBOOK))
    assert trained
    assert held_out
    assert not {page.name for page in trained} & {page.name for page in held_out}
    edited = [Page(page.name, page.title, page.text + "\nMore.", page.spans) for page in (*held_out, *trained)]
    new = Page("how-to/new.md", "New", "New text.", ((0, 9),))
    assert {page.name for page in split_pages([*edited, new])[1]} - {new.name} == {page.name for page in held_out}


@pytest.mark.parametrize("shape", [RowShape((1, 1), (1, 1), (1, 1)), RowShape((8, 8), (8, 8), (6, 6), made_up=1.0)])
def test_the_smallest_and_the_largest_rows_can_be_made(shape: RowShape) -> None:
    turns = maker().row(shape)
    assert [turn.role for turn in turns[:3]] == ["system", "user", "assistant"]
    assert turns[1].content.count("<passage ") == shape.passages[0]
