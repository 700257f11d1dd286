"""What the walk-through of the index fault is made of: pages, questions of the evaluation, complaints."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.cases.cases import Case, load_cases
from tools.walk_through import retrieval_story
from tools.walk_through.complaints import MemberComplaint, complaints, own_words
from tools.walk_through.own_words_story import HELD_OUT

FOLDER = Path(retrieval_story.__file__).parent
PAGES = {f"library/{page.name}": page.read_text(encoding="utf-8") for page in sorted((FOLDER / "pages").glob("*.md"))}
QUESTIONS = load_cases(FOLDER / "questions.jsonl")
OWN_WORDS = load_cases(HELD_OUT)
ASKED = [*(each.question for each in own_words()), *(each.question for each in OWN_WORDS)]
NAMES = ("giraffe", "mules", "hatch", "sawdust diploma", "dragon", "peacemaker", "ballroom", "helmet hour")


@pytest.mark.parametrize("case", [*QUESTIONS, *OWN_WORDS], ids=lambda case: case.id)
def test_the_evidence_of_each_question_stands_in_a_page(case: Case) -> None:
    assert case.unanswerable or case.evidence
    assert all(piece.span(PAGES[piece.uri]) for piece in case.evidence)


@pytest.mark.parametrize("complaint", [*complaints(), *own_words()], ids=lambda complaint: complaint.question)
def test_each_complaint_is_right_about_one_page(complaint: MemberComplaint) -> None:
    holding = [page for page in PAGES.values() if complaint.says in " ".join(page.split())]
    assert len(holding) == 1
    assert complaint.says in complaint.correction


def test_the_questions_of_the_evaluation_are_about_other_sentences_than_the_complaints() -> None:
    flat = {uri: " ".join(text.split()) for uri, text in PAGES.items()}
    for complaint in complaints():
        text = next(text for text in flat.values() if complaint.says in text)
        sentence = next(sentence for sentence in text.split(". ") if complaint.says in sentence + ".")
        for case in QUESTIONS:
            assert not any(" ".join(piece.quote.split()) in sentence for piece in case.evidence), case.id


def test_no_page_has_the_members_own_words_and_every_question_in_them_has_one() -> None:
    assert not [name for name in NAMES for page in PAGES.values() if name in page.lower()]
    for question in ASKED:
        assert sum(name in question for name in NAMES) == 1, question


def test_what_the_evaluation_asks_in_the_members_own_words_nobody_voted_on() -> None:
    assert len(ASKED) == len(set(ASKED)) == 72
