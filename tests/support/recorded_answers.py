"""Answers on record, for tests that count, show or vote on them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import update

from core.storage.database import Database
from core.storage.interactions import InteractionRepository
from core.storage.tables import interactions
from core.types import Answer, Chunk, Citation, ModelUse, Passage, Retrieval, Turn, Usage, document_id

URI = "handbook/travel.md"
TEXT = "Travel is approved by the lead. Bookings are made by the office."
RELEASE = "r" * 64
USE = ModelUse("base", 0.5, 0.2, 1.0, 40.0, 4)


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


def an_answer() -> Answer:
    """An answer with one passage and one citation, as the pipeline gives it."""
    chunk = Chunk(document_id("docs/a.md"), 2, "docs/a.md", "Travel", ("Who",), 4, 10, 30, "The lead approves it.")
    passage = Passage(chunk, "f" * 64, 0.8, {"dense": 0.5, "bm25": 7.0, "fused": 0.8})
    citation = Citation(1, chunk, 10, 30, "The lead approves it.", 0.7)
    retrieval = Retrieval("who approves?", (passage,), "documents-1", 3, {"search": 0.001})
    return Answer(
        "The lead approves it. [1]",
        False,
        False,
        (citation,),
        retrieval,
        0.9,
        "r" * 64,
        "i-1",
        Usage(20, 6),
        {"total": 0.1},
    )


def record_answer(
    database: Database,
    number: int,
    *,
    at: datetime | None = None,
    origin: str = "api",
    key: str | None = None,
    **changes: Any,
) -> None:
    """Put the answer with this number on record, as of now or of `at`; without changes an extractive one."""
    answer = replace(an_answer(), interaction_id=f"i-{number:04}", **changes)
    InteractionRepository(database).record(
        answer, question="Who?", history=[], origin=origin, api_key_id=key, prompt={}
    )
    if at is not None:
        with database.transaction() as connection:
            connection.execute(update(interactions).where(interactions.c.id == answer.interaction_id).values(at=at))
