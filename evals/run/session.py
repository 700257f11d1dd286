"""Evaluations over the settings' own stores: what the command, the DAG and the walk-throughs call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.settings import Settings
from core.storage.evals.evaluations import EvaluationRepository
from core.storage.prompt_ledger import PromptLedger
from evals.calibration.calibration import CalibrationStore, quality
from evals.cases.dataset_store import DatasetStore
from evals.gate.thresholds import load_thresholds
from evals.judges.langchain_judge import open_judge
from evals.judges.prompts import JudgePrompts, keep_asked
from evals.metrics.catalogue import plain_metrics
from evals.metrics.judged import judged_metrics
from evals.report.case_detail import CaseDetails
from evals.report.file import report_file
from evals.report.report import Report
from evals.run.evaluation import Evaluator, Panel
from serving.factory import Services, open_services
from serving.prompts.library import own_folder


@contextmanager
def open_evaluator(settings: Settings) -> Iterator[tuple[Evaluator, Services]]:
    """An evaluator with every metric that the settings allow, and the services that it runs over."""
    with open_services(settings) as services:
        yield Evaluator(services, panel(services)), services


def panel(services: Services) -> Panel:
    """The metrics that need no model, and the judged ones where a judge is configured."""
    settings = services.settings
    thresholds = load_thresholds(settings.gate_file)
    plain = plain_metrics(services.embedder, settings.language, settings.prices, thresholds.quality)
    judge = open_judge(settings)
    if judge is None:
        return Panel(plain)
    prompts = JudgePrompts(own_folder(settings))
    keep_asked(prompts, PromptLedger(services.database))
    calibrated = CalibrationStore(settings.home).get(judge, prompts)
    return Panel(
        metrics=[*plain, *judged_metrics(judge, services.embedder, prompts)],
        judge=quality(calibrated, judge, thresholds.judge),
        concurrency=settings.judge_concurrency,
    )


def write_report(services: Services, report: Report) -> Path:
    """Write the report as one HTML file and as JSON under the home folder; returns the HTML file's path."""
    database = services.database
    record = EvaluationRepository(database).get(report.evaluation_id)
    if record is None:  # pragma: no cover - a report is built from its record
        raise AssertionError(f"evaluation {report.evaluation_id} is not on record")
    page = report_page(services.settings, report.evaluation_id)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(report_file(report, CaseDetails(database, DatasetStore(database), record).each), encoding="utf-8")
    page.with_suffix(".json").write_text(report.model_dump_json(indent=2), encoding="utf-8")
    return page


def report_page(settings: Settings, evaluation_id: str) -> Path:
    """Where the report of this evaluation is, or would be, as a file."""
    return settings.home / "evaluations" / evaluation_id / "report.html"
