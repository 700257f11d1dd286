"""The steps of the DAG `evaluate_release`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import NotFoundError
from core.settings import load_settings
from core.storage.database import Database
from core.storage.evals.evaluations import EvaluationRepository
from core.types import Actor, Role
from evals.report.report import Report
from evals.run.evaluation import CANDIDATE, EvaluationOrder
from evals.run.session import open_evaluator, report_page, write_report
from evals.run.tracking import track as track_report

_log = logging.getLogger(__name__)

# In whose name the DAG evaluates. It may do nothing else.
AIRFLOW = Actor("airflow", frozenset({Role.REVIEW}))


def releases(given: str | None, announced: Iterable[Mapping[str, Any]]) -> list[str]:
    """The releases that a run is about: the one a person named, else all that the assets' events announced, else the
    newest candidate."""
    if given:
        return [given]
    named = [str(extra["release"]) for extra in announced if extra.get("release")]
    return list(dict.fromkeys(named)) or [CANDIDATE]


def evaluate(release: str, params: Mapping[str, Any]) -> str:
    """Evaluate the release and leave the report for a person; returns the evaluation's id.

    `params` are dataset (None for the settings'), baseline and fresh.
    """
    settings = load_settings()
    dataset = params["dataset"] or settings.evaluation_dataset
    order = EvaluationOrder(release, params["baseline"], dataset, AIRFLOW, params["fresh"])
    with open_evaluator(settings) as (evaluator, services):
        counted = _Counted()
        report = evaluator.run(order, counted.begin, counted.progress)
        page = write_report(services, report)
    _log.info("%s: %s", report.verdict.value, report.summary)
    _log.info("The report waits for a person under /reviews/%s; as a file it is %s", report.evaluation_id, page)
    return report.evaluation_id


def track(evaluation_id: str) -> str:
    """Log a finished evaluation to MLflow; returns MLflow's run id."""
    settings = load_settings()
    with Database.open(settings) as database:
        record = EvaluationRepository(database).get(evaluation_id)
    if record is None or record.report is None:
        raise NotFoundError(
            f"Evaluation {evaluation_id} has no report.", hint="`ragloop eval list` shows what there is."
        )
    return track_report(settings, Report.model_validate(record.report), report_page(settings, evaluation_id))


class _Counted:
    """Writes to the log how far an evaluation is."""

    def __init__(self) -> None:
        self._cases = self._finished = 0

    def begin(self, cases: int) -> None:
        self._cases = cases

    def progress(self, finished: int) -> None:
        self._finished += finished
        _log.info("%d of %d cases", self._finished, self._cases)
