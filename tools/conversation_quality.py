"""How well follow-up questions are searched for, on MTRAG's conversations: the last turn alone, the last turn with its
conversation as RAGLoop answers it without a model, and the question as a person rewrote it.

    python -m tools.conversation_quality ../data/mtrag --domain clapnq --cache var/quality [--distractors 1000]

Follow-ups that need their history are those for which the rewriting finds more than the last turn.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from core.types import AccessScope, Turn
from evals.cases.cases import Case
from evals.cases.foreign_files import uri_of
from evals.metrics.retrieval import ndcg
from serving.answerer import Answerer, Question
from tools.answer_quality.installation import opened
from tools.answer_quality.question_sets import QuestionSet
from tools.importers import mtrag

FORMS = ("last turn", "RAGLoop", "rewritten")
_DEPTH = 5
_SEED = 7


@dataclass(frozen=True, slots=True)
class FormScore:
    """What one form of a question found among the first five documents."""

    recall: float
    ndcg: float


def main(arguments: Sequence[str]) -> int:
    """Ask every follow-up in its three forms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder of MTRAG")
    parser.add_argument("--domain", choices=("clapnq", "fiqa"), required=True)
    parser.add_argument("--cache", type=Path, required=True, help="where the index is kept between runs")
    parser.add_argument("--distractors", type=int, help="only so many documents beside those that hold evidence")
    chosen = parser.parse_args(arguments)
    questions = question_set(chosen.data, chosen.domain, chosen.distractors)
    rewritten = mtrag.read(chosen.data, questions.source, domain=chosen.domain, rewritten=True)
    texts = {case.id: case.question for case in rewritten.cases}
    with opened(questions, chosen.cache) as (answerer, _):
        scores = [asyncio.run(asked(answerer, case, texts[case.id])) for case in questions.cases]
    needy = [row for row in scores if row[2].recall > row[0].recall]
    for name, rows in (("follow-ups", scores), ("that need their history", needy)):
        for form, column in zip(FORMS, zip(*rows, strict=True), strict=True):
            recall, gain = fmean(each.recall for each in column), fmean(each.ndcg for each in column)
            print(f"{name} ({len(rows)}), {form}: recall@5 {recall:.3f}, nDCG@5 {gain:.3f}")
    return 0


def question_set(data: Path, domain: str, distractors: int | None) -> QuestionSet:
    """The follow-ups of a domain, with all its documents or with those that hold evidence and so many others."""
    source = f"mtrag-{domain}"
    found = mtrag.read(data, source, domain=domain)
    cases = tuple(case for case in found.cases if case.history)
    documents = found.documents
    if distractors is not None:
        wanted = {evidence.uri for case in cases for evidence in case.evidence}
        others = [one for one in documents if uri_of(source, one.path) not in wanted]
        drawn = random.Random(_SEED).sample(others, min(distractors, len(others)))  # noqa: S311 - a sample, no secret
        documents = tuple(one for one in documents if uri_of(source, one.path) in wanted) + tuple(drawn)
        source = f"{source}-{distractors}"
        cases = tuple(_moved(case, f"mtrag-{domain}", source) for case in cases)
    return QuestionSet(source, source, cases, documents=documents)


async def asked(answerer: Answerer, case: Case, rewritten: str) -> tuple[FormScore, FormScore, FormScore]:
    """The three forms of one question."""
    history = tuple(Turn(turn.role, turn.content) for turn in case.history)
    forms = ((case.question, ()), (case.question, history), (rewritten, ()))
    found = [await _found(answerer, text, turns) for text, turns in forms]
    gold = {evidence.uri for evidence in case.evidence}
    last, ours, human = (_score(uris, gold) for uris in found)
    return last, ours, human


async def _found(answerer: Answerer, text: str, history: Sequence[Turn]) -> list[str]:
    answer = await answerer.ask(Question(text, AccessScope.everything(), "evaluation", history))
    return list(dict.fromkeys(passage.chunk.uri for passage in answer.retrieval.passages))[:_DEPTH]


def _score(uris: Sequence[str], gold: set[str]) -> FormScore:
    ranks = [rank for rank, uri in enumerate(uris, start=1) if uri in gold]
    return FormScore(len(ranks) / len(gold), ndcg(ranks, len(gold), _DEPTH))


def _moved(case: Case, source: str, to: str) -> Case:
    evidence = [
        each.model_copy(update={"uri": f"{to}/{each.uri.removeprefix(f'{source}/')}"}) for each in case.evidence
    ]
    return case.model_copy(update={"evidence": tuple(evidence)})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
