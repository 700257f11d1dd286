"""`ragloop eval run`, `eval show`, `eval list`: evaluate a release and read what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say
from core.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.settings import Settings
    from core.storage.evals.evaluations import EvaluationRecord
    from evals.gate.comparison import MetricComparison
    from evals.report.report import Report
    from serving.releases.summary import ReleaseSummary

_SECONDS_BETWEEN_NOTES = 5.0
_NO_BASELINE = "none"


def run(
    release: Annotated[
        str,
        typer.Argument(help="The release to evaluate: an id, its beginning, champion, or candidate for the newest."),
    ] = "candidate",
    dataset: Annotated[
        str | None,
        typer.Option(
            help="A dataset's name, name@version, or a JSONL file of cases. Default: RAGLOOP_EVALUATION_DATASET."
        ),
    ] = None,
    baseline: Annotated[str, typer.Option(help="The release to compare with, or none.")] = "champion",
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit with 1 unless the release may be approved on this report: for CI.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask everything again instead of reading the ledger of earlier runs.")
    ] = False,
    track: Annotated[bool, typer.Option(help="Log the evaluation to MLflow.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Ask a release every question of a dataset, score the answers, and compare them with the champion's.

    The report says better, no worse, worse or undecided, and what blocks a promotion. Answers and scores are kept,
    so running it again, or after it was interrupted, only does what is missing.
    """
    from app.cli.actor import current_actor
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from evals.run.evaluation import EvaluationOrder
    from evals.run.session import open_evaluator, write_report

    settings = load_settings()
    configure_logging("warning")
    with open_evaluator(settings) as (evaluator, services):
        actor = current_actor(settings, services.database)
        against = None if baseline == _NO_BASELINE else baseline
        order = EvaluationOrder(release, against, dataset or settings.evaluation_dataset, actor, fresh)
        report = evaluator.run(order, *_progress())
        page = write_report(services, report)
    mlflow_run = _track(settings, report, page) if track else None
    if as_json:
        print_json({**report_json(report, page), "mlflow_run": mlflow_run})
    else:
        _print(report, page)
    if gate and not report.passes:
        raise typer.Exit(1)


def show(
    evaluation_id: Annotated[
        str, typer.Argument(help="The evaluation's id or its beginning; default: the newest.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Show an evaluation's report; with --json, all of it."""
    from evals.report.report import Report
    from evals.run.session import report_page

    settings, record = _found(evaluation_id)
    if record.report is None:
        reason = record.error or "It has not finished yet."
        raise NotFoundError(
            f"Evaluation {record.id[:12]} has no report: {reason}", hint="`ragloop eval run` makes one."
        )
    report = Report.model_validate(record.report)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    _print(report, report_page(settings, record.id))


def list_evaluations(as_json: JsonOption = False) -> None:
    """List evaluations, newest first, with what each release changes against the champion."""
    from core.settings import load_settings
    from core.storage.database import Database
    from core.storage.evals.evaluations import EvaluationRepository
    from core.storage.releases import ReleaseRepository
    from evals.report.words import verdict_words
    from serving.releases.summary import in_words, summaries

    database = Database.open(load_settings())
    found, releases = EvaluationRepository(database).latest(), ReleaseRepository(database)
    told = {each.release.id: each for each in summaries(releases.all(), releases.events(), releases.champion())}
    if as_json:
        print_json({"evaluations": [_summary(record, told.get(record.release_id)) for record in found]})
        return
    for record in found:
        outcome = verdict_words(record.verdict) or record.state
        against = record.baseline_id[:12] if record.baseline_id else "nothing"
        say(
            f"{record.id[:12]}  {record.created_at:%Y-%m-%d %H:%M}  {outcome:12}  {record.release_id[:12]} against "
            f"{against}  {record.dataset}@{record.dataset_version}"
        )
        summary = told.get(record.release_id)
        if summary and (summary.release.name or summary.changes):
            say(f"    {': '.join(filter(None, (summary.release.name, in_words(summary.changes))))}")
    if not found:
        note("There is no evaluation yet: ragloop eval run")


def report_json(report: Report, page: Path) -> dict[str, Any]:
    """What `ragloop eval run --json` prints."""
    return {
        "evaluation_id": report.evaluation_id,
        "release": report.release,
        "baseline": report.baseline,
        "verdict": report.verdict.value,
        "passes": report.passes,
        "blocks": [block.model_dump(mode="json") for block in report.blocks],
        "metrics": {metric.name: _metric_json(metric) for metric in report.metrics},
        "failed_rows": len(report.unscored),
        "locked_cases": {
            "asked": len(report.locked),
            "right": sum(case.candidate is True for case in report.locked),
            "gone": [case.case_id for case in report.locked_set.gone] if report.locked_set else [],
        },
        "report": str(page),
    }


def _metric_json(metric: MetricComparison) -> dict[str, Any]:
    return metric.model_dump(
        mode="json", include={"rows", "candidate", "baseline", "difference", "interval", "finding"}
    )


def _summary(record: EvaluationRecord, told: ReleaseSummary | None) -> dict[str, Any]:
    return {
        "evaluation_id": record.id,
        "release": record.release_id,
        **(told.beside() if told else {}),
        "baseline": record.baseline_id,
        "dataset": f"{record.dataset}@{record.dataset_version}",
        "state": record.state,
        "verdict": record.verdict,
        "passes": record.passes,
        "created_by": record.created_by,
        "created_at": record.created_at.isoformat(),
    }


def _found(evaluation_id: str) -> tuple[Settings, EvaluationRecord]:
    from core.settings import load_settings
    from core.storage.database import Database
    from core.storage.evals.evaluations import EvaluationRepository

    settings = load_settings()
    evaluations = EvaluationRepository(Database.open(settings))
    wanted = evaluation_id or next((newest.id for newest in evaluations.latest(1)), "")
    record = evaluations.get(wanted) if wanted else None
    if record is None:
        missing = f"There is no single evaluation {evaluation_id}." if evaluation_id else "There is no evaluation yet."
        raise NotFoundError(missing, hint="`ragloop eval list` shows the ids; `ragloop eval run` makes one.")
    return settings, record


def _track(settings: Settings, report: Report, page: Path) -> str | None:
    from evals.run.tracking import track

    try:
        return track(settings, report, page)
    except UnavailableError as error:
        note(f"{error.message}\n{error.hint}")
        return None


def _progress() -> tuple[Callable[[int], None], Callable[[int], None]]:
    """What tells the person waiting how far it is: a line every few seconds."""
    state = {"cases": 0, "finished": 0, "said": time.monotonic()}

    def begin(cases: int) -> None:
        state["cases"] = cases
        note(f"{cases} cases")

    def progress(finished: int) -> None:
        state["finished"] += finished
        if time.monotonic() - state["said"] >= _SECONDS_BETWEEN_NOTES:
            state["said"] = time.monotonic()
            note(f"{state['finished']} of {state['cases']} cases")

    return begin, progress


def _print(report: Report, page: Path) -> None:
    from evals.report.words import verdict_words

    say(f"{verdict_words(report.verdict).capitalize()}. {report.summary}")
    say()
    for metric in report.metrics:
        if metric.candidate is None:
            continue
        against = "" if metric.baseline is None else f"  against {metric.baseline:8.3f}"
        finding = f"  {verdict_words(metric.finding)}" if metric.finding else ""
        say(f"{metric.name:22}{metric.candidate:8.3f}{against}  ({metric.rows} rows){finding}")
    say()
    say(f"Report: {page}")
    if report.passes:
        note(f"Next: ragloop release approve {report.release[:12]} --reason '…', or read it under /reviews.")
