"""One evaluation from order to report: which releases, which cases, which metrics; run, compared, stored.

order = EvaluationOrder(release="candidate", baseline="champion", dataset="handbook", actor=actor)
report = Evaluator(services).run(order)
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import InputError, NotFoundError, RagloopError
from core.release import Release, ReleaseStatus
from core.storage.documents import DocumentRepository, RunRepository
from core.storage.evals.evaluations import EvaluationLedger, EvaluationRecord, EvaluationRepository, RowEntry
from core.storage.releases import ReleaseRepository
from core.types import AccessScope, Actor
from evals.cases.cases import Case
from evals.cases.dataset_store import Dataset, DatasetStore
from evals.cases.gold import GoldFinder
from evals.cases.training_leakage import trained_on
from evals.gate.comparison import DatasetRef, JudgeQuality, LockedSet, Side
from evals.gate.thresholds import Thresholds, load_thresholds
from evals.metrics.judged import JudgedMetric
from evals.metrics.metric import Metric
from evals.report.report import Report
from evals.run.regressions import with_regressions
from evals.run.report_builder import Inquiry, build_report
from evals.run.runner import Respondent, Results, Runner
from serving.adapters.store import AdapterStore
from serving.factory import Services
from serving.releases.first import champion_or_first
from serving.releases.verification import open_release

CHAMPION = "champion"
CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class EvaluationOrder:
    """What a person wants to know. `release` and `baseline` are an id, its beginning, `champion`, or `candidate` for
    the newest one; without a baseline nothing is compared. `fresh` asks every case again instead of reading the
    ledger, each side for itself, so that a release can be compared with itself."""

    release: str
    baseline: str | None
    dataset: str
    actor: Actor
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """What an evaluation measures with: the metrics, and what is known of the judge behind some of them."""

    metrics: Sequence[Metric]
    judge: JudgeQuality | None = None
    concurrency: int = 1
    """Rows a judge can take at the same time; 1 without a judge."""


class Evaluator:
    """Runs evaluations over the open stores of one process."""

    def __init__(
        self, services: Services, panel: Panel, thresholds: Thresholds | None = None, software: str | None = None
    ) -> None:
        self._services = services
        self._panel = panel
        self._thresholds = thresholds or load_thresholds(services.settings.gate_file)
        self._software = software or importlib.metadata.version("ragloop")
        self._releases = ReleaseRepository(services.database)
        self._evaluations = EvaluationRepository(services.database)

    def run(
        self,
        order: EvaluationOrder,
        begin: Callable[[int], None] = lambda _cases: None,
        progress: Callable[[int], None] = lambda _finished: None,
    ) -> Report:
        """Evaluate and return the report, which is on record. `begin` is told how many cases there are, `progress` how
        many are finished since its last call.

        Raises NotFoundError for a release or dataset that is not there, CollectionMismatchError for a release that
        cannot be served here, UnavailableError when a store is down, InputError where nothing here gives the metric
        that decides.
        """
        self._require_primary()
        candidate, baseline = self._sides(order)
        dataset = DatasetStore(self._services.database).resolve(order.dataset)
        cases, locked_set = with_regressions(self._services.database, dataset)
        if not cases:
            raise InputError(
                f"{dataset.label} has no case that can be asked.", hint="`ragloop eval datasets` lists more."
            )
        evaluation_id = uuid.uuid4().hex
        respondents = self._respondents(candidate, baseline, evaluation_id if order.fresh else "")
        inquiry = self._inquiry(evaluation_id, candidate, baseline, dataset, cases, locked_set, order.actor)
        self._evaluations.start(self._record(inquiry, order))
        try:
            begin(len(cases))
            started = time.monotonic()
            results = self._results(respondents, cases, progress)
            self._evaluations.save_rows(evaluation_id, _row_entries(results, cases))
            report = build_report(inquiry, results, self._thresholds, time.monotonic() - started)
        except BaseException as error:
            # An evaluation that was interrupted must not look as if it were still running.
            self._evaluations.fail(evaluation_id, error.message if isinstance(error, RagloopError) else repr(error))
            raise
        content = report.model_dump(mode="json")
        self._evaluations.finish(evaluation_id, verdict=report.verdict.value, passes=report.passes, report=content)
        return report

    # -- before

    def _require_primary(self) -> None:
        primary = self._thresholds.primary
        if primary not in {metric.name for metric in self._panel.metrics}:
            raise InputError(
                f"The gate decides by {primary}, which is not measured here.",
                hint="A judge measures some metrics: set RAGLOOP_JUDGE_URL and RAGLOOP_JUDGE_MODEL, or name another "
                "primary metric in the file of RAGLOOP_GATE_FILE.",
            )

    def _sides(self, order: EvaluationOrder) -> tuple[Release, Release | None]:
        candidate = self._release(order.release)
        baseline = self._release(order.baseline) if order.baseline else None
        if baseline is not None and baseline.id == candidate.id and not order.fresh:
            raise InputError(
                f"Release {candidate.id[:12]} would be compared with itself.",
                hint="Name another baseline, or --baseline none; --fresh asks everything twice and compares.",
            )
        return candidate, baseline

    def _release(self, wanted: str) -> Release:
        if wanted == CHAMPION:
            return self._champion()
        if wanted == CANDIDATE:
            found = next((each for each in self._releases.all() if each.status is ReleaseStatus.CANDIDATE), None)
            if found is None:
                raise NotFoundError(
                    "There is no candidate to evaluate.",
                    hint="`ragloop release create --from champion --set retrieval.top_k=6` makes one; "
                    "`ragloop eval run champion --baseline none` evaluates what is live.",
                )
            return found
        found = self._releases.get(wanted)
        if found is None:
            raise NotFoundError(f"There is no single release {wanted}.", hint="`ragloop release list` shows the ids.")
        return found

    def _champion(self) -> Release:
        index = self._services.index
        specs = {name: index.spec(name) for name in index.collections()}
        runs = RunRepository(self._services.database)
        weights = self._services.language_weights
        return champion_or_first(self._services.settings, self._releases, runs, specs, weights)

    def _respondents(self, candidate: Release, baseline: Release | None, sample: str) -> list[Respondent]:
        sides = {Side.CANDIDATE: candidate} | ({Side.BASELINE: baseline} if baseline else {})
        return [
            self._respondent(side, release, f"{sample}{side.value}" if sample else "")
            for side, release in sides.items()
        ]

    def _respondent(self, side: Side, release: Release, sample: str) -> Respondent:
        answerer = open_release(self._services, release, recorded=False)
        # Loads the model and opens the index, so that neither is part of the first answer's time.
        answerer.retriever.retrieve("ready", AccessScope.everything())
        collection = release.manifest.collection.name
        return Respondent(
            side=side,
            answerer=answerer,
            release=release.id,
            collection=collection,
            revision=self._services.index.revision(collection),
            software=self._software,
            sample=sample,
        )

    def _inquiry(
        self,
        evaluation_id: str,
        candidate: Release,
        baseline: Release | None,
        dataset: Dataset,
        cases: Sequence[Case],
        locked_set: LockedSet | None,
        actor: Actor,
    ) -> Inquiry:
        return Inquiry(
            evaluation_id=evaluation_id,
            candidate=candidate,
            baseline=baseline,
            dataset=DatasetRef(
                name=dataset.name, version=dataset.version, sha256=dataset.sha256, cases=len(dataset.cases)
            ),
            locked_set=locked_set,
            cases=cases,
            metrics=self._panel.metrics,
            judge=self._panel.judge,
            created_by=actor.name,
            created_at=datetime.now(UTC),
            trained_on=trained_on(AdapterStore(self._services.settings.adapters), candidate.manifest.generator, cases),
        )

    def _record(self, inquiry: Inquiry, order: EvaluationOrder) -> EvaluationRecord:
        configuration = {
            "fresh": order.fresh,
            "software": self._software,
            "metrics": {metric.name: metric.version for metric in inquiry.metrics},
            "prompts": {metric.name: metric.prompts for metric in inquiry.metrics if isinstance(metric, JudgedMetric)},
            "thresholds": self._thresholds.model_dump(mode="json"),
        }
        return EvaluationRecord(
            id=inquiry.evaluation_id,
            release_id=inquiry.candidate.id,
            baseline_id=inquiry.baseline.id if inquiry.baseline else None,
            dataset=inquiry.dataset.name,
            dataset_version=inquiry.dataset.version,
            dataset_sha256=inquiry.dataset.sha256,
            configuration=configuration,
            state="running",
            verdict=None,
            passes=None,
            report=None,
            error=None,
            created_by=inquiry.created_by,
            created_at=inquiry.created_at,
            finished_at=None,
        )

    # -- the run

    def _results(
        self, respondents: Sequence[Respondent], cases: Sequence[Case], progress: Callable[[int], None]
    ) -> Results:
        documents = DocumentRepository(self._services.database)
        runner = Runner(
            EvaluationLedger(self._services.database),
            self._panel.metrics,
            GoldFinder(documents.get, cases),
            progress,
            rows_judged_at_once=self._panel.concurrency,
        )
        return asyncio.run(runner.run(respondents, cases))


def _row_entries(results: Results, cases: Sequence[Case]) -> list[RowEntry]:
    return [
        RowEntry(side.value, ordinal, case.sha256, found.answer_ids[ordinal])
        for side, found in results.sides.items()
        for ordinal, case in enumerate(cases)
    ]
