"""Rows for tests of metrics, out of a few words: a case, an answer over passages, and where the evidence stands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from core.prices import Prices
from evals.cases.answers import AnswerRecord, RecordedCitation, RecordedPassage
from evals.cases.cases import Case, GoldEvidence
from evals.cases.gold_span import GoldSpan
from evals.metrics.catalogue import plain_metrics
from evals.metrics.metric import (
    Failed,
    Metric,
    Outcome,
    Row,
    Scored,
    Skipped,
)
from tests.fakes import FakeEmbedder

TEXT = "Tea is free for everyone. The team lead approves travel. Coffee costs 1,250.50 euros a year."


def passage(number: int = 0, *, uri: str = "docs/a.md", start: int = 0, text: str = TEXT) -> RecordedPassage:
    return RecordedPassage(
        chunk_id=f"chunk-{number}",
        uri=uri,
        title="A",
        heading_path=(),
        page=None,
        start=start,
        end=start + len(text),
        text=text,
        score=1.0,
        scores={},
        content_sha256="0" * 64,
    )


def citation(quote: str, source: RecordedPassage | None = None, *, marker: int = 1) -> RecordedCitation:
    """A citation of the quote where it stands in the passage."""
    source = source or passage()
    start = source.start + source.text.index(quote)
    return RecordedCitation(
        marker=marker,
        uri=source.uri,
        title="A",
        page=None,
        start=start,
        end=start + len(quote),
        quote=quote,
        score=1.0,
        chunk_id=source.chunk_id,
    )


def answer(
    text: str = "Tea is free for everyone. [1]",
    *,
    passages: Sequence[RecordedPassage] = (),
    citations: Sequence[RecordedCitation] = (),
    abstained: bool = False,
    **changes: Any,
) -> AnswerRecord:
    content: dict[str, Any] = {
        "text": "I could not find this in the documents." if abstained else text,
        "abstained": abstained,
        "degraded": False,
        "confidence": 0.9,
        "query": "q",
        "passages": tuple(passages),
        "citations": tuple(citations),
        "release": "r",
        "collection": "c",
        "revision": 1,
        "prompt_tokens": 2_000,
        "completion_tokens": 50,
        "timings": {"total": 0.25, "first_token": 0.1},
    }
    return AnswerRecord(**{**content, **changes})


def quoted(quote: str, uri: str = "docs/a.md", text: str = TEXT) -> GoldSpan:
    start = text.index(quote)
    return GoldSpan(uri, start, start + len(quote))


def whole(uri: str = "docs/a.md") -> GoldSpan:
    return GoldSpan(uri, 0, len(TEXT), whole_document=True)


def row(given: AnswerRecord, gold: Sequence[GoldSpan] = (), *, gold_answer: str = "", **changes: Any) -> Row:
    """A row whose case has a piece of evidence for each span; unanswerable if there is neither span nor gold answer."""
    evidence = tuple(GoldEvidence(uri=span.uri, quote="" if span.whole_document else "a quote") for span in gold)
    content: dict[str, Any] = {
        "id": "case",
        "question": "Who pays for tea?",
        "answer": gold_answer,
        "evidence": evidence,
        "unanswerable": not evidence and not gold_answer,
    }
    return Row(Case(**{**content, **changes}), given, tuple(gold))


def metric(name: str, prices: Prices | None = None) -> Metric:
    return next(each for each in plain_metrics(FakeEmbedder(), "english", prices, [name]) if each.name == name)


def outcome(name: str, measured: Row, prices: Prices | None = None) -> Outcome:
    (found,) = asyncio.run(_score(metric(name, prices), [measured]))
    return found


def score(name: str, measured: Row) -> float:
    found = outcome(name, measured)
    assert isinstance(found, Scored), found
    return found.value


def skipped(name: str, measured: Row) -> str:
    found = outcome(name, measured)
    assert isinstance(found, Skipped), found
    return found.reason


def failed(name: str, measured: Row) -> str:
    found = outcome(name, measured)
    assert isinstance(found, Failed), found
    return found.reason


async def _score(measuring: Metric, rows: Sequence[Row]) -> Sequence[Outcome]:
    return await measuring.score(rows)
