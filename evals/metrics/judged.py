"""What a judge model says of an answer: Ragas's metrics (Es et al. 2023), asked in the words of `evals/prompts`.

Nothing is averaged over what the judge left out: an answer of the judge that is missing, no JSON, of the wrong shape or
out of range fails the row, with the reason. See docs/reference/metrics.md for what each one asks.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from core.errors import JudgeError
from core.ports import Embedder, Judge
from core.text.citation_marker import without_markers
from core.types import digest
from evals.judges.prompts import JudgePrompts
from evals.metrics.metric import Failed, Group, Metric, Outcome, Row, Scored, Skipped
from evals.metrics.row_metric import Better, Unit, checked

if TYPE_CHECKING:
    from ragas.metrics.collections.base import BaseMetric

# Changes when Ragas is handed something else than before.
_VERSION = 2

Arguments = Mapping[str, object]


def judged_metrics(judge: Judge, embedder: Embedder, prompts: JudgePrompts | None = None) -> list[Metric]:
    """Ragas's metrics, with `judge` as their model, asked in the words of `prompts`, RAGLoop's unless given."""
    ours = prompts or JudgePrompts()
    made = partial(JudgedMetric, judge=judge, asked=ours)
    return [
        faithfulness(judge, ours),
        made(
            name="answer_relevancy",
            description="Whether the answer is one to the question, and not evasive.",
            arguments=_answer,
            embedder=embedder,
        ),
        made(
            name="context_precision",
            description="Whether the passages that help stand before those that do not.",
            arguments=_passages,
        ),
        made(
            name="context_recall",
            description="Share of the gold answer's statements that the passages hold.",
            arguments=_passages,
        ),
        made(
            name="factual_correctness",
            description="Statements shared with the gold answer, as an F1.",
            arguments=_both_answers,
        ),
        made(
            name="noise_sensitivity",
            description="Share of the answer's statements that are wrong although a passage that helps supports them.",
            arguments=_everything,
            better="lower",
        ),
    ]


def faithfulness(judge: Judge, prompts: JudgePrompts | None = None) -> JudgedMetric:
    """The metric by which a judge is calibrated."""
    description = "Share of the answer's statements that the passages support."
    return JudgedMetric("faithfulness", description, judge, _answer_and_passages, prompts or JudgePrompts())


@dataclass(slots=True)
class JudgedMetric:
    """One of Ragas's metrics. All rows are put to the judge at once; how many it takes is its own affair."""

    name: str
    description: str
    judge: Judge
    arguments: Callable[[Row], Arguments | Outcome]
    """What Ragas is handed for a row, or the row's outcome where there is nothing to judge."""
    asked: JudgePrompts
    better: Better = "higher"
    embedder: Embedder | None = None
    group: Group = Group.JUDGED
    unit: Unit = "share"
    across_rows: bool = False
    version: str = field(init=False)
    prompts: Sequence[Mapping[str, object]] = field(init=False)
    """Name, version and hash of each prompt that the judge is asked with."""

    def __post_init__(self) -> None:
        embedder = self.embedder.fingerprint if self.embedder else None
        asked = self.asked.asked_by(self.name)
        self.prompts = [{"name": each.name, "version": each.version, "sha256": each.sha256} for each in asked]
        parts = [self.judge.fingerprint, embedder, importlib.metadata.version("ragas"), self.prompts]
        self.version = f"{_VERSION}-{digest(parts)[:16]}"

    async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        return await self.score_all([self.arguments(row) for row in rows])

    async def score_all(self, items: Sequence[Arguments | Outcome]) -> Sequence[Outcome]:
        """The outcome of each item: what Ragas makes of its arguments, or the outcome that it is already."""
        metric = await asyncio.to_thread(_ragas_metric, self)
        return await asyncio.gather(*(self._one(metric, item) for item in items))

    async def _one(self, metric: Any, arguments: Arguments | Outcome) -> Outcome:
        if not isinstance(arguments, Mapping):
            return arguments
        try:
            value = float((await metric.ascore(**arguments)).value)
        except JudgeError as error:
            return Failed(error.message)
        except Exception as error:  # noqa: BLE001 - Ragas trips over judgements in many ways; each is a failed row
            return Failed(f"the judge's answers cannot be scored: {type(error).__name__}: {error}")
        if math.isnan(value):
            return Failed("the judge's answers cannot be scored: they come to no number")
        # Ragas adds 1e-10 to divisors. And a question made up from the answer may point away from the one asked.
        value = round(value, 6)
        return checked(Scored(max(0.0, value) if self.embedder else value), self.unit)


def _answer_and_passages(row: Row) -> Arguments | Outcome:
    if not _answered(row):
        return Skipped("nothing was answered")
    if not row.answer.passages:
        return Skipped("no passage was retrieved")
    return {"user_input": _asked(row), "response": _text(row), "retrieved_contexts": _contexts(row)}


def _answer(row: Row) -> Arguments | Outcome:
    if not _answered(row):
        return Skipped("rightly refused") if row.case.unanswerable else Scored(0.0, {"abstained": True})
    return {"user_input": _asked(row), "response": _text(row)}


def _passages(row: Row) -> Arguments | Outcome:
    if not row.case.answer.strip():
        return Skipped("the case has no gold answer")
    if not row.answer.passages:
        return Scored(0.0, {"passages": 0})
    return {"user_input": _asked(row), "reference": row.case.answer, "retrieved_contexts": _contexts(row)}


def _both_answers(row: Row) -> Arguments | Outcome:
    if not row.case.answer.strip():
        return Skipped("the case has no gold answer")
    if not _answered(row):
        return Scored(0.0, {"abstained": True})
    return {"response": _text(row), "reference": row.case.answer}


def _everything(row: Row) -> Arguments | Outcome:
    if not row.case.answer.strip():
        return Skipped("the case has no gold answer")
    given = _answer_and_passages(row)
    return {**given, "reference": row.case.answer} if isinstance(given, Mapping) else given


def _answered(row: Row) -> bool:
    return not row.answer.abstained and bool(_text(row))


def _asked(row: Row) -> str:
    """The question, behind the conversation that it belongs to."""
    before = [f"{turn.role}: {turn.content}" for turn in row.case.history]
    return "\n".join([*before, f"user: {row.case.question}"]) if before else row.case.question


def _text(row: Row) -> str:
    return without_markers(row.answer.text)


def _contexts(row: Row) -> list[str]:
    return [passage.text for passage in row.answer.passages]


def _ragas_metric(ours: JudgedMetric) -> BaseMetric:
    metric = _plain_ragas_metric(ours.name, ours.judge, ours.embedder)
    ours.asked.put_into(metric, ours.name)
    return metric


def _plain_ragas_metric(name: str, judge: Judge, embedder: Embedder | None) -> BaseMetric:
    from ragas.metrics.collections import AnswerRelevancy, ContextPrecisionWithReference, ContextRecall

    from evals.judges import ragas_judge

    llm = ragas_judge.RagasJudge(judge)
    match name:
        case "faithfulness":
            return ragas_judge.CompleteFaithfulness(llm=llm)
        case "answer_relevancy" if embedder is not None:
            # Asked once: at temperature 0 Ragas's three questions would be the same.
            return AnswerRelevancy(llm=llm, embeddings=ragas_judge.RagasEmbedder(embedder), strictness=1)
        case "context_precision":
            return ContextPrecisionWithReference(llm=llm)
        case "context_recall":
            return ContextRecall(llm=llm)
        case "factual_correctness":
            return ragas_judge.CompleteFactualCorrectness(llm=llm)
        case "noise_sensitivity":
            return ragas_judge.CompleteNoiseSensitivity(llm=llm)
    raise ValueError(f"no judged metric {name}")  # pragma: no cover - judged_metrics names no other
