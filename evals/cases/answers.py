"""A release's answer to a case, as the ledger keeps it: what metrics read and reports show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.frozen import Frozen
from core.storage.interactions import citation_json, passage_json
from core.types import Answer, ModelUse


class RecordedPassage(Frozen, extra="ignore"):
    """A passage that was retrieved, at its rank: `document.text[start:end] == text`."""

    chunk_id: str
    uri: str
    title: str
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int
    text: str
    score: float
    scores: Mapping[str, float]
    content_sha256: str


class RecordedCitation(Frozen, extra="ignore"):
    """A citation: `document.text[start:end] == quote`; `chunk_id` is the passage it came from. Answers that were
    recorded before there was a check have no `supported`."""

    marker: int
    uri: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str
    score: float
    chunk_id: str
    supported: bool = True


class AnswerRecord(Frozen, extra="ignore"):
    """An answer. `passages` are the whole context, best first; `timings` are in seconds; `model` is None where no
    served model wrote it, as in every record from before there were any."""

    text: str
    abstained: bool
    degraded: bool
    confidence: float | None
    query: str
    passages: tuple[RecordedPassage, ...]
    citations: tuple[RecordedCitation, ...]
    release: str
    collection: str
    revision: int
    prompt_tokens: int
    completion_tokens: int
    timings: Mapping[str, float]
    model: ModelUse | None = None

    @classmethod
    def of(cls, answer: Answer) -> AnswerRecord:
        content: dict[str, Any] = {
            "text": answer.text,
            "abstained": answer.abstained,
            "degraded": answer.degraded,
            "confidence": answer.confidence,
            "query": answer.retrieval.query,
            "passages": [passage_json(passage) for passage in answer.retrieval.passages],
            "citations": [citation_json(citation) for citation in answer.citations],
            "release": answer.release,
            "collection": answer.retrieval.collection,
            "revision": answer.retrieval.revision,
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
            "timings": dict(answer.timings),
            "model": answer.model,
        }
        return cls.model_validate(content)
