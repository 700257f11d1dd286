"""Unanswered questions are put together by subject, each once, whatever their order."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import Vector
from loop.gaps.clusters import Gap, Origin, Unanswered, cluster

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def asked(
    number: int, question: str, asker: str | None = None, *, hours: float = 0, complaint: bool = False
) -> Unanswered:
    origin = Origin.COMPLAINT if complaint else Origin.DECLINED
    return Unanswered(f"interaction:{number}", question, origin, asker, NOON - timedelta(hours=hours))


def vectors(*angles: float) -> Vector:
    """Unit vectors in the plane, at these angles in degrees."""
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_nothing_asked_is_no_gap_and_one_question_is_one() -> None:
    assert cluster([], np.zeros((0, 2), dtype=np.float32)) == []
    only = asked(1, "Where do I park?", "Anna", complaint=True)
    assert cluster([only], vectors(0)) == [Gap("Where do I park?", (only,), 1, 1, NOON)]


def test_questions_about_the_same_are_one_gap_told_by_the_most_typical() -> None:
    questions = [
        asked(1, "Parking?"),
        asked(2, "Where do I park?"),
        asked(3, "Where to park a car?"),
        asked(4, "Soup?"),
    ]
    gaps = cluster(questions, vectors(0, 15, 30, 90))
    assert [(gap.question, gap.size) for gap in gaps] == [("Where do I park?", 3), ("Soup?", 1)]


def test_one_question_in_between_does_not_join_two_subjects() -> None:
    chain = [asked(number, f"Question {number}?") for number in range(9)]
    gaps = cluster(chain, vectors(*range(0, 180, 20)))
    assert len(gaps) > 1


def test_what_most_people_ask_comes_first_not_what_one_asks_most() -> None:
    often = [asked(number, "Soup?", "Anna") for number in range(9)]
    many = [asked(number, "Where do I park?", name) for number, name in enumerate(("Ben", "Cem"), start=20)]
    gaps = cluster([*often, *many], vectors(*[90] * 9, 0, 0))
    assert [(gap.question, gap.askers, gap.size) for gap in gaps] == [("Where do I park?", 2, 2), ("Soup?", 1, 9)]


def test_who_cannot_be_told_apart_is_one_asker() -> None:
    (gap,) = cluster([asked(1, "Soup?"), asked(2, "Soup?"), asked(3, "Soup?", "Anna")], vectors(0, 0, 0))
    assert gap.askers == 2


def test_a_gap_lists_its_questions_newest_first() -> None:
    (gap,) = cluster([asked(1, "Soup?", hours=5), asked(2, "Soup now?", hours=1)], vectors(0, 5))
    assert [each.subject for each in gap.questions] == ["interaction:2", "interaction:1"]
    assert gap.last == NOON - timedelta(hours=1)


questions = st.lists(
    st.tuples(st.floats(0, 360), st.sampled_from(["a?", "b?", "c?"]), st.sampled_from([None, "Anna", "Ben"])),
    max_size=25,
)


@settings(deadline=None)
@given(questions, st.randoms(use_true_random=False))
def test_every_question_is_in_one_gap_and_order_does_not_matter(
    drawn: list[tuple[float, str, str | None]], chance: random.Random
) -> None:
    pairs = [(asked(number, text, who), angle) for number, (angle, text, who) in enumerate(drawn)]
    gaps = cluster([one for one, _ in pairs], vectors(*(angle for _, angle in pairs)))
    subjects = [each.subject for gap in gaps for each in gap.questions]
    assert sorted(subjects) == sorted(one.subject for one, _ in pairs)
    chance.shuffle(pairs)
    assert cluster([one for one, _ in pairs], vectors(*(angle for _, angle in pairs))) == gaps
