"""The people of the tool library, and what its members complain about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

MEMBERS = ("ana", "ben", "cleo")
REVIEWER = "dora"
APPROVER = "emil"


@dataclass(frozen=True, slots=True)
class MemberComplaint:
    """A question that is answered badly, what is wrong with the answer, what is right, and words that the right answer
    has to quote, with the document that they stand in."""

    question: str
    reason: str
    correction: str
    says: str
    uri: str


def complaints() -> list[MemberComplaint]:
    """What the members complain about in the first part."""
    return _read("complaints.jsonl")


def own_words() -> list[MemberComplaint]:
    """What they ask in words that only members use, in the second."""
    return _read("own_words/voted_on.jsonl")


def _read(name: str) -> list[MemberComplaint]:
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [MemberComplaint(**json.loads(line)) for line in lines]
