"""The feedback that a command names by its id, or by how that begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.console import visible
from core.errors import NotFoundError

if TYPE_CHECKING:
    from core.loop.feedback import Feedback
    from core.storage.database import Database


def find_feedback(database: Database, feedback_id: str) -> Feedback:
    """The one that is meant. Raises NotFoundError."""
    from core.storage.loop.feedback import FeedbackRepository

    found = FeedbackRepository(database).find(feedback_id) if feedback_id.isprintable() else None
    if found is None:
        raise NotFoundError(
            f"There is no single feedback {visible(feedback_id[:40])}.",
            hint="`ragloop feedback list --state all` shows the ids.",
        )
    return found
