"""A snapshot of an answer, as a vote keeps it: true however the documents change later, and kept when the record of
the answer is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, field_serializer

from core.frozen import Frozen
from core.types import ModelUse, Turn, Usage


class SnapshotPassage(Frozen):
    """A passage that was retrieved, at its rank: `document.text[start:end] == text`. One that was erased has no URI."""

    chunk_id: str
    document_id: str
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
    last_page: int | None = None


class SnapshotCitation(Frozen):
    """A citation: `document.text[start:end] == quote`; `chunk_id` is the passage it came from."""

    marker: int
    uri: str
    title: str
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int
    quote: str
    score: float
    supported: bool
    document_id: str
    chunk_id: str
    last_page: int | None = None


class SnapshotPrompt(BaseModel):
    """The release's answering prompt; `used` says whether a model was asked with it. Where its file lay may be kept
    beside that."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    version: int
    sha256: str
    used: bool


class AnswerSnapshot(Frozen):
    """An answer as it was given. `passages` and `citations` are in order; `query` is the question as it was searched
    for; `model` is None where no served model wrote, `cost` where no prices were set. Whose key it was given under is
    left out."""

    id: str
    at: datetime
    origin: str
    release_id: str
    collection: str
    revision: int
    question: str
    history: tuple[Turn, ...]
    query: str
    answer: str
    abstained: bool
    degraded: bool
    confidence: float | None
    prompt: SnapshotPrompt
    passages: tuple[SnapshotPassage, ...]
    citations: tuple[SnapshotCitation, ...]
    usage: Usage
    timings: Mapping[str, float]
    model: ModelUse | None
    cost: float | None

    @property
    def document_ids(self) -> frozenset[str]:
        """The documents that the answer came from, as far as that is known."""
        return frozenset({each.document_id for each in self.passages} | {each.document_id for each in self.citations})

    @field_serializer("at", when_used="json")
    def _moment(self, at: datetime) -> str:
        return at.isoformat()
