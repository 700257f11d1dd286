"""The ledger of erasures, and the walk through stored rows that erasing takes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from core.storage.database import Database
from core.storage.erasure import rewrite
from core.storage.evals.datasets import DatasetRepository, StoredCase, erase_cases, retried
from core.storage.loop.erasures import ErasureRepository, Subject
from core.storage.tables import api_keys, embedders
from core.types import digest


def rows(database: Database) -> dict[str, str]:
    with database.transaction() as connection:
        return {row.fingerprint: row.name for row in connection.execute(select(embedders))}


def fill(database: Database, count: int) -> None:
    values = [
        {"fingerprint": f"{number:05}", "name": f"name {number}", "location": "here", "added_at": datetime.now(UTC)}
        for number in range(count)
    ]
    with database.transaction() as connection:
        if values:
            connection.execute(insert(embedders), values)


def test_the_ledger_keeps_of_a_subject_only_its_hash(database: Database) -> None:
    ledger = ErasureRepository(database)
    ledger.record(Subject.AUTHOR, "Ben Böhm", "ann", {"feedback": 3})
    ledger.record(Subject.DOCUMENT, "docs/a.md", "ann", {"index": 1})
    newest, oldest = ledger.all()
    assert (oldest.kind, oldest.actor, oldest.receipt) == (Subject.AUTHOR, "ann", {"feedback": 3})
    assert "Ben" not in str(oldest)
    assert newest.kind is Subject.DOCUMENT
    assert "docs/a.md" in ledger.subjects(Subject.DOCUMENT)
    assert "docs/a.md" not in ledger.subjects(Subject.AUTHOR)
    assert "docs/b.md" not in ledger.subjects(Subject.DOCUMENT)


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 450])
def test_every_row_is_looked_at_once_and_changed_removed_or_left(database: Database, count: int) -> None:
    fill(database, count)
    seen: list[str] = []

    def change(row: object) -> dict[str, str] | None:
        fingerprint = row.fingerprint  # type: ignore[attr-defined]
        seen.append(fingerprint)
        return {0: None, 1: {"name": "changed"}, 2: {}}[int(fingerprint) % 3]

    expected = {
        f"{number:05}": "changed" if number % 3 == 1 else f"name {number}" for number in range(count) if number % 3
    }
    assert rewrite(database, embedders, ("name",), change) == sum(number % 3 != 2 for number in range(count))
    assert seen == sorted(seen)
    assert len(seen) == count
    assert rows(database) == expected


def test_an_empty_table_has_nothing_to_change(database: Database) -> None:
    assert rewrite(database, api_keys, (), lambda _row: None) == 0


def stored(*names: str) -> list[StoredCase]:
    return [StoredCase(digest(name), {"question": name}) for name in names]


def test_an_erased_case_leaves_every_version_and_its_hash_stays(database: Database) -> None:
    repository = DatasetRepository(database)
    for dataset in ("one", "two"):
        repository.save(dataset, stored("kept", "gone"), created_by="ann", reason="a test")
    repository.save("other", stored("kept"), created_by="ann", reason="a test")
    gone = digest("gone")
    retried(database, lambda connection: erase_cases(connection, {gone}, by="root", reason="Erased."))
    for dataset in ("one", "two"):
        newest = repository.get(dataset)
        assert newest is not None
        assert (newest.version, newest.cases, newest.created_by) == (2, (digest("kept"),), "root")
    assert repository.get("other").version == 1  # type: ignore[union-attr]
    assert repository.contents([digest("kept"), gone]) == {digest("kept"): {"question": "kept"}}
    with database.transaction() as connection:
        assert "gone" not in str(connection.exec_driver_sql("SELECT content FROM evaluation_cases").all())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # PostgreSQL's files are its own
def test_what_was_deleted_is_not_in_the_database_file(database: Database) -> None:
    fill(database, 50)
    file = Path(str(database.engine.url.database))
    database.settle()
    assert b"name 17" in file.read_bytes()
    rewrite(database, embedders, (), lambda row: None if row.fingerprint == "00017" else {})
    database.settle()
    files = list(file.parent.glob(f"{file.name}*"))
    assert not any(b"name 17" in each.read_bytes() for each in files)
    assert any(b"name 18" in each.read_bytes() for each in files)
