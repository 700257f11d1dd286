"""What Prometheus scrapes. Every application has a registry of its own, so two in one process do not collide."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

from core.types import Answer, Retrieval

# From a warm extractive answer, some 20 ms, to a long one by a model server on a busy machine.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_PASSAGES = (0, 1, 2, 4, 8, 16, 32, 64, 100)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters and histograms of one application. Label values come from fixed sets, never from a request."""

    def __init__(self) -> None:
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

    def retrieval(self, retrieval: Retrieval, seconds: float) -> None:
        """Count a finished retrieval."""
        self._retrieval.observe(seconds)
        self._passages.observe(len(retrieval.passages))

    def exposition(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)
