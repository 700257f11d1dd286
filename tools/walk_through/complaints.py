"""What the members of the tool library complain about, in the walk-through of the index fault."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


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
    """What the members complain about."""
    lines = Path(__file__).with_name("complaints.jsonl").read_text(encoding="utf-8").splitlines()
    return [MemberComplaint(**json.loads(line)) for line in lines]
