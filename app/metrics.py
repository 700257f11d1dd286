"""What Prometheus scrapes. Every application has a registry of its own, so two in one process do not collide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.stored_metrics import StoredCollector
from core.storage.database import Database
from core.types import Answer, ModelUse, Retrieval

if TYPE_CHECKING:
    from serving.llm.endpoint import Load

# From a warm extractive answer, some 20 ms, to a long one by a model server on a busy machine.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_PASSAGES = (0, 1, 2, 4, 8, 16, 32, 64, 100)
# From a CPU's few tokens to a fast GPU's.
_TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
# Champions that one process sees in its life. Should there be more, the rest share a label.
_MOST_RELEASES = 50
_OTHER_RELEASES = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters and histograms of one application. Label values come from fixed sets or are names that its owners
    gave, of sources and triggers, never from a request; API keys are no labels, for there may be thousands: `ragloop
    usage --by key` counts by them.

    `load` tells how busy the model endpoint is, or None where there is none; `database` is there once it is open.
    """

    def __init__(
        self,
        load: Callable[[], Load | None] = lambda: None,
        database: Callable[[], Database | None] = lambda: None,
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "ragloop_http_requests", "Requests finished.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = self._histogram(
            "ragloop_http_request_seconds", "From a request's start to the end of its response.", ["method", "route"]
        )
        self._answers = Counter(
            "ragloop_answers", "Answers given.", ["origin", "abstained", "degraded"], registry=self.registry
        )
        self._answer = self._histogram(
            "ragloop_answer_seconds", "From the question to the recorded answer.", ["origin"]
        )
        self._first_token = self._histogram("ragloop_first_token_seconds", "From the question to the first text.")
        self._retrieval = self._histogram("ragloop_retrieval_seconds", "Finding passages.")
        self._passages = Histogram(
            "ragloop_passages", "Passages found for a question.", registry=self.registry, buckets=_PASSAGES
        )
        self._tokens = Counter(
            "ragloop_model_tokens",
            "Tokens that a served model read and wrote.",
            ["direction", "release"],
            registry=self.registry,
        )
        self._cost = Counter(
            "ragloop_cost", "What answers cost at the prices set.", ["release"], registry=self.registry
        )
        self._model_first_token = self._histogram(
            "ragloop_model_first_token_seconds", "From asking the served model to its first text."
        )
        self._queue = self._histogram(
            "ragloop_model_queue_seconds", "Wait for a place among the answers being written."
        )
        self._speed = Histogram(
            "ragloop_model_tokens_per_second",
            "Tokens that the served model wrote in a second.",
            registry=self.registry,
            buckets=_TOKENS_PER_SECOND,
        )
        self._releases: set[str] = set()
        self.registry.register(_EndpointCollector(load))
        self.registry.register(StoredCollector(database))

    def _histogram(self, name: str, help_text: str, labels: list[str] | None = None) -> Histogram:
        return Histogram(name, help_text, labels or [], registry=self.registry, buckets=_SECONDS)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a finished request under its route's template."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def answer(self, answer: Answer, origin: str) -> None:
        """Count a finished answer."""
        self._answers.labels(origin, str(answer.abstained).lower(), str(answer.degraded).lower()).inc()
        self._answer.labels(origin).observe(answer.timings["total"])
        if "first_token" in answer.timings:
            self._first_token.observe(answer.timings["first_token"])
        self.retrieval(answer.retrieval, answer.timings["retrieve"])
        release = self._release(answer.release)
        if answer.model is not None:
            self._model(answer.model, answer, release)
        if answer.cost is not None:
            self._cost.labels(release).inc(answer.cost)

    def _model(self, use: ModelUse, answer: Answer, release: str) -> None:
        self._tokens.labels("prompt", release).inc(answer.usage.prompt_tokens)
        self._tokens.labels("completion", release).inc(answer.usage.completion_tokens)
        self._model_first_token.observe(use.first_token_seconds)
        self._queue.observe(use.queue_seconds)
        if use.tokens_per_second:  # an answer that came in one piece has no speed
            self._speed.observe(use.tokens_per_second)

    def _release(self, release_id: str) -> str:
        """The release as a label: the beginning of its id, as `ragloop release list` shows it."""
        release = release_id[:12]
        if len(self._releases) < _MOST_RELEASES:
            self._releases.add(release)
        return release if release in self._releases else _OTHER_RELEASES

    def retrieval(self, retrieval: Retrieval, seconds: float) -> None:
        """Count a finished retrieval."""
        self._retrieval.observe(seconds)
        self._passages.observe(len(retrieval.passages))

    def exposition(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)


class _EndpointCollector(Collector):
    """Reads how busy the model endpoint is whenever someone scrapes."""

    def __init__(self, load: Callable[[], Load | None]) -> None:
        self._load = load

    def collect(self) -> Iterable[Metric]:
        load = self._load()
        if load is None:
            return
        yield GaugeMetricFamily("ragloop_model_answers_in_progress", "Answers that the model writes now.", load.writing)
        yield GaugeMetricFamily("ragloop_model_answers_waiting", "Questions that wait for the model.", load.waiting)
        yield GaugeMetricFamily(
            "ragloop_model_up",
            "Whether the model server answers; while it does not, answers are quoted.",
            not load.down,
        )
