"""Time, tokens and money; and what holds for all metrics together."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from core.prices import Prices
from core.types import ModelUse
from evals.cases.answers import AnswerRecord
from evals.gate.thresholds import load_thresholds
from evals.metrics.catalogue import judged_metrics, plain_metrics
from evals.metrics.metric import Failed, Metric, Outcome, Row, Scored
from evals.metrics.row_metric import RowMetric, checked
from tests.fakes import FakeEmbedder, FakeJudge
from tests.support.metric_rows import (
    answer,
    citation,
    failed,
    metric,
    outcome,
    passage,
    quoted,
    row,
    score,
    skipped,
)

EVERY: list[Metric] = [
    *plain_metrics(FakeEmbedder(), "english", Prices(1.0, 2.0)),
    *judged_metrics(FakeJudge(), FakeEmbedder()),
]
USE = ModelUse(
    "base", queue_seconds=0.25, first_token_seconds=0.1, generate_seconds=1.0, tokens_per_second=40.0, passages=4
)


def test_time_and_tokens_are_the_answers_own() -> None:
    measured = row(answer())
    assert [score(name, measured) for name in ("latency", "first_token", "prompt_tokens", "completion_tokens")] == [
        0.25,
        0.1,
        2_000,
        50,
    ]


def test_a_refusal_has_no_first_token() -> None:
    assert skipped("first_token", row(answer(abstained=True)))


def test_an_answer_without_timings_is_a_failure() -> None:
    assert "total" in failed("latency", row(answer(timings={})))


def test_cost_is_tokens_times_prices_for_a_million() -> None:
    written = row(answer(model=USE))
    found = outcome("cost", written, Prices(prompt=3.0, completion=15.0))
    assert found == Scored(pytest.approx((2_000 * 3.0 + 50 * 15.0) / 1_000_000))
    assert skipped("cost", written)


def test_an_answer_that_no_model_wrote_costs_nothing() -> None:
    assert outcome("cost", row(answer()), Prices(prompt=3.0, completion=15.0)) == Scored(0.0)


def test_queue_and_speed_are_the_models_and_skipped_without_one() -> None:
    written = row(answer(model=USE))
    assert (score("queue_time", written), score("tokens_per_second", written)) == (0.25, 40.0)
    assert [skipped(name, row(answer())) for name in ("queue_time", "tokens_per_second")] == ["no model wrote it"] * 2
    at_once = replace(USE, tokens_per_second=0.0)
    assert skipped("tokens_per_second", row(answer(model=at_once))) == "it came in one piece"


def test_what_a_model_did_comes_back_from_the_ledger_and_older_records_have_none() -> None:
    kept = answer(model=USE).model_dump(mode="json")
    assert AnswerRecord.model_validate(kept).model == USE
    assert AnswerRecord.model_validate({name: value for name, value in kept.items() if name != "model"}).model is None


def test_other_prices_are_another_version_of_cost() -> None:
    versions = {metric("cost", prices).version for prices in (None, Prices(1, 2), Prices(1, 3))}
    assert len(versions) == 3


def test_names_are_unique_and_everything_fits_the_ledger() -> None:
    assert len({each.name for each in EVERY}) == len(EVERY)
    for each in EVERY:
        assert len(each.name) <= 100
        assert 0 < len(each.version) <= 64
        assert each.description.endswith(".")


def test_every_metric_that_the_gate_names_exists() -> None:
    thresholds = load_thresholds()
    named = {thresholds.primary, *thresholds.quality, *thresholds.zero_tolerance, *thresholds.costs}
    assert named <= {each.name for each in EVERY}


@pytest.mark.parametrize("measuring", EVERY, ids=lambda each: each.name)
def test_each_row_gets_its_own_outcome_in_order(measuring: Metric) -> None:
    tea = quoted("Tea is free")
    good = answer("Tea is free for everyone. [1]", passages=[passage()], citations=[citation("Tea is free")])
    rows = [
        row(good, [tea], gold_answer="Tea is free for everyone.", id="a", group="g"),
        row(answer(abstained=True, passages=[passage()]), id="b"),
        row(answer("You idiot, see https://evil.example", passages=[passage()]), [tea], gold_answer="Tea.", id="c"),
        row(good, [tea], gold_answer="Tea is free for everyone.", id="d", group="g"),
    ]

    def scored(order: list[Row]) -> list[Outcome]:
        return list(asyncio.run(measuring.score(order)))

    forwards, backwards = scored(rows), scored(rows[::-1])
    assert [_without_peers(each) for each in backwards[::-1]] == [_without_peers(each) for each in forwards]
    assert list(asyncio.run(measuring.score([]))) == []
    assert not any(isinstance(each, Failed) for each in forwards)


def _without_peers(found: Outcome) -> Outcome:
    return replace(found, value=pytest.approx(found.value), detail={}) if isinstance(found, Scored) else found


def test_a_row_that_breaks_a_metric_fails_alone_with_the_reason() -> None:
    def measure(measured: Row) -> Outcome:
        return Scored(1 / (len(measured.case.question) - 3))

    fragile = RowMetric("fragile", EVERY[0].group, "Breaks.", measure)
    found = asyncio.run(fragile.score([row(answer(), question="abc"), row(answer(), question="abcd")]))
    assert found == [Failed("could not be measured: ZeroDivisionError: division by zero"), Scored(1.0)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01])
def test_a_share_out_of_bounds_is_a_failure_and_not_a_score(value: float) -> None:
    assert isinstance(checked(Scored(value), "share"), Failed)


def test_rounding_errors_at_the_bounds_are_forgiven() -> None:
    assert checked(Scored(1.0000000000000004), "share") == Scored(1.0)
