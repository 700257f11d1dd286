"""Evaluations and their row ledger: answers and scores, kept by what they are answers and scores of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Row, Table, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from core.storage.database import Database
from core.storage.erasure import Changed, Tables, Traces, every, rewrite
from core.storage.tables import evaluation_answers, evaluation_rows, evaluation_scores, evaluations

# Rows per statement: SQLite and PostgreSQL both limit the number of bound values.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An evaluation on record: `state` is running, finished or failed. `verdict`, `passes` (whether the release may be
    approved on it) and `report` are there once it is finished; `error` once it is failed."""

    id: str
    release_id: str
    baseline_id: str | None
    dataset: str
    dataset_version: int
    dataset_sha256: str
    configuration: Mapping[str, Any]
    state: str
    verdict: str | None
    passes: bool | None
    report: Mapping[str, Any] | None
    error: str | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class AnswerEntry:
    """An answer in the ledger, or why there is none: `state` is answered or failed."""

    id: str
    release_id: str
    case_sha256: str
    state: str
    answer: Mapping[str, Any] | None
    reason: str


@dataclass(frozen=True, slots=True)
class ScoreEntry:
    """A score in the ledger: `state` is scored, skipped or failed, and only a scored one has a `score`."""

    answer_id: str
    metric: str
    version: str
    state: str
    score: float | None
    reason: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowEntry:
    """Which answer an evaluation read for its `ordinal`-th case on one side: candidate or baseline."""

    side: str
    ordinal: int
    case_sha256: str
    answer_id: str


class EvaluationRepository:
    """Evaluations, newest first, and which answers each of them read."""

    erases: ClassVar[Tables] = (evaluations,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, record: EvaluationRecord) -> None:
        """Store a new evaluation. Its release and its baseline are on record.

        An evaluation of the same that still counts as running was killed, or is about to be told the same: it is given
        up, and what it has answered so far is read from the ledger.
        """
        row = {name: getattr(record, name) for name in record.__dataclass_fields__}
        same = [
            getattr(evaluations.c, name) == getattr(record, name) for name in ("release_id", "baseline_id", "dataset")
        ]
        given_up = {"state": "failed", "error": "Given up: it was started again.", "finished_at": record.created_at}
        with self._database.transaction() as connection:
            connection.execute(update(evaluations).where(evaluations.c.state == "running", *same).values(**given_up))
            connection.execute(insert(evaluations), row)

    def finish(self, evaluation_id: str, *, verdict: str, passes: bool, report: Mapping[str, Any]) -> None:
        self._set(evaluation_id, state="finished", verdict=verdict, passes=passes, report=dict(report))

    def fail(self, evaluation_id: str, error: str) -> None:
        self._set(evaluation_id, state="failed", error=error)

    def get(self, evaluation_id: str) -> EvaluationRecord | None:
        """The evaluation with this id, or whose id begins so; None if there is none or more than one."""
        query = select(evaluations).where(evaluations.c.id.startswith(evaluation_id, autoescape=True)).limit(2)
        with self._database.transaction() as connection:
            rows = connection.execute(query).all()
        return _evaluation(rows[0]) if len(rows) == 1 else None

    def latest(self, limit: int = 50) -> list[EvaluationRecord]:
        """The newest evaluations, without their reports, which may have megabytes: `get` has them."""
        return self._headers(limit)

    def latest_finished(self, release_id: str) -> EvaluationRecord | None:
        """The newest finished evaluation of a release, the one to decide on, without its report."""
        found = self._headers(1, evaluations.c.release_id == release_id, evaluations.c.state == "finished")
        return found[0] if found else None

    def _headers(self, limit: int, *conditions: ColumnElement[bool]) -> list[EvaluationRecord]:
        columns = [column for column in evaluations.c if column.name != "report"]
        query = select(*columns).where(*conditions).order_by(evaluations.c.created_at.desc()).limit(limit)
        with self._database.transaction() as connection:
            return [EvaluationRecord(**row._asdict(), report=None) for row in connection.execute(query)]

    def save_rows(self, evaluation_id: str, rows: Iterable[RowEntry]) -> None:
        """Note which answers the evaluation reads; noting the same again changes nothing."""
        values = [
            {"evaluation_id": evaluation_id, **{name: getattr(row, name) for name in row.__dataclass_fields__}}
            for row in rows
        ]
        _upsert(self._database, evaluation_rows, values)

    def rows(self, evaluation_id: str) -> list[RowEntry]:
        """The rows in the dataset's order."""
        query = select(evaluation_rows).where(evaluation_rows.c.evaluation_id == evaluation_id)
        with self._database.transaction() as connection:
            found = connection.execute(query.order_by(evaluation_rows.c.ordinal, evaluation_rows.c.side))
            return [RowEntry(row.side, row.ordinal, row.case_sha256, row.answer_id) for row in found]

    def revisions(self, evaluation_id: str) -> dict[str, int]:
        """Each collection that the evaluation's answers came from, and the lowest revision that one of them read."""
        answer = evaluation_answers.c.answer
        query = (
            select(answer["collection"].as_string(), answer["revision"].as_integer())
            .join(evaluation_rows, evaluation_rows.c.answer_id == evaluation_answers.c.id)
            .where(evaluation_rows.c.evaluation_id == evaluation_id, evaluation_answers.c.state == "answered")
            .distinct()
        )
        with self._database.transaction() as connection:
            found = [(str(name), int(revision)) for name, revision in connection.execute(query)]
        return dict(sorted(found, reverse=True))  # of a collection's revisions the lowest comes last and stays

    def reports(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every report with the id of its evaluation, some at a time."""
        query = select(evaluations.c.id, evaluations.c.report)
        return ((row.id, row.report) for row in every(self._database, query) if row.report is not None)

    def erase(self, traces: Traces) -> dict[str, int]:
        def change(row: Row[Any]) -> Changed:
            report = row.report and traces.report(row.report)
            return {} if report == row.report else {"report": report}

        return {"reports": rewrite(self._database, evaluations, ("report",), change)}

    def _set(self, evaluation_id: str, **values: Any) -> None:
        changed = {**values, "finished_at": datetime.now(UTC)}
        with self._database.transaction() as connection:
            connection.execute(update(evaluations).where(evaluations.c.id == evaluation_id).values(**changed))


class EvaluationLedger:
    """Answers and scores, shared by all evaluations. Saving an entry again replaces it."""

    erases: ClassVar[Tables] = (evaluation_answers, evaluation_scores)

    def __init__(self, database: Database) -> None:
        self._database = database

    def answers(self, ids: Sequence[str]) -> dict[str, AnswerEntry]:
        """Those of these answers that are in the ledger, by id."""
        found: dict[str, AnswerEntry] = {}
        with self._database.transaction() as connection:
            for part in _parts(ids):
                query = select(evaluation_answers).where(evaluation_answers.c.id.in_(part))
                for row in connection.execute(query):
                    found[row.id] = AnswerEntry(
                        row.id, row.release_id, row.case_sha256, row.state, row.answer, row.reason
                    )
        return found

    def scores(self, answer_ids: Sequence[str]) -> list[ScoreEntry]:
        """Every score of these answers, of whatever metric and version."""
        found: list[ScoreEntry] = []
        with self._database.transaction() as connection:
            for part in _parts(answer_ids):
                query = select(evaluation_scores).where(evaluation_scores.c.answer_id.in_(part))
                found += [
                    ScoreEntry(row.answer_id, row.metric, row.version, row.state, row.score, row.reason, row.detail)
                    for row in connection.execute(query)
                ]
        return found

    def save_answers(self, entries: Iterable[AnswerEntry]) -> None:
        _upsert(self._database, evaluation_answers, _dated(entries))

    def save_scores(self, entries: Iterable[ScoreEntry]) -> None:
        _upsert(self._database, evaluation_scores, _dated(entries))

    def every_answer(self) -> Iterator[Mapping[str, Any]]:
        """Every answer that is kept, some at a time."""
        query = select(evaluation_answers.c.answer)
        return (row.answer for row in every(self._database, query) if row.answer is not None)

    def erase(self, traces: Traces) -> dict[str, int]:
        """Forget the answers, and what their scores say in words: both at once, since only the answers lead there."""
        query = select(*(evaluation_answers.c[name] for name in ("id", "case_sha256", "answer")))
        rows = (row for row in every(self._database, query) if row.answer is not None)
        found = [row.id for row in rows if traces.evaluated(row.case_sha256, row.answer)]
        gone = {"answer": None, "state": "failed", "reason": "What it rested on was erased."}
        for part in _parts(found):
            scores = update(evaluation_scores).where(evaluation_scores.c.answer_id.in_(part))
            answers = update(evaluation_answers).where(evaluation_answers.c.id.in_(part))
            with self._database.transaction() as connection:
                connection.execute(scores.values(reason="", detail={}))
                connection.execute(answers.values(**gone))
        return {"evaluation_answers": len(found)}


def _dated(entries: Iterable[AnswerEntry | ScoreEntry]) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [{**{name: getattr(entry, name) for name in entry.__dataclass_fields__}, "at": now} for entry in entries]


def _upsert(database: Database, table: Table, values: Sequence[dict[str, Any]]) -> None:
    if not values:
        return
    dialect = postgresql if database.engine.dialect.name == "postgresql" else sqlite
    key = [column.name for column in table.primary_key]
    with database.transaction() as connection:
        for start in range(0, len(values), _BATCH):
            statement = dialect.insert(table)
            changed = {name: statement.excluded[name] for name in values[0] if name not in key}
            connection.execute(
                statement.on_conflict_do_update(index_elements=key, set_=changed), values[start : start + _BATCH]
            )


def _parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def _evaluation(row: Row[Any]) -> EvaluationRecord:
    return EvaluationRecord(**row._asdict())
