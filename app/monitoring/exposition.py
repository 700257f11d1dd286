"""What Prometheus scrapes. Every application has a registry of its own, so two in one process do not collide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.monitoring.model_metrics import SECONDS, ModelMetrics
from app.monitoring.stored_metrics import StoredCollector
from core.storage.database import Database
from core.types import Answer, Retrieval

if TYPE_CHECKING:
    from serving.llm.endpoint import Load

_PASSAGES = (0, 1, 2, 4, 8, 16, 32, 64, 100)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters and histograms of one application. Label values come from fixed sets or are names that its owners
    gave, of sources, triggers and API keys, never from a request.

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
        self._model = ModelMetrics(self.registry)
        self.registry.register(_EndpointCollector(load))
        self.registry.register(StoredCollector(database))

    def _histogram(self, name: str, help_text: str, labels: list[str] | None = None) -> Histogram:
        return Histogram(name, help_text, labels or [], registry=self.registry, buckets=SECONDS)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a finished request under its route's template."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def answer(self, answer: Answer, origin: str, key_id: str | None) -> None:
        """Count a finished answer, given under this API key. A reply for which nothing was searched is none."""
        if "retrieve" not in answer.timings:
            return
        self._answers.labels(origin, str(answer.abstained).lower(), str(answer.degraded).lower()).inc()
        self._answer.labels(origin).observe(answer.timings["total"])
        if "first_token" in answer.timings:
            self._first_token.observe(answer.timings["first_token"])
        self.retrieval(answer.retrieval, answer.timings["retrieve"])
        self._model.answer(answer, key_id)

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
