"""Evaluations in MLflow: parameters, metrics and the report, beside the training runs that they compare.

The report on record is ours; MLflow gets a copy of it. By default it lives in the home folder and needs no server.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.settings import Settings
from core.tracking import LONGEST_PARAMETER, has_records, open_experiment
from evals.report.report import Report

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "ragloop-evaluations"
_TAG = "ragloop.evaluation_id"
_ERASE_HINT = "Check RAGLOOP_MLFLOW_TRACKING_URI, then erase again: what is erased already is passed over."
_HINT = (
    "The report itself is safe. Check RAGLOOP_MLFLOW_TRACKING_URI, then run the same evaluation again: "
    "it costs next to nothing."
)


def track(settings: Settings, report: Report, page: Path) -> str:
    """Log the report and its page, and return MLflow's run id; an evaluation that is there already is left as it is.

    Raises UnavailableError when the tracking server or its store cannot be used.
    """
    with open_experiment(settings, EXPERIMENT, "The evaluation is not in MLflow", _HINT) as (client, experiment):
        return _logged(client, experiment, report, page)


def forget(settings: Settings, evaluation_id: str) -> int:
    """Remove the copies of an evaluation's report; its figures stay. Returns how many files there were.

    Raises UnavailableError when the tracking server or its store cannot be used.
    """
    if not has_records(settings):
        return 0
    with open_experiment(settings, EXPERIMENT, "The report's copy is still in MLflow", _ERASE_HINT) as (
        client,
        experiment,
    ):
        runs = client.search_runs([experiment], f"tags.`{_TAG}` = '{evaluation_id}'")
        return sum(_forgotten(client, run.info.run_id, run.info.artifact_uri) for run in runs)


def _forgotten(client: MlflowClient, run_id: str, artifact_uri: str) -> int:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    names = [each.path for each in client.list_artifacts(run_id)]
    for name in names:
        get_artifact_repository(artifact_uri).delete_artifacts(name)  # type: ignore[no-untyped-call]
    return len(names)


def _logged(client: MlflowClient, experiment: str, report: Report, page: Path) -> str:
    known = client.search_runs([experiment], f"tags.`{_TAG}` = '{report.evaluation_id}'", max_results=1)
    if known and known[0].info.status == "FINISHED":
        return str(known[0].info.run_id)
    name = f"{report.release[:12]} on {report.dataset.name}"
    run_id: str = client.create_run(experiment, run_name=name, tags={_TAG: report.evaluation_id}).info.run_id
    for key, value in _parameters(report).items():
        client.log_param(run_id, key, str(value)[:LONGEST_PARAMETER])
    for key, number in _metrics(report).items():
        client.log_metric(run_id, key, number)
    client.log_dict(run_id, report.model_dump(mode="json"), "report.json")
    client.log_artifact(run_id, str(page))
    client.set_terminated(run_id)
    return run_id


def _parameters(report: Report) -> dict[str, Any]:
    changes = {f"change.{change.path}": f"{change.baseline} -> {change.candidate}" for change in report.changes}
    return {
        "release": report.release,
        "baseline": report.baseline,
        "dataset": f"{report.dataset.name}@{report.dataset.version}",
        "dataset_sha256": report.dataset.sha256,
        "verdict": report.verdict.value,
        "passes": report.passes,
        "created_by": report.created_by,
        **changes,
    }


def _metrics(report: Report) -> dict[str, float]:
    found: dict[str, float] = {"failed_rows": float(len(report.unscored))}
    for metric in report.metrics:
        sides = {"candidate": metric.candidate, "baseline": metric.baseline, "difference": metric.difference}
        found |= {f"{metric.name}.{side}": value for side, value in sides.items() if value is not None}
    return found
