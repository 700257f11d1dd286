"""What /metrics shows of the database: the corpus, the loop, the triggers.

A scrape reads the database at most every half minute, and waits for it two seconds. While it does not answer, these
series are absent and an error is counted; everything else is served as ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from core.errors import RagloopError
from core.storage.corpus_health import CorpusHealthRepository, SourceHealth
from core.storage.database import Database
from core.storage.loop.monitor_checks import MonitorCheck, MonitorCheckRepository
from core.storage.loop.totals import LoopTotals, LoopTotalsRepository
from core.storage.releases import ReleaseRepository
from loop.feedback.votes import FeedbackService

# Servers are scraped every few seconds, and there may be several scrapers; what these series tell changes slowly.
FRESH_SECONDS = 30.0
# Well below the ten seconds after which Prometheus gives a scrape up.
PATIENCE_SECONDS = 2.0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database says at one moment. `waiting` votes need a person; `check` is the triggers' last."""

    sources: tuple[SourceHealth, ...]
    totals: LoopTotals
    waiting: int
    check: MonitorCheck | None


def read_stored(database: Database) -> Stored:
    """Read what /metrics shows. Raises StoreUnavailableError."""
    champion = ReleaseRepository(database).champion()
    collection = champion.manifest.collection.name if champion else None
    return Stored(
        sources=tuple(CorpusHealthRepository(database).sources(collection)),
        totals=LoopTotalsRepository(database).totals(answers_since=datetime.now(UTC) - _DAY),
        waiting=len(FeedbackService(database).waiting_lines()),
        check=MonitorCheckRepository(database).last(),
    )


class StoredCollector(Collector):
    """Reads the database when someone scrapes. `database` is None while there is none yet, which is no error."""

    def __init__(
        self,
        database: Callable[[], Database | None],
        read: Callable[[Database], Stored] = read_stored,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._database = database
        self._read = read
        self._patience = patience
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="stored-metrics")
        self._reading: Future[Stored] | None = None
        self._stored: tuple[float, Stored] | None = None
        self._errors = 0
        self._lock = threading.Lock()

    def collect(self) -> Iterable[Metric]:
        stored = self._current()
        if stored is not None:
            yield from _corpus(stored.sources)
            yield from _loop(stored.totals, stored.waiting)
            yield from _triggers(stored.check)
        yield CounterMetricFamily(
            "ragloop_stored_metrics_errors", "Scrapes that could not read the database.", self._errors
        )

    def _current(self) -> Stored | None:
        """What the database said within the last half minute. One reading at a time, however many scrape."""
        database = self._database()
        if database is None:
            return None
        with self._lock:
            if self._stored is not None and time.monotonic() - self._stored[0] < FRESH_SECONDS:
                return self._stored[1]
            if self._reading is None:
                self._reading = self._beside.submit(self._read, database)
            reading = self._reading
        stored = None
        try:
            stored = _result(reading, self._patience)
        finally:  # whatever it ended with, the next scrape reads anew
            with self._lock:
                if reading.done() and self._reading is reading:
                    self._reading = None
                if stored is None:
                    self._errors += 1
                else:
                    self._stored = time.monotonic(), stored
        return stored


def _result(reading: Future[Stored], patience: float) -> Stored | None:
    try:
        return reading.result(patience)
    except (RagloopError, TimeoutError):
        return None


def _corpus(sources: Iterable[SourceHealth]) -> Iterator[Metric]:
    documents = GaugeMetricFamily(
        "ragloop_documents", "Documents of each source in the live index.", labels=["source", "state"]
    )
    ingested = GaugeMetricFamily(
        "ragloop_source_ingested_timestamp_seconds",
        "When an ingestion run over the source last finished.",
        labels=["source"],
    )
    for each in sources:
        for state in ("indexed", "pending", "failed"):
            documents.add_metric([each.source, state], getattr(each, state))
        if each.ingested_at is not None and not each.empty:
            ingested.add_metric([each.source], each.ingested_at.timestamp())
    yield documents
    yield ingested


def _loop(totals: LoopTotals, waiting: int) -> Iterator[Metric]:
    yield _gauge("ragloop_ingestion_runs", "Ingestion runs on record.", totals.runs, "source", "state")
    yield _gauge("ragloop_answers_last_day", "Answers of the last 24 hours.", totals.answers, "abstained")
    yield _gauge("ragloop_votes", "Votes on answers.", totals.votes, "vote", "reason", "standing")
    yield GaugeMetricFamily("ragloop_votes_waiting", "Votes down that count and wait for a person.", waiting)
    yield _gauge("ragloop_vote_decisions", "Votes that a person decided on.", totals.decisions, "kind", "side")
    yield _gauge("ragloop_diagnoses", "Bad answers by what was wrong.", totals.diagnoses, "subject", "cause")
    yield _gauge("ragloop_trigger_firings", "Triggers that fired.", totals.firings, "trigger", "state")
    yield _gauge("ragloop_releases", "Releases by where they stand.", totals.releases, "status")
    yield _gauge("ragloop_erasures", "Erasures on record.", totals.erasures, "kind")


def _triggers(check: MonitorCheck | None) -> Iterator[Metric]:
    """Drift is two of the triggers; all are told alike."""
    value = GaugeMetricFamily("ragloop_trigger_value", "What the triggers' last check measured.", labels=["trigger"])
    threshold = GaugeMetricFamily("ragloop_trigger_threshold", "From where a trigger fires.", labels=["trigger"])
    for trigger, reading in check.readings.items() if check else ():
        threshold.add_metric([trigger], reading.threshold)
        if reading.value is not None:
            value.add_metric([trigger], reading.value)
    yield value
    yield threshold
    checked = GaugeMetricFamily("ragloop_triggers_checked_timestamp_seconds", "When the triggers were last checked.")
    if check is not None:
        checked.add_metric([], check.at.timestamp())
    yield checked


def _gauge(name: str, what: str, counts: Mapping[tuple[str, ...], int], *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, what, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family
