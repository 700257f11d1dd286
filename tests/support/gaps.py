"""Questions that were declined and requests for content, on record."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.types import Passage, document_id
from loop.remedies.catalogue.content import ContentProposal
from loop.remedies.registry import open_firings
from tests.support.app_world import World
from tests.support.loop_rows import some_evidence
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
    world: World, *subjects: str, state: FiringState = FiringState.REQUESTED, remedy: str = "content"
) -> Firing:
    """A proposal of the trigger for gaps, about these subjects."""
    at = datetime.now(UTC)
    firing = Firing(
        str(uuid.uuid4()), "corpus_gap", remedy, at, "Three people asked.", some_evidence(*subjects), state, at,
        ContentProposal(source="handbook", questions=("The proposal's own words?",)) if remedy == "content" else None,
    )  # fmt: skip
    open_firings(world.database).add(firing)
    return firing
