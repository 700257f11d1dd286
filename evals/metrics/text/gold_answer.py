"""The answer beside the gold answer: string overlap and nearness in meaning.

Citation markers are left out of the answer first. Where the system abstained, the score is 0 with nothing compared:
a refusal says none of the gold answer, whatever words it shares with it.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.citation_marker import without_markers
from core.types import Vector
from evals.metrics.meanings import Meanings, cosine
from evals.metrics.metric import Failed, Group, Metric, Outcome, Row, Scored, Skipped
from evals.metrics.row_metric import Better, RowMetric, Unit, checked
from evals.metrics.text.words import squad_tokens

if TYPE_CHECKING:
    from ragas.metrics.collections.base import BaseMetric


def gold_answer_metrics(meanings: Meanings) -> list[Metric]:
    """Exact match, token F1, Ragas's string metrics, and embedding similarity."""
    return [
        RowMetric(
            "exact_match", Group.ANSWER, "Whether the answer is the gold answer, by SQuAD's rules.", _exact_match
        ),
        RowMetric("token_f1", Group.ANSWER, "Words shared with the gold answer, as SQuAD's F1.", _token_f1),
        RagasText("bleu", "Word sequences shared with the gold answer: BLEU.", _bleu),
        RagasText("rouge_l", "The longest word sequence shared with the gold answer: ROUGE-L's F1.", _rouge),
        RagasText("chrf", "Letter sequences shared with the gold answer: chrF.", _chrf),
        RagasText("string_similarity", "Nearness in letters to the gold answer: 1 less edit distance.", _similarity),
        RagasText("answer_contained", "Whether the answer contains the gold answer, letter for letter.", _presence),
        AnswerSimilarity(meanings),
    ]


def no_comparison(row: Row) -> Outcome | None:
    """The row's outcome where there is nothing to compare."""
    if not row.case.answer.strip():
        return Skipped("the case has no gold answer")
    if row.answer.abstained:
        return Scored(0.0, {"abstained": True})
    return None


def _exact_match(row: Row) -> Outcome:
    nothing = no_comparison(row)
    if nothing is not None:
        return nothing
    return Scored(float(squad_tokens(row.case.answer) == squad_tokens(without_markers(row.answer.text))))


def _token_f1(row: Row) -> Outcome:
    nothing = no_comparison(row)
    if nothing is not None:
        return nothing
    gold, given = squad_tokens(row.case.answer), squad_tokens(without_markers(row.answer.text))
    if not gold or not given:
        return Scored(float(gold == given))
    shared = sum((Counter(gold) & Counter(given)).values())
    return Scored(2 * shared / (len(gold) + len(given)), {"shared": shared, "gold": len(gold), "answer": len(given)})


@functools.cache
def _bleu() -> BaseMetric:
    from ragas.metrics.collections import BleuScore

    # Effective order: an answer of fewer than four words can be right too.
    return BleuScore(kwargs={"use_effective_order": True})


@functools.cache
def _rouge() -> BaseMetric:
    from ragas.metrics.collections import RougeScore

    return RougeScore(rouge_type="rougeL", mode="fmeasure")


@functools.cache
def _chrf() -> BaseMetric:
    from ragas.metrics.collections import CHRFScore

    return CHRFScore()


@functools.cache
def _similarity() -> BaseMetric:
    from ragas.metrics.collections import NonLLMStringSimilarity

    return NonLLMStringSimilarity()


@functools.cache
def _presence() -> BaseMetric:
    from ragas.metrics.collections import StringPresence

    return StringPresence()


@dataclass(slots=True)
class RagasText:
    """One of Ragas's metrics that compare two strings. Ragas takes seconds to import: only scoring does that."""

    name: str
    description: str
    make: Callable[[], BaseMetric]
    group: Group = Group.ANSWER
    better: Better = "higher"
    unit: Unit = "share"
    across_rows: bool = False
    version: str = field(init=False)

    def __post_init__(self) -> None:
        self.version = f"1-ragas-{importlib.metadata.version('ragas')}"

    async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        # Its coroutines compute and never wait: in a thread they do not hold up the answers under way.
        return await asyncio.to_thread(lambda: asyncio.run(self._score(rows)))

    async def _score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        return [no_comparison(row) or await self._compare(row) for row in rows]

    async def _compare(self, row: Row) -> Outcome:
        gold, given = (_one_sentence(text) for text in _pair(row))
        try:
            value = (await self.make().ascore(reference=gold, response=given)).value
        except Exception as error:  # noqa: BLE001 - nothing is hidden: the row is listed as failed, and blocks the gate
            return Failed(f"could not be measured: {type(error).__name__}: {error}")
        return checked(Scored(float(value)), self.unit)


def _one_sentence(text: str) -> str:
    """The text as Ragas compares all of it: its BLEU cuts at ". " and then reads the first sentence only."""
    return text.replace(". ", ".\n")


class AnswerSimilarity:
    """Cosine of the answer's and the gold answer's embeddings, by the embedder that searches."""

    name = "answer_similarity"
    group = Group.ANSWER
    better: Better = "higher"
    unit: Unit = "share"
    description = "Nearness in meaning to the gold answer: cosine of the embeddings."
    across_rows = False

    def __init__(self, meanings: Meanings) -> None:
        self._meanings = meanings
        self.version = f"1-{meanings.fingerprint[:16]}"

    async def score(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        compared = [row for row in rows if no_comparison(row) is None]
        texts = [text for row in compared for text in _pair(row)]
        vectors = await self._meanings.of(texts)

        return [no_comparison(row) or _similar(vectors, *_pair(row)) for row in rows]


def _similar(vectors: Mapping[str, Vector], gold: str, given: str) -> Outcome:
    return checked(Scored(cosine(vectors[gold], vectors[given])), "share")


def _pair(row: Row) -> tuple[str, str]:
    return row.case.answer, without_markers(row.answer.text)
