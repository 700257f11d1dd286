"""The record of every answer: what was asked, what was found, what was said, by which release."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import insert, or_, select

from core.storage.database import Database
from core.storage.erasure import Tables, Traces, every, rewrite
from core.storage.tables import interactions
from core.types import Answer, Citation, ModelUse, Passage, Turn

# The origin of what asked nothing of the documents, such as a greeting: it is on record so that a page can show it
# again, and counts as no question.
ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class Interaction:
    """A recorded answer. `passages` and `citations` are snapshots, true however the documents change later;
    a passage that was erased has no URI.

    `prompt` is the release's answering prompt, with `commit`, `path` and `modified` if its file lies in a Git
    repository; its `used` says whether a model was asked with it. `model` holds the fields of ModelUse, None where no
    model wrote; `cost` is None where no prices were set. `language` is that of RAGLoop's own words in it.
    """

    id: str
    at: datetime
    origin: str
    api_key_id: str | None
    release_id: str
    collection: str
    revision: int
    question: str
    history: Sequence[Mapping[str, str]]
    query: str
    answer: str
    abstained: bool
    degraded: bool
    confidence: float | None
    prompt: Mapping[str, Any]
    passages: Sequence[Mapping[str, Any]]
    citations: Sequence[Mapping[str, Any]]
    usage: Mapping[str, int]
    timings: Mapping[str, float]
    model: Mapping[str, Any] | None
    cost: float | None
    language: str


# The columns that hold words of people and of documents, and what tells how they came about.
_WORDS = ("question", "history", "query", "answer", "abstained", "passages", "citations", "model")


class InteractionRepository:
    """Append-only: an interaction is written once."""

    erases: ClassVar[Tables] = (interactions,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        answer: Answer,
        *,
        question: str,
        history: Sequence[Turn],
        origin: str,
        api_key_id: str | None,
        prompt: Mapping[str, Any],
    ) -> None:
        """Store the answer with everything it came from."""
        row = {
            "id": answer.interaction_id,
            "at": datetime.now(UTC),
            "origin": origin,
            "api_key_id": api_key_id,
            "release_id": answer.release,
            "collection": answer.retrieval.collection,
            "revision": answer.retrieval.revision,
            "question": question,
            "history": [{"role": turn.role, "content": turn.content} for turn in history],
            "query": answer.retrieval.query,
            "answer": answer.text,
            "abstained": answer.abstained,
            "degraded": answer.degraded,
            "confidence": answer.confidence,
            "prompt": {**prompt, "used": answer.model is not None},
            "passages": [passage_json(passage) for passage in answer.retrieval.passages],
            "citations": [citation_json(citation) for citation in answer.citations],
            "usage": {
                "prompt_tokens": answer.usage.prompt_tokens,
                "completion_tokens": answer.usage.completion_tokens,
            },
            "timings": dict(answer.timings),
            "model": model_json(answer.model),
            "cost": answer.cost,
            "language": answer.language,
        }
        with self._database.transaction() as connection:
            connection.execute(insert(interactions), row)

    def get(self, interaction_id: str) -> Interaction | None:
        with self._database.transaction() as connection:
            row = connection.execute(select(interactions).where(interactions.c.id == interaction_id)).first()
        return Interaction(**row._asdict()) if row else None

    def every(self) -> Iterator[Interaction]:
        """All there are, some at a time."""
        return (Interaction(**row._asdict()) for row in every(self._database, select(interactions)))

    def asked_with(self, api_key_ids: Collection[str], *, keyless: bool = False) -> dict[str, str]:
        """The questions that were asked with these keys, and if `keyless` those without any, by the answer's id."""
        theirs = interactions.c.api_key_id.in_(api_key_ids)
        asked = or_(theirs, interactions.c.api_key_id.is_(None)) if keyless else theirs
        return {row.id: row.question for row in every(self._database, select(interactions).where(asked))}

    def erase(self, traces: Traces) -> dict[str, int]:
        return {"answers": rewrite(self._database, interactions, _WORDS, traces.answer)}


def model_json(use: ModelUse | None) -> dict[str, Any] | None:
    """What a served model did, as the public surface and the records show it."""
    return None if use is None else asdict(use)


def passage_json(passage: Passage) -> dict[str, Any]:
    """A passage as the public surface and the records show it."""
    chunk = passage.chunk
    return {
        "chunk_id": chunk.id,
        "document_id": chunk.document_id,
        "uri": chunk.uri,
        "title": chunk.title,
        "heading_path": list(chunk.heading_path),
        "page": chunk.page,
        **({"last_page": chunk.last_page} if chunk.last_page else {}),
        "language": chunk.language,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "score": passage.score,
        "scores": dict(passage.scores),
        "ranks": dict(passage.ranks),
        "collapsed": list(passage.collapsed),
        "content_sha256": passage.content_sha256,
    }


def citation_json(citation: Citation) -> dict[str, Any]:
    """A citation as the public surface and the records show it."""
    return {
        "marker": citation.marker,
        "uri": citation.chunk.uri,
        "title": citation.chunk.title,
        "heading_path": list(citation.chunk.heading_path),
        "page": citation.chunk.page,
        **({"last_page": citation.chunk.last_page} if citation.chunk.last_page else {}),
        "language": citation.chunk.language,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "marked": [{"start": start, "end": end} for start, end in citation.marked],
        "score": citation.score,
        "supported": citation.supported,
        "document_id": citation.chunk.document_id,
        "chunk_id": citation.chunk.id,
    }
