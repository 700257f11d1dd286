"""The sentence that says why two answers differ names the first step in which they do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.run.differences import AnswerFacts, why

FOUND = AnswerFacts("an answer", abstained=False, gold_rank=2, gold_cited=True, passages=8, cited=("a.md",))


@pytest.mark.parametrize(
    ("candidate", "baseline", "said"),
    [
        (FOUND, FOUND, "Both give the same answer."),
        (FOUND, replace(FOUND, gold_rank=5), "Both give the same answer (evidence at rank 2 against 5)."),
        (
            replace(FOUND, gold_rank=None, text="other"),
            FOUND,
            "The candidate did not find the evidence; the baseline did, at rank 2.",
        ),
        (
            FOUND,
            replace(FOUND, gold_rank=None, abstained=True, text=""),
            "The candidate found the evidence, at rank 2; the baseline did not.",
        ),
        (
            replace(FOUND, abstained=True, text="", cited=()),
            replace(FOUND, gold_rank=1),
            "The candidate declined to answer (evidence at rank 2 against 1); the baseline answered.",
        ),
        (
            replace(FOUND, gold_cited=False, text="b", cited=("b.md",)),
            FOUND,
            "Both found the evidence (evidence at rank 2 against 2); the baseline cites it, the candidate does not.",
        ),
        (replace(FOUND, text="b", cited=("a.md", "b.md")), FOUND, "They cite other documents."),
        (replace(FOUND, text="b"), FOUND, "They quote or word it otherwise."),
        (AnswerFacts.missing("The index is down."), FOUND, "The candidate gave no answer: The index is down."),
        (FOUND, AnswerFacts.missing("The index is down."), "The baseline gave no answer: The index is down."),
        (FOUND, None, "It found the evidence at rank 2 and cites it."),
        (replace(FOUND, gold_rank=None), None, "The evidence is not among its 8 passages."),
        (replace(FOUND, abstained=True), None, "It declined to answer."),
    ],
)
def test_it_names_the_first_difference_on_the_path_of_a_question(
    candidate: AnswerFacts, baseline: AnswerFacts | None, said: str
) -> None:
    assert why(candidate, baseline, has_gold=True) == said


def test_without_evidence_it_says_nothing_of_finding_it() -> None:
    found = why(replace(FOUND, gold_rank=None, text="b"), FOUND, has_gold=False)
    assert found == "They quote or word it otherwise."
