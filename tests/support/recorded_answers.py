"""Answers on record, for tests that vote on them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from core.storage.database import Database
from core.storage.interactions import InteractionRepository
from core.types import Answer, Chunk, Citation, Passage, Retrieval, Turn, Usage, document_id

URI = "handbook/travel.md"
TEXT = "Travel is approved by the lead. Bookings are made by the office."
RELEASE = "r" * 64


def recorded_answer(
    database: Database,
    question: str = "Who approves travel?",
    *,
    answer: str = "The office. [1]",
    origin: str = "page",
    api_key_id: str | None = None,
    release: str = RELEASE,
    uri: str = URI,
    query: str | None = None,
    history: Sequence[Turn] = (),
) -> str:
    """Put an answer that cites one passage on record; its id."""
    chunk = Chunk(document_id(uri), 0, uri, "Travel", ("Who",), None, 0, len(TEXT), TEXT)
    passage = Passage(chunk, "f" * 64, 0.8, {"fused": 0.8})
    citation = Citation(1, chunk, 0, 31, TEXT[:31], 0.7)
    retrieval = Retrieval(query or question, (passage,), "documents-1", 3, {})
    interaction_id = str(uuid.uuid4())
    InteractionRepository(database).record(
        Answer(
            answer, False, False, (citation,), retrieval, 0.9, release, interaction_id, Usage(20, 6), {"total": 0.1}
        ),
        question=question,
        history=history,
        origin=origin,
        api_key_id=api_key_id,
        prompt={"name": "answer", "version": 1, "sha256": "p"},
    )
    return interaction_id
