"""Which side accepted feedback is on: it is measured with or trained on, never both. Pure.

    side_of("How long is support?", known)

What is near something that has a side follows it, by the measure that guards every tuning (evals.cases.leakage): what a
model was taught is never what it is measured by. What is near both is a case, and the training rows near it are taught
no more (loop.feedback.acceptance.training_rows). Everything else falls by a hash of its question: the same on every
machine, for ever, and whoever writes the feedback cannot see it coming.

The order of arrival decides only for near duplicates: the first of them falls by its hash, the others follow it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.loop.enums import FeedbackSide
from core.types import Turn
from evals.cases.cases import Case, GoldEvidence
from evals.cases.leakage import TaughtMessage, find_leaks, normalised

# Half of what people accept measures, half teaches: both are scarce, a tuning needs some hundred rows to show anything
# and an evaluation as many cases to see it, so neither is worth more than the other.
CASE_SHARE = 0.5
# Part of what is hashed, so that a row's side says nothing of whether a tuning holds it out, which also goes by a hash.
_SALT = "side of feedback"


@dataclass(frozen=True, slots=True)
class Placed:
    """What stands on a side: a question, its answer, what the answer's evidence quotes, and the conversation before it.
    Of what is taught, `shown` are the passages that the answer cites. `locked` ones are looked for more strictly."""

    question: str
    side: FeedbackSide
    answer: str = ""
    quotes: tuple[str, ...] = ()
    history: tuple[Turn, ...] = ()
    shown: tuple[str, ...] = ()
    locked: bool = True


def side_of(
    question: str,
    known: Sequence[Placed],
    *,
    answer: str = "",
    quotes: Sequence[str] = (),
    history: Sequence[Turn] = (),
) -> FeedbackSide:
    """The side of new feedback: the question and the answer as a person corrected them, what the evidence says, and the
    conversation before, which a model would learn as well."""
    new = Placed(question, FeedbackSide.CASE, answer, tuple(quotes), tuple(history))
    if taught_cases([each for each in known if each.side is FeedbackSide.CASE], [new]):
        return FeedbackSide.CASE
    if taught_cases([new], [each for each in known if each.side is FeedbackSide.TRAINING]):
        return FeedbackSide.TRAINING
    return hashed_side(question)


def hashed_side(question: str) -> FeedbackSide:
    """The side of a question that is near nothing."""
    hashed = hashlib.sha256(f"{_SALT}\n{normalised(question)}".encode()).digest()
    return FeedbackSide.CASE if int.from_bytes(hashed[:8]) / 2**64 < CASE_SHARE else FeedbackSide.TRAINING


def taught_cases(measured: Sequence[Placed], trained: Sequence[Placed]) -> set[int]:
    """The numbers of those trained on that hold something that is measured with: a question of either in one of the
    other, an answer or locked evidence in what is taught, or the same answer out of the same place."""
    cases = [_as_case(each, number) for number, each in enumerate(measured)]
    found = _same_facts(measured, trained)
    left = {number: each for number, each in enumerate(trained) if number not in found}
    # Of each case only the nearest is told, so what is left is looked through again.
    while leaked := {leak.line for leak in find_leaks(cases, _messages(left)).serious}:
        found |= leaked
        left = {number: each for number, each in left.items() if number not in leaked}
    questions = [_as_case(Placed(each.question, FeedbackSide.TRAINING), number) for number, each in left.items()]
    asked = {number: Placed(each.question, FeedbackSide.CASE) for number, each in enumerate(measured)}
    return found | {int(leak.case_id) for leak in find_leaks(questions, _messages(asked)).serious}


def _same_facts(measured: Sequence[Placed], trained: Sequence[Placed]) -> set[int]:
    """Which of those trained on give the answer that something measured gives, out of the place that it quotes: what
    several people ask in their own words. An answer of few words ("Thirty days.") is no sign by itself."""
    quotes: defaultdict[str, set[str]] = defaultdict(set)
    for each in measured:
        quotes[normalised(each.answer)].update(normalised(quote) for quote in each.quotes)
    found = set()
    for number, each in enumerate(trained):
        places = [normalised(text) for text in (*each.quotes, *each.shown)]
        asked = quotes.get(normalised(each.answer), ()) if each.answer else ()
        if any(quote in place or place in quote for quote in asked for place in places if quote and place):
            found.add(number)
    return found


def _as_case(placed: Placed, number: int) -> Case:
    evidence = tuple(GoldEvidence(uri="known", quote=quote) for quote in placed.quotes)
    return Case(
        id=str(number),
        question=placed.question,
        answer=placed.answer,
        evidence=evidence,
        unanswerable=not (placed.answer or evidence),
        locked=placed.locked,
    )


def _messages(placed: Mapping[int, Placed]) -> Iterator[TaughtMessage]:
    for number, each in placed.items():
        answer = [Turn("assistant", each.answer)] if each.answer else []
        for turn in (*each.history, Turn("user", each.question), *answer):
            yield TaughtMessage(number, turn.role, turn.content)
