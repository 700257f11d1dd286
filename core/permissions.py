"""Who may do what: the role that each deed needs, and the one refusal of whoever lacks it.

    require(actor, Deed.SWITCH_RELEASE)    # raises RoleNeededError unless the actor has the role approve

A new deed that not everybody may do is a line in Deed. What somebody may see is another question:
`core/storage/visibility.py`.
"""

from __future__ import annotations

from enum import Enum

from core.errors import RoleNeededError
from core.types import Actor, Role


class Deed(Enum):
    """The role that it needs, and what it is in words that follow "to"."""

    ASK = Role.CHAT, "ask questions and read documents"
    ERASE_DOCUMENTS = Role.INGEST, "erase documents"
    REVIEW = Role.REVIEW, "read reports, feedback and figures"
    SEE_COSTS = Role.REVIEW, "see what answers cost"
    DECIDE_ON_FEEDBACK = Role.REVIEW, "decide on feedback"
    HANDLE_FIRINGS = Role.REVIEW, "open, run or close what a trigger asks for"
    CREATE_RELEASE = Role.REVIEW, "create a release"
    REJECT_RELEASE = Role.REVIEW, "reject a release"
    SWITCH_RELEASE = Role.APPROVE, "approve or promote a release, or roll it back"
    OVERRIDE = Role.ADMIN, "promote a release without an approval"
    ERASE_PEOPLE = Role.ADMIN, "erase people"

    def __init__(self, role: Role, words: str) -> None:
        self.role = role
        self.words = words


def may(actor: Actor, deed: Deed) -> bool:
    """Whether the actor may do this. The role admin may do everything."""
    return actor.may(deed.role)


def require(actor: Actor, deed: Deed) -> None:
    """Raises RoleNeededError unless the actor may do this."""
    if not may(actor, deed):
        raise RoleNeededError(
            f"{actor.name} does not have the role {deed.role.value}, which is needed to {deed.words}.",
            hint=f"Whoever runs RAGLoop can make such a key: `ragloop keys create NAME --role {deed.role.value}`.",
        )
