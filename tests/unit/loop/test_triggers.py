"""When a trigger fires: what votes weigh, how long it waits, and that one person moves nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError, NotFoundError
from core.loop.diagnosis import Cause, DiagnosisSubject
from core.loop.enums import FiringState
from core.loop.feedback import Firing, SeenSources
from loop.triggers.decision import (
    Complaint,
    Hold,
    Measured,
    TriggerFacts,
    decide,
    weigh,
)
from loop.triggers.rules import MEASURES, TRIGGERS, TriggerRules, load_rules
from tests.support.loop_rows import some_evidence

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = load_rules()


def complaint(
    number: int, author: str = "", *, cause: Cause = Cause.CORPUS_GAP, accepted: bool = False, hours: float = 1
) -> Complaint:
    at = NOW - timedelta(hours=hours)
    return Complaint(DiagnosisSubject.of_vote(str(number)), cause, at, author or f"person {number}", accepted)


def firing(
    trigger: str = "corpus_gap",
    state: FiringState = FiringState.CLOSED,
    *,
    days: float = 30,
    subjects: tuple[str, ...] = (),
) -> Firing:
    at = NOW - timedelta(days=days)
    return Firing("f" * 36, trigger, "content", at, "said", some_evidence(*subjects), state, at)


def fired(*complaints: Complaint, firings: tuple[Firing, ...] = (), rules: TriggerRules = RULES) -> list[str]:
    return [each.trigger for each in decide(rules, TriggerFacts(complaints, {}, firings), NOW)]


def held(name: str, facts: TriggerFacts) -> Hold | None:
    return next(each.held for each in weigh(RULES, facts, NOW) if each.trigger == name)


# ---------------------------------------------------------------- votes


def test_as_many_people_as_the_threshold_says_fire_a_trigger_and_one_less_does_not() -> None:
    three = [complaint(number) for number in range(3)]
    assert fired(*three) == ["corpus_gap"]
    assert fired(*three[:2]) == []


def test_a_firing_says_why_and_names_the_diagnoses() -> None:
    (found,) = decide(RULES, TriggerFacts([complaint(number) for number in range(3)]), NOW)
    assert found.remedy == "content"
    assert found.reason == (
        "The documents do not hold what was asked. In 30 days 3 negative votes of 3 people had this cause, 0 of them "
        "accepted; they weigh 3, and the trigger fires at 3."
    )
    assert sorted(map(str, found.evidence.subjects)) == ["feedback:0", "feedback:1", "feedback:2"]
    assert (found.evidence.value, found.evidence.threshold) == (3, 3)


def test_what_a_person_accepted_counts_whoever_said_it() -> None:
    assert fired(*(complaint(number, "Anna", accepted=True) for number in range(3))) == ["corpus_gap"]


def test_votes_older_than_the_window_do_not_count() -> None:
    old = [complaint(number, hours=31 * 24) for number in range(9)]
    assert fired(*old) == []


def test_causes_are_counted_apart() -> None:
    assert fired(complaint(1), complaint(2), complaint(3, cause=Cause.RANKING_MISS)) == []


def test_a_wrong_vote_moves_nothing() -> None:
    assert fired(*(complaint(number, cause=Cause.WRONG_VOTE, accepted=True) for number in range(50))) == []


causes = st.sampled_from(list(Cause))
complaints = st.lists(
    st.builds(
        complaint,
        st.integers(0, 10**6),
        st.sampled_from(["Anna", "Ben", "Cem", "Dora"]),
        cause=causes,
        accepted=st.booleans(),
        hours=st.floats(-5, 1000),
    ),
    max_size=40,
    unique_by=lambda each: each.subject,
)
firings = st.lists(
    st.builds(
        firing,
        st.sampled_from(sorted(RULES.triggers)),
        st.sampled_from(list(FiringState)),
        days=st.floats(0, 60),
        subjects=st.lists(st.integers(0, 10**6).map("feedback:{}".format)).map(tuple),
    ),
    max_size=4,
)


@settings(deadline=None)
@given(st.lists(st.builds(complaint, st.integers(0, 10**6), st.just("Mallory"), cause=causes, hours=st.floats(0, 700))))
def test_one_authors_unaccepted_votes_never_fire_anything(votes: list[Complaint]) -> None:
    assert fired(*votes) == []


@settings(deadline=None)
@given(complaints, causes)
def test_however_many_votes_one_author_adds_they_weigh_no_more_than_a_few(votes: list[Complaint], cause: Cause) -> None:
    flood = [complaint(10**7 + number, "Mallory", cause=cause) for number in range(1000)]
    before = {each.trigger: each.value or 0 for each in weigh(RULES, TriggerFacts(votes), NOW)}
    after = {each.trigger: each.value or 0 for each in weigh(RULES, TriggerFacts([*votes, *flood]), NOW)}
    for name, trigger in RULES.causes.items():
        own = RULES.votes.per_author if cause in trigger.counts else 0
        others = len([each for each in votes if each.cause in trigger.counts])
        # A second author makes the votes of a first one weigh something too, which then are those of two people.
        assert after[name] <= before[name] + own + min(others, 4 * RULES.votes.per_author)


@settings(deadline=None)
@given(complaints, firings, st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter(votes: list[Complaint], past: list[Firing], chance: random.Random) -> None:
    shuffled = votes[:]
    chance.shuffle(shuffled)
    assert weigh(RULES, TriggerFacts(votes, {}, past), NOW) == weigh(RULES, TriggerFacts(shuffled, {}, past), NOW)


@settings(deadline=None)
@given(complaints, complaints, firings)
def test_more_votes_never_keep_a_trigger_from_firing(
    votes: list[Complaint], more: list[Complaint], past: list[Firing]
) -> None:
    known = {each.subject for each in votes}
    both = votes + [each for each in more if each.subject not in known]
    assert set(fired(*votes, firings=tuple(past))) <= set(fired(*both, firings=tuple(past)))


@settings(deadline=None)
@given(complaints, firings, st.sets(st.integers(0, 39)))
def test_accepting_votes_never_keeps_a_trigger_from_firing(
    votes: list[Complaint], past: list[Firing], chosen: set[int]
) -> None:
    accepted = [replace(each, accepted=True) if place in chosen else each for place, each in enumerate(votes)]
    assert set(fired(*votes, firings=tuple(past))) <= set(fired(*accepted, firings=tuple(past)))


# ---------------------------------------------------------------- waiting


@settings(deadline=None)
@given(complaints, st.sampled_from(sorted(RULES.triggers)), st.floats(0, 30), st.sampled_from(list(FiringState)))
def test_no_trigger_fires_within_its_cool_down(
    votes: list[Complaint], name: str, days: float, state: FiringState
) -> None:
    past = (firing(name, state, days=days),)
    measures = {each: Measured(1000.0, "A lot.") for each in RULES.measures}
    found = [each.trigger for each in decide(RULES, TriggerFacts(votes, measures, past), NOW)]
    if timedelta(days=days) < RULES.cool_down(name):
        assert name not in found


@pytest.mark.parametrize("state", [FiringState.OPEN, FiringState.RUNNING, FiringState.CANDIDATE, FiringState.REQUESTED])
def test_a_trigger_waits_for_its_unfinished_firing_however_old(state: FiringState) -> None:
    facts = TriggerFacts([complaint(number) for number in range(9)], {}, [firing(state=state, days=300)])
    assert held("corpus_gap", facts) is Hold.UNFINISHED


def test_complaints_that_a_firing_was_about_do_not_fire_it_again() -> None:
    votes = [complaint(number, hours=24 * 20, accepted=True) for number in range(3)]
    subjects = tuple(each.subject for each in votes)
    assert fired(*votes, firings=(firing(days=10, subjects=subjects),)) == []
    assert fired(*votes, firings=(firing(days=10, subjects=subjects, state=FiringState.FAILED),)) == ["corpus_gap"]
    new = [complaint(number, hours=1) for number in range(10, 13)]
    assert fired(*votes, *new, firings=(firing(days=10, subjects=subjects),)) == ["corpus_gap"]


def test_votes_that_a_firing_passed_over_count_again_only_when_accepted() -> None:
    flood = [complaint(number, "Mallory", hours=24 * 20) for number in range(9)] + [complaint(20, "Ben", hours=1)]
    past = (firing(days=10, subjects=("feedback:0", "feedback:1")),)
    assert fired(*flood, firings=past) == []
    assert fired(*(replace(each, accepted=True) for each in flood), firings=past) == ["corpus_gap"]


def test_another_triggers_firing_holds_nothing_back() -> None:
    other = firing("ranking_miss", FiringState.OPEN, days=0)
    assert fired(*(complaint(number) for number in range(3)), firings=(other,)) == ["corpus_gap"]


# ---------------------------------------------------------------- measures


def test_what_is_measured_fires_at_its_threshold_and_says_why() -> None:
    measured = Measured(14.0, "docs was read 14 days ago.", seen=SeenSources(sources=("docs",)))
    (found,) = decide(RULES, TriggerFacts(measures={"staleness_days": measured}), NOW)
    assert (found.trigger, found.remedy) == ("staleness_days", "reindex")
    assert found.reason == "A source has not been read for long. docs was read 14 days ago."
    assert found.evidence.sources == ("docs",)


def test_what_does_not_hold_is_not_said() -> None:
    weighed = weigh(RULES, TriggerFacts(measures={"refusal_rate": Measured(0.01, "+1 in 100 questions.")}), NOW)
    reasons = {each.trigger: each.reason for each in weighed}
    assert reasons["refusal_rate"] == "+1 in 100 questions."
    assert reasons["corpus_gap"].startswith("In 30 days 0 negative votes of 0 people had this cause")


def test_what_chance_explains_or_was_not_measured_fires_nothing() -> None:
    assert (
        held("refusal_rate", TriggerFacts(measures={"refusal_rate": Measured(0.5, "", certain=False)})) is Hold.CHANCE
    )
    assert held("refusal_rate", TriggerFacts(measures={"refusal_rate": Measured(None, "")})) is Hold.UNMEASURED
    assert held("refusal_rate", TriggerFacts()) is Hold.UNMEASURED
    assert held("refusal_rate", TriggerFacts(measures={"refusal_rate": Measured(0.1, "")})) is Hold.BELOW


# ---------------------------------------------------------------- the file


def test_every_cause_but_wrong_votes_has_a_trigger_and_every_number_its_reason() -> None:
    counted = {cause for trigger in RULES.causes.values() for cause in trigger.counts}
    assert counted == set(Cause) - {Cause.WRONG_VOTE}
    assert set(RULES.measures) == set(MEASURES)
    assert all(len(trigger.reason.split()) > 5 for trigger in RULES.triggers.values())


def test_every_trigger_has_a_window_and_a_cool_down() -> None:
    assert RULES.window("corpus_gap") == timedelta(days=30)
    assert RULES.window("drift_scores") == timedelta(days=7)
    assert RULES.cool_down("stale_source") == timedelta(days=1)
    with pytest.raises(NotFoundError, match="no trigger 'nothing'"):
        RULES.window("nothing")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"causes": {"a": {"counts": ["nonsense"], "remedy": "reindex", "says": "x", "threshold": 1, "reason": "x"}}}, "causes.a.counts"),
        ({"causes": {"a": {"counts": ["corpus_gap"], "remedy": "reindex", "says": "x", "threshold": 0, "reason": "x"}}}, "threshold"),
        ({"measures": {"moon": {"remedy": "reindex", "says": "x", "threshold": 1, "reason": "x"}}}, "measures.moon"),
        ({"causes": {"a": {"counts": ["corpus_gap"], "remedy": "prayer", "says": "x", "threshold": 1, "reason": "x"}}}, "no remedy 'prayer'; there are content, refit"),
        ({"causes": {"refusal_rate": {"counts": ["corpus_gap"], "remedy": "reindex", "says": "x", "threshold": 1, "reason": "x"}}}, "refusal_rate"),
        ({"votes": {"authors": 0}}, "votes.authors"),
        ({"schema_version": 2}, "schema_version"),
        ({"unknown": 1}, "unknown"),
    ],
)  # fmt: skip
def test_a_file_that_says_something_impossible_is_refused_by_name(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    path = tmp_path / "triggers.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(TRIGGERS.read_text()) | change))
    with pytest.raises(InputError, match=named):
        load_rules(path)


def test_a_file_that_is_missing_or_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_rules(tmp_path / "none.yaml")
    path = tmp_path / "triggers.yaml"
    path.write_text("causes: [")
    with pytest.raises(InputError, match="cannot be read"):
        load_rules(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        load_rules(path)


def test_a_trigger_that_the_file_leaves_out_is_switched_off(tmp_path: Path) -> None:
    content = yaml.safe_load(TRIGGERS.read_text())
    del content["causes"]["corpus_gap"]
    path = tmp_path / "triggers.yaml"
    path.write_text(yaml.safe_dump(content))
    assert fired(*(complaint(number) for number in range(9)), rules=load_rules(path)) == []
