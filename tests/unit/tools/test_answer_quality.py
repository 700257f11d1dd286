"""What an answer is worth, and which questions may be looked at."""

from __future__ import annotations

import pytest

from core.types import Chunk, Citation
from evals.cases.cases import Case, GoldEvidence
from evals.cases.gold_span import GoldSpan
from tools.answer_quality.measures import AskedQuestion, character_share, declined_at, word_share
from tools.answer_quality.question_sets import QuestionSet
from tools.answer_quality.table import comparison, table
from tools.importers.research_set import SetDocument

TEXT = "One two three four. Five six seven eight."


def cited(start: int, end: int, uri: str = "s/a.md") -> Citation:
    chunk = Chunk("d", 0, uri, "A", (), None, 0, len(TEXT), TEXT)
    return Citation(1, chunk, start, end, TEXT[start:end], 1.0)


def asked(name: str, confidence: float, *, answerable: bool = True, removed: float | None = None) -> AskedQuestion:
    return AskedQuestion(name, "development", answerable, False, confidence, True, 0.1, removed=removed)


def test_gold_characters_are_counted_once_and_only_in_the_first_words() -> None:
    gold = [GoldSpan("s/a.md", 0, 18)]
    assert character_share([cited(0, 19), cited(0, 19)], gold, 60) == 1
    assert character_share([cited(0, 19)], gold, 2) == pytest.approx(7 / 18)
    assert character_share([cited(20, 41), cited(0, 19)], gold, 4) == 0
    assert character_share([cited(0, 19, "s/b.md")], gold, 60) == 0
    assert character_share([cited(0, 19)], [GoldSpan("s/a.md", 0, 41, whole_document=True)], 60) is None


def test_gold_words_leave_out_the_words_of_every_answer() -> None:
    assert word_share("It is shelf A5. [1]", "The shelf A5", 60) == 1
    assert word_share("It is shelf A5. [1]", "The shelf A5", 3) == 0.5
    assert word_share("anything", "it is", 60) is None


def test_unanswerable_questions_are_declined_below_what_so_many_answerable_ones_have() -> None:
    rows = [asked(str(number), number / 10, removed=0.05) for number in range(1, 11)]
    rows += [asked("u1", 0.05, answerable=False), asked("u2", 0.9, answerable=False)]
    found = declined_at(rows, 0.1, removed=False)
    assert found is not None
    assert (found.mean, found.count) == (0.5, 2)
    taken_out = declined_at(rows, 0.1, removed=True)
    assert taken_out is not None
    assert (taken_out.mean, taken_out.count) == (1, 10)


def test_questions_about_one_title_are_in_one_half_and_samples_repeat() -> None:
    documents = tuple(SetDocument(f"{number}.md", f"Title {number // 2}", "text") for number in range(20))
    cases = tuple(
        Case(id=f"c{number}", question="What?", evidence=(GoldEvidence(uri=f"s/{number}.md"),)) for number in range(20)
    )
    questions = QuestionSet("s", "s", cases, documents=documents)
    halves = [questions.half(case) for case in cases]
    assert halves[::2] == halves[1::2]
    assert len(set(halves)) == 2
    assert questions.sampled(5, 7, None) == questions.sampled(5, 7, None)


def test_two_runs_are_compared_question_by_question() -> None:
    before, after = {"s": [asked("a", 0.2)]}, {"s": [asked("a", 0.4), asked("b", 0.4)]}
    assert "s: 2 questions" in table(after)
    assert "s: 1 pairs" in comparison(after, before)
