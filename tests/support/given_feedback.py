"""Feedback on an answer of tests.support.app_world, as it is stored."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

from core.loop.enums import FeedbackReason, Vote, VoteStanding
from core.loop.feedback import Feedback
from core.storage.interactions import InteractionRepository
from core.storage.loop.feedback import FeedbackRepository
from core.storage.loop.snapshots import snapshot_of
from core.types import PUBLIC, AccessScope, Turn
from serving.answerer import Question
from serving.factory import build_answerer
from tests.support.app_world import World


def ask(
    world: World,
    question: str,
    *,
    history: tuple[Turn, ...] = (),
    api_key_id: str | None = None,
    access: tuple[str, ...] = (PUBLIC,),
) -> str:
    """Ask the world's champion as a person would who may see these labels; returns the id of what was recorded."""
    assert world.release is not None
    answerer = build_answerer(world.services, world.release)
    asked = Question(question, AccessScope.of(*access), origin="api", history=history, api_key_id=api_key_id)
    return asyncio.run(answerer.ask(asked)).interaction_id


def vote(world: World, interaction_id: str, **changes: Any) -> Feedback:
    """Store a vote on a recorded answer: down, wrong, without a correction, unless `changes` say otherwise."""
    recorded = InteractionRepository(world.database).get(interaction_id)
    assert recorded is not None
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "at": datetime.now(UTC),
        "author": "ben",
        "api_key_id": recorded.api_key_id,
        "access": None,
        "origin": "api",
        "standing": VoteStanding.COUNTED,
        "idempotency_key": uuid.uuid4().hex,
        "body_sha256": "0" * 64,
        "interaction_id": interaction_id,
        "release_id": recorded.release_id,
        "vote": Vote.DOWN,
        "reason": FeedbackReason.WRONG,
        "comment": "",
        "correction": "",
        "citations": (),
        "interaction": snapshot_of(recorded),
    }
    given = Feedback(**values | changes)
    FeedbackRepository(world.database).add(given)
    return given
