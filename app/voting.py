"""Voting on behalf of a request."""

from __future__ import annotations

from app.auth import Caller
from evals.feedback_service import Author


def author_of(caller: Caller) -> Author:
    """The caller as the author of a vote."""
    labels = caller.scope.labels
    return Author(
        name=caller.actor.name,
        api_key_id=caller.key_id,
        access=None if labels is None else tuple(sorted(labels)),
        origin=caller.origin,
        replaced_key_id=caller.key.replaces if caller.key else None,
    )
