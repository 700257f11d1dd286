"""When a trigger fires: pure. The numbers are in triggers.yaml, the facts are gathered by loop.triggers.facts.

    rules = load_rules()
    for weighed in weigh(rules, facts, now): ...     # how far each trigger is from firing, and what holds it back
    for fired in decide(rules, facts, now): ...      # those that fire

What a complaint weighs: one that a person accepted 1. The others nothing, unless the complaints that count come from
enough different authors; then 1 each, but no more of one author than the rules say. So nobody moves a trigger alone.

A complaint moves a trigger once. After a firing those it was about no longer count, nor do others that came before it
and that nobody accepts; if its remedy failed they count again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.loop.diagnosis import Cause, DiagnosisSubject
from core.loop.enums import FiringState
from core.loop.feedback import Firing, FiringEvidence, Seen, SeenComplaints
from loop.triggers.rules import TriggerRules, VoteRules, load_rules

__all__ = [
    "Complaint",
    "Fired",
    "Hold",
    "Measured",
    "TriggerFacts",
    "TriggerRules",
    "Weighed",
    "decide",
    "load_rules",
    "weigh",
]

# While a firing is in one of these, its trigger waits for it.
UNFINISHED = frozenset({FiringState.OPEN, FiringState.RUNNING, FiringState.CANDIDATE, FiringState.REQUESTED})
# Complaints that a firing lists: all that any remedy reads, however many there are.
_MOST_SUBJECTS = 1000


@dataclass(frozen=True, slots=True)
class Complaint:
    """A negative vote that counts, and why its answer was bad. `at` is when it was given, `accepted` whether a person
    accepted it."""

    subject: DiagnosisSubject
    cause: Cause
    at: datetime
    author: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured for a trigger: the higher, the worse. `value` is None where too little was there; `certain` is
    whether chance does not explain it. `words` says it to people, `seen` is what it was measured on."""

    value: float | None
    words: str
    certain: bool = True
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class TriggerFacts:
    """All that triggers are decided on. `measures` by trigger; `firings` are all there have been."""

    complaints: Sequence[Complaint] = ()
    measures: Mapping[str, Measured] = field(default_factory=dict)
    firings: Sequence[Firing] = ()


class Hold(StrEnum):
    """What keeps a trigger from firing."""

    UNMEASURED = "unmeasured"
    BELOW = "below"
    CHANCE = "chance"
    UNFINISHED = "unfinished"
    COOLING_DOWN = "cooling_down"


@dataclass(frozen=True, slots=True)
class Weighed:
    """How far a trigger is from firing. `held` is None for one that fires; `evidence` is what a firing keeps."""

    trigger: str
    remedy: str
    value: float | None
    threshold: float
    held: Hold | None
    reason: str
    evidence: FiringEvidence


@dataclass(frozen=True, slots=True)
class Fired:
    """A trigger that fires, why in words, and on what evidence."""

    trigger: str
    remedy: str
    reason: str
    evidence: FiringEvidence


def decide(rules: TriggerRules, facts: TriggerFacts, now: datetime) -> list[Fired]:
    """The triggers that fire now."""
    weighed = weigh(rules, facts, now)
    return [Fired(each.trigger, each.remedy, each.reason, each.evidence) for each in weighed if each.held is None]


def weigh(rules: TriggerRules, facts: TriggerFacts, now: datetime) -> list[Weighed]:
    """How far each trigger is from firing, in the order of the rules."""
    found = [_weigh_cause(rules, name, facts, now) for name in rules.causes]
    return found + [_weigh_measure(rules, name, facts, now) for name in rules.measures]


def _weigh_cause(rules: TriggerRules, name: str, facts: TriggerFacts, now: datetime) -> Weighed:
    trigger = rules.causes[name]
    firings = [firing for firing in facts.firings if firing.trigger == name]
    start = now - rules.window(name)
    counted = [
        complaint
        for complaint in _fresh(facts.complaints, firings)
        if complaint.cause in trigger.counts and start <= complaint.at <= now
    ]
    heavy = _heavy(counted, rules.votes)
    seen = SeenComplaints(
        complaints=len(counted),
        accepted=sum(complaint.accepted for complaint in counted),
        authors=len({complaint.author for complaint in counted}),
        subjects=tuple(str(complaint.subject) for complaint in heavy[:_MOST_SUBJECTS]),
    )
    evidence = FiringEvidence(value=len(heavy), threshold=trigger.threshold, since=start, seen=seen)
    held = Hold.BELOW if len(heavy) < trigger.threshold else _waits(rules, name, firings, now)
    reason = _reason(trigger.says, _votes(rules, name, seen, len(heavy)), held)
    return Weighed(name, trigger.remedy, float(len(heavy)), trigger.threshold, held, reason, evidence)


def _weigh_measure(rules: TriggerRules, name: str, facts: TriggerFacts, now: datetime) -> Weighed:
    trigger = rules.measures[name]
    measured = facts.measures.get(name) or Measured(None, "It was not measured.")
    firings = [firing for firing in facts.firings if firing.trigger == name]
    value = measured.value
    evidence = FiringEvidence(
        value=value, threshold=trigger.threshold, since=now - rules.window(name), seen=measured.seen
    )
    if value is None:
        held: Hold | None = Hold.UNMEASURED
    elif value < trigger.threshold:
        held = Hold.BELOW
    elif not measured.certain:
        held = Hold.CHANCE
    else:
        held = _waits(rules, name, firings, now)
    reason = _reason(trigger.says, measured.words, held)
    return Weighed(name, trigger.remedy, value, trigger.threshold, held, reason, evidence)


def _fresh(complaints: Sequence[Complaint], firings: Sequence[Firing]) -> list[Complaint]:
    """The complaints that no firing of the trigger has dealt with, in an order that theirs does not change."""
    taken = [firing for firing in firings if firing.state is not FiringState.FAILED]
    spent = {subject for firing in taken for subject in firing.evidence.subjects}
    last = max((firing.at for firing in taken), default=None)
    fresh = [
        complaint
        for complaint in complaints
        if complaint.subject not in spent and (complaint.accepted or last is None or complaint.at > last)
    ]
    return sorted(fresh, key=lambda complaint: (complaint.at, str(complaint.subject)), reverse=True)


def _heavy(counted: Sequence[Complaint], votes: VoteRules) -> list[Complaint]:
    """Those of the complaints that weigh something: each weighs 1."""
    enough = len({complaint.author for complaint in counted}) >= votes.authors
    of_author: defaultdict[str, int] = defaultdict(int)
    heavy = []
    for complaint in counted:
        if not complaint.accepted:
            of_author[complaint.author] += 1
        if complaint.accepted or (enough and of_author[complaint.author] <= votes.per_author):
            heavy.append(complaint)
    return heavy


def _waits(rules: TriggerRules, name: str, firings: Sequence[Firing], now: datetime) -> Hold | None:
    """What a trigger that has reached its threshold waits for."""
    if any(firing.state in UNFINISHED for firing in firings):
        return Hold.UNFINISHED
    last = max((firing.at for firing in firings), default=None)
    return Hold.COOLING_DOWN if last is not None and now < last + rules.cool_down(name) else None


def _votes(rules: TriggerRules, name: str, seen: SeenComplaints, weight: int) -> str:
    votes = f"{seen.complaints} negative vote{'' if seen.complaints == 1 else 's'}"
    people = f"{seen.authors} {'person' if seen.authors == 1 else 'people'}"
    days = f"{rules.window(name).total_seconds() / 86_400:g} days"
    return (
        f"In {days} {votes} of {people} had this cause, {seen.accepted} of them accepted; they weigh "
        f"{weight}, and the trigger fires at {rules.trigger(name).threshold:g}."
    )


def _reason(says: str, found: str, held: Hold | None) -> str:
    """What was found, and before it what that means, unless it is too little to mean that."""
    if held in (Hold.UNMEASURED, Hold.BELOW, Hold.CHANCE):
        return found
    return f"{says[0].upper()}{says[1:]}. {found}"
