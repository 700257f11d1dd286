"""Voting on behalf of a request, and the reasons in the words of the pages."""

from __future__ import annotations

from collections.abc import Mapping

from app.auth import Caller
from core.loop.enums import FeedbackReason
from loop.feedback.votes import Author

REASONS: Mapping[FeedbackReason, str] = {
    FeedbackReason.WRONG: "It is wrong",
    FeedbackReason.INCOMPLETE: "Something is missing",
    FeedbackReason.NOT_IN_DOCUMENTS: "The documents do not say that",
    FeedbackReason.OUT_OF_DATE: "It is out of date",
    FeedbackReason.BAD_CITATION: "A source does not fit",
    FeedbackReason.UNSAFE: "It is unsafe",
    FeedbackReason.STYLE: "The style",
}


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
