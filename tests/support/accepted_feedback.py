"""What a reviewer accepts of feedback on tests.support.app_world."""

from __future__ import annotations

from dataclasses import replace

from core.loop.enums import FeedbackSide
from core.loop.feedback import Feedback
from core.types import Actor, Role
from evals.cases.cases import GoldEvidence
from loop.feedback.acceptance import Acceptance, Edited
from loop.feedback.sides import hashed_side
from tests.support.app_world import World

ANN = Actor("ann", frozenset({Role.REVIEW}))

ASKED = "How many days of holiday has every employee each year?"

HELD = "Every employee has thirty days of holiday each year."

EVIDENCE = (GoldEvidence(uri="handbook/holidays.md", quote=HELD),)

WORDINGS = [
    "How many days of holiday does every employee get each year?",
    "What number of holidays has an employee in one year?",
    "Please tell me the yearly days off of all employees",
    "Is there a yearly amount of holiday, and how much is it?",
    "For how long may I go on holiday every year?",
]


def asked(side: FeedbackSide) -> str:
    """A question that falls on this side."""
    return next(question for question in WORDINGS if hashed_side(question) is side)


def edited(side: FeedbackSide, **changes: object) -> Edited:
    return replace(Edited(asked(side), "Thirty days.", EVIDENCE), **changes)


def accept(world: World, given: Feedback, edit: Edited) -> Feedback:
    Acceptance(world.database).accept(given.id, edit, ANN)
    return given
