"""Asking a set's questions, and measuring each answer against what is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from core.errors import NotFoundError
from core.types import AccessScope, Answer, Passage
from evals.cases.cases import Case
from evals.cases.gold import DocumentReader, GoldFinder
from evals.cases.gold_span import GoldSpan
from evals.metrics.relevance import first_ranks, is_relevant
from evals.metrics.retrieval import ndcg
from serving.answerer import Answerer, Question
from serving.releases.first import default_abstention
from tools.answer_quality.measures import LONG, SHORT, AskedQuestion, character_share, word_share
from tools.answer_quality.question_sets import QuestionSet

_EVERYTHING = AccessScope.everything()
# So many times the release's passages are searched for where those with the evidence are taken out.
_MORE = 3


def interview(
    questions: QuestionSet, answerer: Answerer, read: DocumentReader
) -> Iterator[tuple[Case, Answer, AskedQuestion]]:
    """Each case with its answer and what that is worth. A case whose evidence is not in the documents as they were
    converted is left out."""
    find = GoldFinder(read, questions.cases)
    for case in questions.cases:
        try:
            gold = find(case)
        except NotFoundError:
            continue
        answer = asyncio.run(answerer.ask(Question(case.question, _EVERYTHING, origin="evaluation")))
        yield case, answer, _measured(questions, case, gold, answer, answerer)


def _measured(
    questions: QuestionSet, case: Case, gold: Sequence[GoldSpan], answer: Answer, answerer: Answerer
) -> AskedQuestion:
    chunks = [passage.chunk for passage in answer.retrieval.passages]
    ranks = first_ranks(chunks, gold)
    found = bool(ranks) or not gold
    wanted = case.answer or " ".join(evidence.quote for evidence in case.evidence)
    return AskedQuestion(
        id=case.id,
        half=questions.half(case).value,
        answerable=not case.unanswerable,
        declined=answer.abstained or answer.confidence < default_abstention().threshold,
        confidence=0.0 if answer.abstained else answer.confidence,
        found=found,
        seconds=answer.timings["total"],
        characters_60=character_share(answer.citations, gold, SHORT),
        characters_120=character_share(answer.citations, gold, LONG),
        words_60=word_share(answer.text, wanted, SHORT),
        words_120=word_share(answer.text, wanted, LONG),
        recall_5=sum(rank <= 5 for rank in ranks) / len(gold) if gold else None,
        ndcg_10=ndcg(ranks, len(gold), 10) if gold else None,
        removed=_without_evidence(case, gold, answerer) if gold and ranks else None,
    )


def _without_evidence(case: Case, gold: Sequence[GoldSpan], answerer: Answerer) -> float:
    limit = answerer.retriever.parameters.top_k
    found = answerer.retriever.retrieve(case.question, _EVERYTHING, limit * _MORE).passages
    rest: list[Passage] = [passage for passage in found if not is_relevant(passage.chunk, gold)]
    return answerer.scorer.score(case.question, rest[:limit]).confidence
