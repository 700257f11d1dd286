"""What a served model did for the answers, for Prometheus: tokens, times and cost, by release and by API key.

Releases and keys are few in most places and may be many in some, so each has a bounded number of labels: those that
come first in a process's life have one of their own, the rest share one. Times by key are sums and counts, not
histograms, for the same reason.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary

from core.types import Answer, ModelUse

# From a warm extractive answer, some 20 ms, to a long one by a model server on a busy machine.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# From a CPU's few tokens to a fast GPU's.
_TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
# Champions, and keys that are asked with, that one process sees in its life and tells apart.
MOST_RELEASES = 50
MOST_KEYS = 200
OTHER = "other"
WITHOUT_KEY = "none"


class ModelMetrics:
    """The model's part of an application's metrics, in the application's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tokens = Counter(
            "ragloop_model_tokens",
            "Tokens that a served model read and wrote.",
            ["direction", "release"],
            registry=registry,
        )
        self._cost = Counter("ragloop_cost", "What answers cost at the prices set.", ["release"], registry=registry)
        self._first_token = Histogram(
            "ragloop_model_first_token_seconds",
            "From asking the served model to its first text.",
            ["release"],
            registry=registry,
            buckets=SECONDS,
        )
        self._queue = Histogram(
            "ragloop_model_queue_seconds",
            "Wait for a place among the answers being written.",
            ["release"],
            registry=registry,
            buckets=SECONDS,
        )
        self._speed = Histogram(
            "ragloop_model_tokens_per_second",
            "Tokens that the served model wrote in a second.",
            ["release"],
            registry=registry,
            buckets=_TOKENS_PER_SECOND,
        )
        self._of_keys = _KeyMetrics(registry)
        self._releases = _Labels(MOST_RELEASES)

    def answer(self, answer: Answer, key_id: str | None) -> None:
        """Count a finished answer that was given under this key."""
        # The beginning of its id, as `ragloop release list` shows it.
        release = self._releases.label(answer.release[:12])
        if answer.model is not None:
            self._model(answer.model, answer, release)
        if answer.cost is not None:
            self._cost.labels(release).inc(answer.cost)
        self._of_keys.answer(answer, key_id)

    def _model(self, use: ModelUse, answer: Answer, release: str) -> None:
        self._tokens.labels("prompt", release).inc(answer.usage.prompt_tokens)
        self._tokens.labels("completion", release).inc(answer.usage.completion_tokens)
        self._first_token.labels(release).observe(use.first_token_seconds)
        self._queue.labels(release).observe(use.queue_seconds)
        if use.tokens_per_second:  # an answer that came in one piece has no speed
            self._speed.labels(release).observe(use.tokens_per_second)


class _KeyMetrics:
    """The same by API key."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tokens = Counter(
            "ragloop_key_tokens",
            "Tokens that a served model read and wrote, by API key.",
            ["direction", "key"],
            registry=registry,
        )
        self._cost = Counter(
            "ragloop_key_cost", "What answers cost at the prices set, by API key.", ["key"], registry=registry
        )
        self._first_token = Summary(
            "ragloop_key_first_token_seconds",
            "From asking the served model to its first text, by API key.",
            ["key"],
            registry=registry,
        )
        self._queue = Summary(
            "ragloop_key_queue_seconds",
            "Wait for a place among the answers being written, by API key.",
            ["key"],
            registry=registry,
        )
        self._speed = Summary(
            "ragloop_key_tokens_per_second",
            "Tokens that the served model wrote in a second, by API key.",
            ["key"],
            registry=registry,
        )
        self._keys = _Labels(MOST_KEYS)

    def answer(self, answer: Answer, key_id: str | None) -> None:
        if answer.model is None and answer.cost is None:
            return
        key = self._keys.label(key_id or WITHOUT_KEY)
        if answer.cost is not None:
            self._cost.labels(key).inc(answer.cost)
        if answer.model is None:
            return
        self._tokens.labels("prompt", key).inc(answer.usage.prompt_tokens)
        self._tokens.labels("completion", key).inc(answer.usage.completion_tokens)
        self._first_token.labels(key).observe(answer.model.first_token_seconds)
        self._queue.labels(key).observe(answer.model.queue_seconds)
        if answer.model.tokens_per_second:
            self._speed.labels(key).observe(answer.model.tokens_per_second)


class _Labels:
    """The first so many names as they are, and one label for all others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def label(self, name: str) -> str:
        if len(self._known) < self._most:
            self._known.add(name)
        return name if name in self._known else OTHER
