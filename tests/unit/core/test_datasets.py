"""Dataset versions are immutable, shared by content, and never half stored, whoever else stores at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from core.storage.database import Database
from core.storage.evals.datasets import DatasetRepository, StoredCase
from core.storage.tables import evaluation_cases
from core.types import digest


def case(text: str) -> StoredCase:
    return StoredCase(digest(text), {"question": text})


def save(database: Database, *texts: str, dataset: str = "questions") -> int:
    saved = DatasetRepository(database).save(dataset, [case(text) for text in texts], created_by="ann", reason="a test")
    return saved.version


def test_each_change_is_the_next_version_and_old_ones_stay(database: Database) -> None:
    assert save(database, "a", "b") == 1
    assert save(database, "a", "c") == 2
    repository = DatasetRepository(database)
    first, newest = repository.get("questions", 1), repository.get("questions")
    assert first is not None
    assert newest is not None
    assert first.cases == (digest("a"), digest("b"))
    assert newest.version == 2
    assert (newest.created_by, newest.reason) == ("ann", "a test")
    assert [version.version for version in repository.versions("questions")] == [1, 2]


def test_equal_content_is_the_version_there_is(database: Database) -> None:
    save(database, "a")
    save(database, "b")
    assert save(database, "a") == 1
    assert save(database, "a", dataset="others") == 1


def test_versions_share_the_cases_that_did_not_change(database: Database) -> None:
    save(database, *"abc")
    save(database, *"abcd")
    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(evaluation_cases)).scalar() == 4
    assert set(DatasetRepository(database).contents([digest("a"), digest("z")])) == {digest("a")}


def test_more_cases_than_a_statement_may_bind_are_stored_and_found(database: Database) -> None:
    texts = [f"case {number}" for number in range(1201)]
    save(database, *texts)
    assert len(DatasetRepository(database).contents([digest(text) for text in texts])) == 1201


@pytest.mark.parametrize("same", [True, False])
def test_people_who_save_at_the_same_moment_lose_nothing(database: Database, same: bool) -> None:
    with ThreadPoolExecutor(8) as threads:
        versions = list(threads.map(lambda number: save(database, "a" if same else f"case {number}"), range(8)))
    assert sorted(versions) == ([1] * 8 if same else list(range(1, 9)))


def test_a_dataset_that_is_not_there_is_none(database: Database) -> None:
    assert DatasetRepository(database).get("questions") is None
    save(database, "a")
    assert DatasetRepository(database).get("questions", 2) is None
    assert [version.dataset for version in DatasetRepository(database).newest()] == ["questions"]
