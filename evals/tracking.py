"""Evaluations in MLflow: parameters, metrics and the report, beside the training runs that they compare.

The report on record is ours; MLflow gets a copy of it. By default it lives in the home folder and needs no server.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.settings import Settings
from core.tracking import LONGEST_PARAMETER, open_experiment
from evals.report import Report

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "ragloop-evaluations"
_TAG = "ragloop.evaluation_id"
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
