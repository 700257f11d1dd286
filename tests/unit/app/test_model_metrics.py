"""However many releases and keys there are, /metrics stays of a bounded size."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from app.monitoring.model_metrics import MOST_KEYS, ModelMetrics
from core.types import Answer, ModelUse, Retrieval, Usage

USE = ModelUse(
    model="base", queue_seconds=0.5, first_token_seconds=0.25, generate_seconds=2.0, tokens_per_second=0.0,
    passages=3, attempts=1,
)  # fmt: skip


def answer(release: str = "a" * 64, use: ModelUse | None = USE, cost: float | None = 0.5) -> Answer:
    return Answer(
        text="Yes.", abstained=False, degraded=False, citations=(), retrieval=Retrieval("?", (), "documents", 1),
        confidence=1.0, release=release, interaction_id="i", usage=Usage(7, 3), timings={}, finish_reason="stop", model=use, cost=cost,
    )  # fmt: skip


def counted(*answers: tuple[Answer, str | None]) -> list[str]:
    registry = CollectorRegistry()
    metrics = ModelMetrics(registry)
    for each, key in answers:
        metrics.answer(each, key)
    return generate_latest(registry).decode().splitlines()


def test_keys_beyond_the_most_share_a_label_and_nothing_of_theirs_is_lost() -> None:
    lines = counted(*((answer(), f"key-{number}") for number in range(MOST_KEYS + 3)))
    assert 'ragloop_key_tokens_total{direction="prompt",key="key-0"} 7.0' in lines
    assert 'ragloop_key_tokens_total{direction="prompt",key="other"} 21.0' in lines
    assert 'ragloop_key_cost_total{key="other"} 1.5' in lines
    assert sum(line.startswith("ragloop_key_cost_total{") for line in lines) == MOST_KEYS + 1


def test_where_no_keys_are_required_the_label_says_so() -> None:
    lines = counted((answer(), None))
    assert 'ragloop_key_queue_seconds_sum{key="none"} 0.5' in lines
    assert 'ragloop_key_tokens_per_second_count{key="none"}' not in "\n".join(lines), "it came in one piece"


def test_an_answer_without_a_model_and_without_prices_counts_for_no_key() -> None:
    assert not [line for line in counted((answer(use=None, cost=None), "key")) if "{key=" in line]
