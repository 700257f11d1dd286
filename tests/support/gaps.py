"""Questions that were declined and requests for content, on record."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from core.feedback import Firing, FiringState, Remedy
from core.storage.loop.firings import FiringRepository
from core.types import Passage, document_id
from tests.support.app_world import World
from tests.support.monitored_answers import answers
from tests.support.recorded_answers import an_answer

HOLIDAYS = "handbook/holidays.md"


def declined(world: World, question: str, *, uri: str = HOLIDAYS, key: str | None = None, days: float = 1) -> None:
    """A question that was declined, with a passage of the document at `uri` nearest to it."""
    base = an_answer().retrieval
    chunk = replace(base.passages[0].chunk, document_id=document_id(uri), uri=uri)
    found = Passage(chunk, "f" * 64, 0.5, {})
    answers(world, 1, question, retrieval=replace(base, passages=(found,)), abstained=True, key=key, days=days)


def request(
    world: World, *subjects: str, state: FiringState = FiringState.REQUESTED, remedy: Remedy = Remedy.CONTENT
) -> Firing:
    """A proposal of the trigger for gaps, about these subjects."""
    at = datetime.now(UTC)
    firing = Firing(
        str(uuid.uuid4()), "corpus_gap", remedy, at, "Three people asked.", {"subjects": list(subjects)}, state, at,
        {"source": "handbook", "questions": ["The proposal's own words?"]},
    )  # fmt: skip
    FiringRepository(world.database).add(firing)
    return firing
