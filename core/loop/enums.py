"""The closed lists of the loop: what may be said of an answer, and how far the loop is with it. The values are stored.

A command can offer them without importing what the values of core.loop.feedback are made of.
"""

from __future__ import annotations

from enum import StrEnum


class Vote(StrEnum):
    UP = "up"
    DOWN = "down"


class FeedbackReason(StrEnum):
    """What a person says was wrong with an answer."""

    WRONG = "wrong"
    INCOMPLETE = "incomplete"
    NOT_IN_DOCUMENTS = "not_in_documents"
    OUT_OF_DATE = "out_of_date"
    BAD_CITATION = "bad_citation"
    UNSAFE = "unsafe"
    STYLE = "style"


class VoteStanding(StrEnum):
    """Whether a vote counts: `repeated` ones say what their author said before, `synthetic` ones come from programs
    that try the system out. All are kept; only counted ones move anything."""

    COUNTED = "counted"
    REPEATED = "repeated"
    SYNTHETIC = "synthetic"


class FeedbackSide(StrEnum):
    """What accepted feedback becomes."""

    CASE = "case"
    TRAINING = "training"


class DecisionKind(StrEnum):
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


class FiringState(StrEnum):
    """`open`: nothing was done yet. `running`: its remedy is at work. `candidate`: a release waits for its evaluation
    and for a person. `requested`: content was asked for. `failed` says why in `detail`. `closed`: done or dismissed."""

    OPEN = "open"
    RUNNING = "running"
    CANDIDATE = "candidate"
    REQUESTED = "requested"
    FAILED = "failed"
    CLOSED = "closed"
