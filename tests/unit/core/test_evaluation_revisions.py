"""What an evaluation's answers were read from, so that an approval can say whether documents changed since."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import insert

from core.storage.database import Database
from core.storage.evals.evaluations import (
    AnswerEntry,
    EvaluationLedger,
    EvaluationRecord,
    EvaluationRepository,
    RowEntry,
)
from core.storage.releases import ReleaseRepository
from core.storage.tables import evaluation_cases
from tests.support.manifests import manifest


def test_the_lowest_revision_of_each_collection_is_found_and_failed_answers_have_none(database: Database) -> None:
    release = ReleaseRepository(database).install_first(manifest(), "me", "test")
    repository, ledger = EvaluationRepository(database), EvaluationLedger(database)
    record = EvaluationRecord(
        id="e", release_id=release.id, baseline_id=None, dataset="d", dataset_version=1, dataset_sha256="s",
        configuration={}, state="running", verdict=None, passes=None, report=None, error=None, created_by="ann",
        created_at=datetime.now(UTC), finished_at=None,
    )  # fmt: skip
    repository.start(record)
    with database.transaction() as connection:
        connection.execute(insert(evaluation_cases), {"sha256": "c", "content": {}})
    read = [("documents-1", 5), ("documents-1", 3), ("documents-2", 7), ("documents-1", 9)]
    answers = [
        AnswerEntry(str(number), release.id, "c", "answered", {"collection": name, "revision": revision}, "")
        for number, (name, revision) in enumerate(read)
    ]
    ledger.save_answers([*answers, AnswerEntry("failed", release.id, "c", "failed", None, "the index was down")])
    repository.save_rows("e", [RowEntry("candidate", n, "c", entry.id) for n, entry in enumerate(answers)])
    repository.save_rows("e", [RowEntry("baseline", 0, "c", "failed")])
    assert repository.revisions("e") == {"documents-1": 3, "documents-2": 7}
    assert repository.revisions("another") == {}
