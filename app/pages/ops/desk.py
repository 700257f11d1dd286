"""What the page /ops shows: how the installation does, what changed over time, and what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from app.pages.ops.day_charts import Spark, spark
from app.pages.ops.day_tables import DayTable, days_until
from app.pages.ops.tables import (
    Calendar,
    answer_table,
    cause_table,
    cost_table,
    time_table,
    trigger_table,
    vote_table,
)
from app.pages.reviews.desk import ListedEvaluation, ReviewDesk
from app.prompt_shelf import prompt_problems
from core.loop.enums import FiringState
from core.loop.feedback import Firing
from core.release import Release, ReleaseStatus
from core.storage.corpus_health import CorpusHealthRepository, FailedDocument, SourceHealth
from core.storage.documents import IngestionRun, RunRepository
from core.storage.loop.monitor_checks import MonitorCheck, MonitorCheckRepository, TriggerReading
from core.storage.loop.totals import LoopTotalsRepository
from core.storage.releases import ReleaseRepository
from core.storage.usage import UsageRepository
from core.types import AccessScope
from loop.feedback.votes import FeedbackService
from loop.remedies.lifecycle import settled
from loop.remedies.registry import open_firings
from loop.triggers.rules import TriggerRules, load_rules
from serving.factory import Services

RUNS = 20
# Failed documents on the page; docs/runbooks/ingestion-failures.md says how to get the rest.
FAILURES = 20
# Firings that are looked through: months of them.
_FIRINGS = 200
_COUNTS = ("added", "changed", "unchanged", "deleted", "failed")
_STALENESS = "staleness_days"


@dataclass(frozen=True, slots=True)
class RunLine:
    """An ingestion run. `counts` are those of its report, None while it runs or if it failed, which `error` tells."""

    run: IngestionRun
    counts: Mapping[str, int] | None
    seconds: float | None
    error: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A source, its age, and whether that is as high as the trigger for stale sources fires at."""

    health: SourceHealth
    age: timedelta | None
    old: bool


@dataclass(frozen=True, slots=True)
class CorpusHealth:
    """What answers come from. `hidden` counts failures that this reviewer may not see, or that have no room."""

    sources: tuple[SourceLine, ...]
    runs: tuple[RunLine, ...]
    failures: tuple[FailedDocument, ...]
    hidden: int

    @property
    def failed(self) -> int:
        return len(self.failures) + self.hidden


@dataclass(frozen=True, slots=True)
class TriggerLine:
    """What a trigger measured when it was last checked, and on the days before."""

    name: str
    says: str
    reading: TriggerReading
    spark: Spark


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """A candidate release, its newest evaluation (None: nobody evaluated it), and the firing that made it."""

    release: Release
    evaluation: ListedEvaluation | None
    firing: Firing | None


@dataclass(frozen=True, slots=True)
class Operations:
    """Everything on the page. `tables` are the figures by day; `waiting` negative votes no person decided on; of
    `firings` the unfinished come first, `checked` is when the triggers were. `prompts` says what is wrong with files of
    prompts."""

    days: int
    tables: Mapping[str, DayTable]
    waiting: int
    triggers: tuple[TriggerLine, ...]
    checked: datetime | None
    firings: tuple[Firing, ...]
    candidates: tuple[CandidateLine, ...]
    corpus: CorpusHealth
    erasures: Mapping[str, int]
    prompts: tuple[str, ...]

    @property
    def unfinished(self) -> tuple[Firing, ...]:
        return tuple(firing for firing in self.firings if firing.state is not FiringState.CLOSED)


class OpsDesk:
    """Reads; changes nothing. Every reviewer is told all counts; names of documents only those whose `scope` allows
    them."""

    def __init__(self, services: Services, scope: AccessScope) -> None:
        self._services = services
        self._database = services.database
        self._scope = scope

    def open(self, days: int, now: datetime | None = None) -> Operations:
        """The last so many days in UTC, today among them. Raises StoreUnavailableError."""
        now = now or datetime.now(UTC)
        calendar = days_until(now.date(), days)
        since = datetime.combine(calendar[0], time(), UTC)
        checks = MonitorCheckRepository(self._database).since(since)
        rules = load_rules(self._services.settings.triggers_file)
        tables = {table.name: table for table in self._tables(calendar, since, checks)}
        releases = ReleaseRepository(self._database)
        firings = [settled(firing, releases, now) for firing in open_firings(self._database).all(_FIRINGS)]
        return Operations(
            days=days,
            tables=tables,
            waiting=len(FeedbackService(self._database).waiting_lines()),
            triggers=_trigger_lines(tables["triggers"], checks, rules),
            checked=checks[-1].at if checks else None,
            firings=_shown(firings, since),
            candidates=self._candidates(firings),
            corpus=self._corpus(now, rules),
            erasures=LoopTotalsRepository(self._database).erased(since),
            prompts=tuple(prompt_problems(self._services.settings, self._database)),
        )

    def _tables(self, calendar: Calendar, since: datetime, checks: Sequence[MonitorCheck]) -> list[DayTable]:
        usage = UsageRepository(self._database).rows("day", since)
        votes = FeedbackService(self._database).counted_lines(since)
        causes = LoopTotalsRepository(self._database).causes()
        return [
            answer_table(calendar, usage),
            vote_table(calendar, votes),
            cause_table(calendar, votes, causes),
            trigger_table(calendar, checks),
            time_table(calendar, usage),
            cost_table(calendar, usage),
        ]

    def _candidates(self, firings: Sequence[Firing]) -> tuple[CandidateLine, ...]:
        overview = ReviewDesk(self._services).overview()
        made_by = {firing.release_id: firing for firing in reversed(firings)}
        unevaluated = [(summary.release, None) for summary in overview.unevaluated]
        evaluated = [
            (listed.summary.release, listed)
            for listed in overview.evaluations
            if listed.newest and listed.summary and listed.summary.release.status is ReleaseStatus.CANDIDATE
        ]
        lines = (*unevaluated, *evaluated)
        return tuple(CandidateLine(release, listed, made_by.get(release.id)) for release, listed in lines)

    def _corpus(self, now: datetime, rules: TriggerRules) -> CorpusHealth:
        champion = ReleaseRepository(self._database).champion()
        collection = champion.manifest.collection.name if champion else None
        health = CorpusHealthRepository(self._database)
        failures, failed = health.failures(collection, self._scope, FAILURES)
        return CorpusHealth(
            sources=tuple(_source_line(source, now, rules) for source in health.sources(collection)),
            runs=tuple(_run_line(run) for run in RunRepository(self._database).latest(RUNS)),
            failures=tuple(failures),
            hidden=failed - len(failures),
        )


def _shown(firings: Sequence[Firing], since: datetime) -> tuple[Firing, ...]:
    """The unfinished ones, then those that were closed since then."""
    unfinished = [firing for firing in firings if firing.state is not FiringState.CLOSED]
    closed = [firing for firing in firings if firing.state is FiringState.CLOSED and firing.changed_at >= since]
    return (*unfinished, *closed)


def _trigger_lines(table: DayTable, checks: Sequence[MonitorCheck], rules: TriggerRules) -> tuple[TriggerLine, ...]:
    """Those of the last check, drift and the other measures first: they are seen without anybody saying so."""
    readings = checks[-1].readings if checks else {}
    by_day = {column.name: column.values for column in table.series}
    lines = [
        TriggerLine(
            name,
            rules.triggers[name].says if name in rules.triggers else "",
            reading,
            spark(by_day[name], reading.value, reading.threshold),
        )
        for name, reading in readings.items()
    ]
    return tuple(sorted(lines, key=lambda line: line.name not in rules.measures))


def _source_line(health: SourceHealth, now: datetime, rules: TriggerRules) -> SourceLine:
    age = now - health.ingested_at if health.ingested_at else None
    rule = rules.measures.get(_STALENESS)
    if rule is None or age is None or not health.indexed:
        return SourceLine(health, age, old=False)
    return SourceLine(health, age, age >= timedelta(days=rule.threshold))


def _run_line(run: IngestionRun) -> RunLine:
    """Reports of failed runs say why; those of earlier versions of RAGLoop may lack counts."""
    report = run.report or {}
    documents = report.get("documents")
    counts = {name: int(documents.get(name, 0)) for name in _COUNTS} if documents else None
    error = f"{report.get('error', '')} {report.get('hint', '')}".strip()
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at else None
    return RunLine(run, counts, seconds, error)
