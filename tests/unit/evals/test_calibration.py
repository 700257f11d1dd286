"""Calibration: a judge is trusted only when people agree with it, and it with itself."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from core.errors import InputError
from core.ports import Judge
from evals.calibration.calibration import (
    FEWEST_ITEMS,
    Calibration,
    CalibrationStore,
    agreement_with,
    calibrate,
    quality,
    self_agreement,
)
from evals.calibration.rated_answers import RatedAnswer, read_rated_answers
from evals.gate.comparison import Interval
from evals.gate.thresholds import load_thresholds
from tests.fakes import FakeJudge
from tests.support.judge_replies import Manner, reply

THRESHOLDS = load_thresholds().judge


def rated(number: int, score: float, *, supported: int) -> RatedAnswer:
    """An answer of four statements of which `supported` stand in its context."""
    facts = [f"Ticket{number}x{fact} of Owner{number}x{fact} closed" for fact in range(4)]
    return RatedAnswer(
        id=str(number),
        question="What was closed?",
        contexts=(". ".join(facts[:supported]) + ".",),
        answer=". ".join(facts) + ".",
        score=score,
    )


AGREED = [rated(number, score=1 + number % 4, supported=1 + number % 4) for number in range(40)]


def found(answers: list[RatedAnswer], judge: Judge | None = None, repeats: int = 2) -> Calibration:
    return asyncio.run(calibrate(judge or FakeJudge(), answers, repeats))


def test_a_judge_that_scores_as_people_do_is_trusted() -> None:
    calibration = found(AGREED)
    assert calibration.agreement == pytest.approx(1.0)
    assert calibration.self_agreement == 1.0
    assert calibration.items == 40
    shown = quality(calibration, FakeJudge(), THRESHOLDS)
    assert shown.trusted
    assert shown.agreement is not None
    assert shown.agreement.low == pytest.approx(1.0)


def test_a_judge_that_scores_the_other_way_round_is_not() -> None:
    calibration = found([answer.model_copy(update={"score": -answer.score}) for answer in AGREED])
    assert calibration.agreement == pytest.approx(-1.0)
    shown = quality(calibration, FakeJudge(), THRESHOLDS)
    assert not shown.trusted
    assert "too little: -1.00" in shown.reason


def test_an_agreement_that_may_be_chance_is_not_enough() -> None:
    measured = found(AGREED[:3]).model_copy(update={"items": 40, "agreement": 0.6, "self_agreement": 1.0})
    by_chance = measured.model_copy(update={"interval": Interval(low=-0.1, high=0.9, level=0.95)})
    assert "People agree with it too little: 0.60" in quality(by_chance, FakeJudge(), THRESHOLDS).reason
    surely = measured.model_copy(update={"interval": Interval(low=0.1, high=0.9, level=0.95)})
    assert quality(surely, FakeJudge(), THRESHOLDS).trusted


def test_a_judge_that_changes_its_mind_is_not() -> None:
    tosses = itertools.count()

    def moody(prompt: str) -> str:
        return reply(prompt).replace('"verdict": 1', f'"verdict": {int(next(tosses) % 3 > 0)}')

    calibration = found(AGREED, FakeJudge(moody))
    assert calibration.self_agreement is not None
    assert calibration.self_agreement < 1.0
    unsure = calibration.model_copy(update={"agreement": 1.0, "self_agreement": 0.5})
    assert "agrees with itself too little: 0.50" in quality(unsure, FakeJudge(), THRESHOLDS).reason


def test_a_judge_that_says_the_same_of_everything_is_not() -> None:
    calibration = found([rated(number, score=number % 4, supported=4) for number in range(40)])
    assert calibration.agreement is None
    assert "the same score" in quality(calibration, FakeJudge(), THRESHOLDS).reason


def test_a_judge_that_leaves_answers_without_a_score_is_not() -> None:
    def lazy(prompt: str) -> str:
        return reply(prompt, Manner.PROSE if "Ticket7x0" in prompt or "Ticket13x0" in prompt else Manner.SENSIBLE)

    one_in_twenty = found(AGREED, FakeJudge(lazy))
    assert (one_in_twenty.items, one_in_twenty.failed) == (38, 2)
    assert quality(one_in_twenty, FakeJudge(), THRESHOLDS).trusted
    assert one_in_twenty.self_agreement == 38 / 40
    silent = found(AGREED, FakeJudge(lambda prompt: reply(prompt, Manner.PROSE)))
    shown = quality(silent, FakeJudge(), THRESHOLDS)
    assert not shown.trusted
    assert "left 40 of 40 answers without a score: the judge answered without JSON" in shown.reason


def test_a_few_answers_are_too_few() -> None:
    shown = quality(found(AGREED[: FEWEST_ITEMS - 1]), FakeJudge(), THRESHOLDS)
    assert not shown.trusted
    assert str(FEWEST_ITEMS) in shown.reason


def test_one_round_says_nothing_of_self_agreement_and_that_is_no_trust() -> None:
    calibration = found(AGREED, repeats=1)
    assert calibration.self_agreement is None
    assert not quality(calibration, FakeJudge(), THRESHOLDS).trusted


def test_a_judge_that_was_never_calibrated_is_not_trusted() -> None:
    shown = quality(None, FakeJudge(), THRESHOLDS)
    assert (shown.trusted, shown.items, shown.agreement_value) == (False, 0, None)
    assert "never calibrated" in shown.reason


@pytest.mark.parametrize(
    ("people", "judge", "expected"),
    [
        ([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.9], 1.0),
        ([1, 2, 3, 4], [0.9, 0.3, 0.2, 0.1], -1.0),
        # Ranks 1 2 3 4 against 1 2.5 2.5 4: 1 less small change for the tie.
        ([1, 2, 3, 4], [0.1, 0.5, 0.5, 0.9], 0.9486832980505138),
        ([1, 1, 1], [0.1, 0.5, 0.9], None),
        ([1], [0.5], None),
        ([], [], None),
    ],
)
def test_agreement_is_spearmans_correlation(people: list[float], judge: list[float], expected: float | None) -> None:
    value, interval = agreement_with(people, judge)
    assert value == (None if expected is None else pytest.approx(expected))
    assert (interval is None) == (expected is None)


def test_self_agreement_counts_every_later_round_against_the_first() -> None:
    assert self_agreement([[1.0, 0.5, "failed"], [1.0, 0.4, "failed"], [1.0, 0.5, 0.2]]) == 3 / 6
    assert self_agreement([[1.0]]) is None


def test_a_calibration_is_kept_for_its_judge_and_its_version_of_the_metric(tmp_path: Path) -> None:
    class Other(FakeJudge):
        fingerprint = "f" * 64

    store, calibration = CalibrationStore(tmp_path), found(AGREED[:3])
    assert store.get(FakeJudge()) is None
    store.save(calibration)
    assert store.get(FakeJudge()) == calibration
    assert store.get(Other()) is None
    store.save(calibration.model_copy(update={"metric_version": "0-of-another-ragas"}))
    assert store.get(FakeJudge()) is None


def test_a_damaged_calibration_says_what_to_do(tmp_path: Path) -> None:
    path = CalibrationStore(tmp_path).save(found(AGREED[:3]))
    path.write_text('{"trusted": true}')
    with pytest.raises(InputError, match="cannot be read"):
        CalibrationStore(tmp_path).get(FakeJudge())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no answers"),
        ("nonsense", "line 1"),
        ('{"question": "q", "contexts": ["c"], "answer": "a", "score": 1}\n{"question": "q"}', "line 2: contexts"),
        ('{"question": "q", "contexts": [], "answer": "a", "score": 1}', "contexts"),
        ('{"question": "q", "contexts": ["c"], "answer": "a", "score": "NaN"}', "score"),
    ],
)
def test_a_file_of_answers_with_a_fault_says_where(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "rated.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=reason):
        read_rated_answers(path)


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "rated.jsonl"
    path.write_text("\n".join(answer.model_dump_json() for answer in AGREED) + "\n\n")
    assert read_rated_answers(path) == AGREED
