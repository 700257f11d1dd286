"""Erasing from the database's records what was made out of something: cases, what evaluations kept, diagnoses, firings.

Figures stay: scores, verdicts, votes, counts. Rows are changed a batch at a time, so that others can write meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, update

from core.feedback import DecisionKind
from core.storage.database import Database
from core.storage.evals.datasets import erase_cases, retried
from core.storage.loop.erasures import rewrite
from core.storage.tables import (
    diagnoses,
    evaluation_answers,
    evaluation_scores,
    evaluations,
    feedback_decisions,
    ingestion_runs,
    trigger_firings,
)
from loop.erasure.traces import ERASED, Found

_WHY = "What it rested on was erased."
# Answers whose scores are changed in one statement.
_BATCH = 500


class Records:
    """The records of the loop and of evaluations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cases(self, sha256s: Collection[str], actor: str) -> None:
        """Take these cases out of every dataset and forget what they say."""
        if sha256s:
            why = f"{len(sha256s)} cases were erased." if len(sha256s) > 1 else "A case was erased."
            retried(self._database, lambda connection: erase_cases(connection, sha256s, by=actor, reason=why))

    def answers(self, touched: Callable[[Row[Any]], bool]) -> int:
        """Forget the answers of evaluations that are `touched` (looked at with case_sha256 and answer), and what their
        scores say in words."""
        forgotten: list[str] = []

        def change(row: Row[Any]) -> Mapping[str, Any]:
            if row.answer is None or not touched(row):
                return {}
            forgotten.append(row.id)
            return {"answer": None, "state": "failed", "reason": _WHY}

        rewrite(self._database, evaluation_answers, ("case_sha256", "answer"), change)
        for start in range(0, len(forgotten), _BATCH):
            scores = update(evaluation_scores).where(
                evaluation_scores.c.answer_id.in_(forgotten[start : start + _BATCH])
            )
            with self._database.transaction() as connection:
                connection.execute(scores.values(reason="", detail={}))
        return len(forgotten)

    def reports(self, sha256s: Collection[str], found: Found, erase_files: Callable[[str], None]) -> int:
        """Take these cases' words, and whatever else is `found`, out of reports. The files of each such evaluation are
        erased before: what is left undone by a failure is found again."""

        def change(row: Row[Any]) -> Mapping[str, Any]:
            if row.report is None:
                return {}
            report = found.without(_without_cases(row.report, sha256s))
            if report == row.report:
                return {}
            erase_files(row.id)
            return {"report": report}

        return rewrite(self._database, evaluations, ("report",), change)

    def decisions(self, feedback_ids: Collection[str]) -> int:
        """Forget what became of these pieces of feedback: nothing is made of them any more."""
        gone: Mapping[str, Any] = {"kind": DecisionKind.DISMISSED, "side": None, "content": {}, "reason": _WHY}
        table = feedback_decisions
        return rewrite(self._database, table, (), lambda row: gone if row.feedback_id in feedback_ids else {})

    def diagnoses(self, touched: Callable[[Row[Any]], bool]) -> int:
        """Remove the diagnoses that are `touched` (looked at with subject, question, summary and evidence)."""
        columns = ("subject", "question", "summary", "evidence")
        return rewrite(self._database, diagnoses, columns, lambda row: None if touched(row) else {})

    def firings(self, found: Found) -> int:
        """Take what is found out of what triggers saw and proposed."""
        return self._scrub(trigger_firings, ("evidence", "proposal", "reason", "detail"), found)

    def runs(self, found: Found) -> int:
        """Take what is found out of the reports of ingestion runs."""
        return self._scrub(ingestion_runs, ("report",), found)

    def _scrub(self, table: Any, columns: Iterable[str], found: Found) -> int:
        def change(row: Row[Any]) -> Mapping[str, Any]:
            values = row._asdict()
            cleaned = {name: found.without(values[name]) for name in columns}
            return {name: value for name, value in cleaned.items() if value != values[name]}

        return rewrite(self._database, table, columns, change)


def _without_cases(report: Mapping[str, Any], sha256s: Collection[str]) -> Mapping[str, Any]:
    """The report without the words of these cases: their figures stay."""
    locked_set = report.get("locked_set") or {}
    rows, gone = report["rows"], locked_set.get("gone", [])
    ids = {row["case_id"] for row in (*rows, *gone) if row["case_sha256"] in sha256s}

    def emptied(places: Sequence[Mapping[str, Any]], **fields: str) -> list[Mapping[str, Any]]:
        return [{**each, **fields} if each["case_id"] in ids else each for each in places]

    clean = {
        **report,
        "rows": emptied(rows, question=ERASED, why=""),
        "locked": emptied(report["locked"], question=ERASED),
        "unscored": emptied(report["unscored"], reason=ERASED),
    }
    if locked_set:
        clean["locked_set"] = {**locked_set, "gone": emptied(gone, question=ERASED, reason=ERASED)}
    return clean
