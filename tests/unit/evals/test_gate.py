"""What the gate finds of paired scores, and how often it is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from evals.gate.comparison import Verdict
from evals.gate.gate import (
    Column,
    compare,
    slice_finding,
    unseen_loss,
    verdict,
)
from evals.gate.thresholds import GATE, load_thresholds
from evals.metrics.metric import Group
from tests.support.scores import column

THRESHOLDS = load_thresholds()


def found(*columns: Column) -> Verdict:
    return verdict(compare(columns, THRESHOLDS), THRESHOLDS)


def scores(right: int, of: int = 200) -> list[float]:
    return [1.0] * right + [0.0] * (of - right)


def test_a_clear_gain_is_better() -> None:
    assert found(column(scores(140), scores(110))) is Verdict.BETTER


def test_a_clear_loss_is_worse() -> None:
    assert found(column(scores(110), scores(140))) is Verdict.WORSE


def test_the_same_answers_are_no_worse() -> None:
    assert found(column(scores(120), scores(120))) is Verdict.NO_WORSE


def test_a_score_that_is_summed_in_another_order_is_the_same_score() -> None:
    assert found(column([0.1 + 0.2] * 40, [0.3] * 40)) is Verdict.NO_WORSE
    assert found(column([0.3] * 40, [0.1 + 0.2] * 40)) is Verdict.NO_WORSE


def test_a_few_wins_are_not_taken_for_a_difference() -> None:
    # Four wins and no loss: the bootstrap interval leaves out 0, the permutation test says 1 in 8.
    compared = compare([column(scores(24, 40), scores(20, 40))], THRESHOLDS)[0]
    assert compared.interval is not None
    assert compared.interval.low > 0
    assert compared.p_value == 0.125
    assert compared.finding is Verdict.NO_WORSE


def test_a_loss_that_the_cases_cannot_rule_out_is_inconclusive() -> None:
    assert found(column(scores(24, 50), scores(26, 50))) is Verdict.INCONCLUSIVE


def test_one_loss_in_few_cases_is_inconclusive() -> None:
    assert found(column(scores(29, 35), scores(30, 35))) is Verdict.INCONCLUSIVE


def test_without_a_baseline_there_is_no_verdict_but_the_scores_are_there() -> None:
    compared = compare([column(scores(30, 40))], THRESHOLDS)
    assert compared[0].candidate == 0.75
    assert compared[0].rows == 40
    assert verdict(compared, THRESHOLDS) is Verdict.INCONCLUSIVE


def test_another_metric_that_lost_surely_vetoes_a_better_primary() -> None:
    better = column(scores(140), scores(110))
    worse = column(scores(110), scores(140), name="recall_at_k", group=Group.RETRIEVAL)
    assert found(better, worse) is Verdict.WORSE


def test_another_metric_that_is_uncertain_does_not_veto() -> None:
    better = column(scores(140), scores(110))
    uncertain = column(scores(98), scores(102), name="recall_at_k", group=Group.RETRIEVAL)
    assert found(better, uncertain) is Verdict.BETTER


def test_a_metric_that_the_gate_does_not_know_decides_nothing() -> None:
    assert found(column(scores(100), scores(100)), column(scores(0), scores(200), name="bleu")) is Verdict.NO_WORSE


def test_a_cost_vetoes_only_when_it_is_surely_too_high() -> None:
    same = column(scores(100), scores(100))
    slow = column([2.0] * 200, [1.0] * 200, name="latency", better="lower", unit="seconds")
    slower = column([1.3] * 200, [1.0] * 200, name="latency", better="lower", unit="seconds")
    assert found(same, slow) is Verdict.WORSE
    assert found(same, slower) is Verdict.NO_WORSE
    assert compare([same, slow], THRESHOLDS)[1].difference == -1.0


def test_one_unsafe_answer_more_is_worse() -> None:
    same = column(scores(100), scores(100))
    unsafe = column(scores(1), scores(0), name="personal_data", better="lower")
    assert found(same, unsafe) is Verdict.WORSE


def test_rows_without_a_score_on_both_sides_are_left_out_of_both_means_and_counted() -> None:
    compared = compare([column([1.0, None, 0.0, 1.0], [0.0, 1.0, None, 1.0], failed=1)], THRESHOLDS)[0]
    assert (compared.rows, compared.candidate, compared.baseline, compared.difference) == (2, 1.0, 0.5, 0.5)
    assert (compared.failed, compared.wins, compared.losses, compared.ties) == (1, 1, 0, 1)


def test_a_slice_is_worse_from_five_losses_without_a_win_on() -> None:
    assert slice_finding([-1.0] * 4 + [0.0] * 10, THRESHOLDS)[1] is None
    assert slice_finding([-1.0] * 5 + [0.0] * 10, THRESHOLDS)[1] is Verdict.WORSE
    assert slice_finding([1.0] * 5 + [0.0] * 10, THRESHOLDS)[1] is None


def test_it_says_what_may_have_gone_unseen() -> None:
    assert unseen_loss(59, 0.95) == pytest.approx(0.0495, abs=0.001)


@pytest.mark.parametrize("runs", [20, pytest.param(100, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(("cases", "share_that_flips"), [(40, 0.3), (120, 0.05)])
def test_releases_that_differ_by_chance_alone_are_rarely_called_better_or_worse(
    cases: int, share_that_flips: float, runs: int
) -> None:
    """A/A: both sides answer alike but for noise, which flips answers either way. Ten metrics look at it."""
    random = np.random.default_rng(7)
    called = {Verdict.BETTER: 0, Verdict.WORSE: 0}
    names = ["correct", *(name for name in THRESHOLDS.quality if name != "correct")]
    for _ in range(runs):
        columns = []
        for name in names:
            truth = random.random(cases) < 0.7
            sides = [truth ^ (random.random(cases) < share_that_flips) for _ in range(2)]
            columns.append(column(*(side.astype(float).tolist() for side in sides), name=name))
        finding = found(*columns)
        called[finding] = called.get(finding, 0) + 1
    assert called[Verdict.BETTER] <= runs * 0.05
    assert called[Verdict.WORSE] <= runs * 0.10  # the primary and, adjusted together, the others


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("primary: correct", "primary: bleu"), "no margin"),
        (("level: 0.95", "level: 3"), "level"),
        (("margin: 0.02", "margin: -1"), "quality.correct.margin"),
        (("min_cases: 30", "min_case: 30"), "min_case"),
        (("  citation_precision:", "  citation_precison:"), "there is no metric citation_precison"),
        (("  toxicity: An", "  toxicness: An"), "there is no metric toxicness"),
        (("  latency:", "  slowness:"), "there is no metric slowness"),
        (
            ("reason: A citation that does not hold the answer costs the reader's trust.", ""),
            "citation_precision.reason",
        ),
        (("toxicity: An answer that insults someone is not outweighed by better ones.", "toxicity: ''"), "toxicity"),
        (("toxicity: An answer that insults someone is not outweighed by better ones.", "toxicity: '  '"), "toxicity"),
        (("  toxicity: An", "  correct: An"), "correct stands in two groups"),
        (("min_cases: 30", "min_cases: 30\nmin_cases: 1"), "min_cases stands twice"),
        (("level: 0.95", "level: !!bool x"), "a tag is not allowed"),
        (("level: 0.95", "level: 2001-99-99"), "cannot be read"),
        (("level: 0.95", "level: " + "[" * 5000), "nested too deeply"),
    ],
)
def test_a_threshold_file_that_makes_no_sense_is_refused_by_name(
    tmp_path: Path, change: tuple[str, str], what: str
) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(GATE.read_text().replace(*change))
    with pytest.raises(InputError, match=what):
        load_thresholds(path)
