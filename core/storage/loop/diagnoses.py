"""Why answers were bad, as it was found out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Row, insert, select

from core.errors import InputError, StoredValueError
from core.loop.diagnosis import Cause, Diagnosis, DiagnosisEvidence, DiagnosisSubject
from core.storage.database import Database
from core.storage.erasure import Tables, Traces, every, rewrite
from core.storage.loop.stored_values import StoredValue
from core.storage.tables import diagnoses


def _judged(evidence: Mapping[str, Any]) -> Mapping[str, Any]:
    """Diagnoses that were made before there could be a judge do not say what it said."""
    return {"judged": None, **evidence}


EVIDENCE = StoredValue("diagnoses", "evidence", DiagnosisEvidence.model_validate, upcasts=(_judged,))


class DiagnosisRepository:
    """Diagnoses, append-only; the newest of a subject stands."""

    erases: ClassVar[Tables] = (diagnoses,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, made: Diagnosis) -> None:
        with self._database.transaction() as connection:
            connection.execute(insert(diagnoses), _fields(made) | {"evidence": EVIDENCE.write(made.evidence)})

    def standing(self, subjects: Iterable[DiagnosisSubject]) -> dict[DiagnosisSubject, Diagnosis]:
        """The newest diagnosis of each of these subjects, by subject."""
        found: dict[DiagnosisSubject, Diagnosis] = {}
        wanted = [str(subject) for subject in subjects]
        for start in range(0, len(wanted), 500):
            query = select(diagnoses).where(diagnoses.c.subject.in_(wanted[start : start + 500]))
            with self._database.transaction() as connection:
                found |= {each.subject: each for each in _oldest_first(connection.execute(query))}
        return found

    def of_votes(self, vote_ids: Iterable[str]) -> dict[str, Diagnosis]:
        """The newest diagnosis of each of these votes, by the vote's id."""
        subjects = {DiagnosisSubject.of_vote(vote_id): vote_id for vote_id in vote_ids}
        return {subjects[subject]: made for subject, made in self.standing(subjects).items()}

    def since(self, moment: datetime) -> list[Diagnosis]:
        """The standing diagnoses that were made since then, oldest first."""
        query = select(diagnoses).where(diagnoses.c.at >= moment)
        with self._database.transaction() as connection:
            newest = {each.subject: each for each in _oldest_first(connection.execute(query))}
        return sorted(newest.values(), key=lambda each: (each.at, each.id))

    def every(self) -> Iterator[Diagnosis]:
        """All there are, some at a time."""
        return (_diagnosis(row) for row in every(self._database, select(diagnoses)))

    def erase(self, traces: Traces) -> dict[str, int]:
        columns = ("subject", "question", "summary", "evidence")
        removed = rewrite(self._database, diagnoses, columns, lambda row: None if traces.diagnosis(row) else {})
        return {"diagnoses": removed}


def diagnosis_json(made: Diagnosis) -> dict[str, Any]:
    """A diagnosis as the public surface shows it."""
    return _fields(made) | {"at": made.at.isoformat(), "evidence": made.evidence.model_dump(mode="json")}


def _fields(made: Diagnosis) -> dict[str, Any]:
    return {name: getattr(made, name) for name in Diagnosis.__dataclass_fields__} | {"subject": str(made.subject)}


def _oldest_first(rows: Iterable[Row[Any]]) -> Iterator[Diagnosis]:
    yield from sorted(map(_diagnosis, rows), key=lambda each: (each.at, each.id))


def _diagnosis(row: Row[Any]) -> Diagnosis:
    read = {
        "subject": _subject(row),
        "cause": Cause(row.cause),
        "evidence": EVIDENCE.read(row.id, row.evidence),
    }
    return Diagnosis(**row._asdict() | read)


def _subject(row: Row[Any]) -> DiagnosisSubject:
    try:
        return DiagnosisSubject.parse(row.subject)
    except InputError as error:
        message = f"The row {row.id} of the table diagnoses has a broken subject: {error.message}"
        raise StoredValueError(message, hint="Restore the row from a backup, or delete it.") from error
