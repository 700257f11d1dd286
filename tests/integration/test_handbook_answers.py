"""The handbook answers its own questions: real embedder, real index, real answers, over docs/."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import load_settings
from core.types import AccessScope, Answer
from evals.cases.cases import DATASETS, Case, load_cases
from ingestion.factory import folder_source, open_pipeline
from serving.answerer import Question
from serving.factory import open_services
from serving.releases.champion import Champion
from tests.support.home import make_home

ROOT = Path(__file__).parents[2]
CASES = load_cases(DATASETS / "handbook.jsonl")

# The whole handbook is embedded first, beside the tests of other processes.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Answer]]:
    settings = load_settings(home=make_home(tmp_path_factory.mktemp("handbook")))
    with open_pipeline(settings) as pipeline:
        pipeline.run(folder_source(pipeline, ROOT / "docs"))
    services = open_services(settings)
    answerer = Champion(services).answerer()

    async def ask_all() -> dict[str, Answer]:
        return {
            case.id: await answerer.ask(Question(case.question, AccessScope.everything(), origin="evaluation"))
            for case in CASES
        }

    yield asyncio.run(ask_all())
    services.close()


def cites_evidence(case: Case, answer: Answer) -> bool:
    """Whether a cited passage holds a part of the gold evidence."""
    for evidence in case.evidence:
        span = evidence.span((ROOT / evidence.uri).read_text(encoding="utf-8"))
        assert span is not None
        for citation in answer.citations:
            chunk = citation.chunk
            if chunk.uri == evidence.uri and chunk.start < span[1] and span[0] < chunk.end:
                return True
    return False


def test_most_answerable_questions_are_answered_out_of_the_passage_that_holds_the_answer(
    answers: dict[str, Answer],
) -> None:
    answerable = [case for case in CASES if not case.unanswerable]
    missed = [case.id for case in answerable if not cites_evidence(case, answers[case.id])]
    assert len(missed) <= len(answerable) * 0.25, missed


def test_most_questions_that_the_handbook_does_not_answer_are_declined(answers: dict[str, Answer]) -> None:
    unanswerable = [case for case in CASES if case.unanswerable]
    answered = [case.id for case in unanswerable if not answers[case.id].abstained]
    assert len(answered) <= len(unanswerable) * 0.25, answered


def test_every_citation_is_an_exact_copy_of_its_file(answers: dict[str, Answer]) -> None:
    citations = [citation for answer in answers.values() for citation in answer.citations]
    assert citations
    for citation in citations:
        text = (ROOT / citation.chunk.uri).read_text(encoding="utf-8")
        assert text[citation.start : citation.end] == citation.quote
