"""What the walk-through of the index fault is made of: pages, questions of the evaluation, complaints."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.cases.cases import Case, load_cases
from tools.walk_through import retrieval_story
from tools.walk_through.complaints import MemberComplaint, complaints

FOLDER = Path(retrieval_story.__file__).parent
PAGES = {f"library/{page.name}": page.read_text(encoding="utf-8") for page in sorted((FOLDER / "pages").glob("*.md"))}
QUESTIONS = load_cases(FOLDER / "questions.jsonl")


@pytest.mark.parametrize("case", QUESTIONS, ids=lambda case: case.id)
def test_the_evidence_of_each_question_stands_in_a_page(case: Case) -> None:
    assert case.unanswerable or case.evidence
    assert all(piece.span(PAGES[piece.uri]) for piece in case.evidence)


@pytest.mark.parametrize("complaint", complaints(), ids=lambda complaint: complaint.question)
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
