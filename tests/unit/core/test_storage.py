"""What the database keeps, on SQLite and on PostgreSQL (see conftest.py)."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Connection, insert, inspect, text

from core.errors import StoreUnavailableError
from core.settings import Settings, load_settings
from core.storage.database import MIGRATIONS, Database, head_revision, migrate
from core.storage.documents import DocumentRepository, EmbeddingMemo, RunRepository
from core.storage.interactions import InteractionRepository
from core.storage.tables import interactions, metadata
from core.storage.usage import UsageRepository
from core.types import AccessScope, DocumentState
from tests.support.stored_documents import document, entry


def test_the_migrations_build_exactly_the_tables_the_code_uses(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_answers_from_before_models_were_served_stay_readable_when_the_database_is_upgraded(database: Database) -> None:
    before = {
        "id": "i-0", "at": datetime(2026, 1, 2, tzinfo=UTC), "origin": "api", "api_key_id": None, "release_id": "r" * 64,
        "collection": "c", "revision": 1, "question": "Who?", "history": [], "query": "Who?", "answer": "The lead. [1]",
        "abstained": False, "degraded": False, "confidence": 0.9, "passages": [], "citations": [],
        "prompt": {"name": "answer", "version": 1, "sha256": "p"}, "timings": {"total": 0.1},
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }  # fmt: skip
    with database.transaction() as connection:
        downgrade(connection, "0002")
        assert not {"model", "cost"} & {column["name"] for column in inspect(connection).get_columns("interactions")}
        connection.execute(insert(interactions), before)
    migrate(database)
    found = InteractionRepository(database).get("i-0")
    assert found is not None
    assert (found.answer, found.prompt["version"], found.model, found.cost) == ("The lead. [1]", 1, None, None)
    (row,) = UsageRepository(database).rows("all", before["at"])
    assert (row.answers, row.by_model, row.cost) == (1, 0, None)


def downgrade(connection: Connection, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def test_migrating_twice_changes_nothing(database: Database) -> None:
    migrate(database)
    with database.transaction() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [head_revision()]


def test_sqlite_runs_in_wal_mode(settings: Settings) -> None:
    database = Database.open(settings)
    with database.transaction() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_transaction_that_raises_leaves_nothing_behind(database: Database) -> None:
    def half_done() -> None:
        with database.transaction() as connection:
            connection.execute(text("INSERT INTO sources (name, root, seen_at) VALUES ('a', 'b', '2026-01-01')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    assert DocumentRepository(database).source_root("a") is None


def test_a_file_that_is_no_database_is_an_outage_with_a_hint(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / "ragloop.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreUnavailableError) as caught:
        Database.open(settings)
    assert caught.value.hint


def test_a_database_that_cannot_be_reached_is_an_outage_that_hides_the_password(settings: Settings) -> None:
    down = load_settings(home=settings.home, database_url="postgresql://u:hush@127.0.0.1:1/x")
    with pytest.raises(StoreUnavailableError) as caught:
        Database.open(down)
    assert "hush" not in caught.value.message
    assert "RAGLOOP_DATABASE_URL" in caught.value.hint


def test_a_document_comes_back_as_it_was_saved_and_is_replaced_by_its_next_version(database: Database) -> None:
    repository = DocumentRepository(database)
    repository.save("docs", "c", [document("docs/a.md", "Ünï 😀\n", ("hr", "legal"))])
    assert repository.get(document("docs/a.md").id) == document("docs/a.md", "Ünï 😀\n", ("hr", "legal"))
    repository.save("docs", "c", [document("docs/a.md", "New")])
    assert repository.get(document("docs/a.md").id) == document("docs/a.md", "New")


def test_documents_are_paged_in_order_of_uri(database: Database) -> None:
    repository = DocumentRepository(database)
    repository.save("docs", "c", [document(f"docs/{name}.md") for name in "cab"])
    first = repository.page(limit=2)
    assert [item.uri for item in first] == ["docs/a.md", "docs/b.md"]
    assert [item.uri for item in repository.page(after=first[-1].uri)] == ["docs/c.md"]


def test_more_documents_than_a_statement_has_room_for_are_removed(database: Database) -> None:
    repository = DocumentRepository(database)
    many = [document(f"docs/{n}.md") for n in range(1200)]
    repository.save("docs", "c", many)
    assert repository.remove(item.id for item in many) == 1200


def test_each_collection_has_a_manifest_of_its_own(database: Database) -> None:
    repository = DocumentRepository(database)
    item = entry(document("docs/a.md"))
    repository.save_entries("one", "run", [item])
    assert repository.entries("one") == {item.document_id: item}
    assert repository.entries("two") == {}
    assert repository.count("one") == 1
    assert repository.holders(item.document_id) == ["one"]
    repository.remove_entries("one", [item.document_id])
    assert repository.entries("one") == {}


def test_only_indexed_documents_count(database: Database) -> None:
    repository = DocumentRepository(database)
    repository.save_entries("one", "run", [entry(document("docs/a.md"), DocumentState.FAILED)])
    assert repository.count("one") == 0


def test_a_run_is_recorded_from_start_to_report(database: Database) -> None:
    runs = RunRepository(database)
    runs.start("r1", "docs", "collection")
    assert runs.latest()[0].state == "running"
    runs.finish("r1", "finished", {"seen": 1})
    run = runs.latest()[0]
    assert (run.state, run.report) == ("finished", {"seen": 1})
    assert run.finished_at is not None
    assert run.finished_at.tzinfo is not None


def test_the_memo_returns_the_vectors_it_was_given_for_that_embedder_only(database: Database) -> None:
    memo = EmbeddingMemo(database)
    vectors = {f"{n:064}": np.full(4, n, dtype=np.float32) for n in range(1100)}
    memo.put("e1", vectors)
    memo.put("e1", vectors)
    found = memo.get("e1", [*vectors, "unknown"])
    assert found.keys() == vectors.keys()
    assert all(np.array_equal(found[key], vectors[key]) for key in vectors)
    assert memo.get("e2", list(vectors)) == {}
    assert memo.remove(vectors) == 1100


def test_every_table_has_a_primary_key(database: Database) -> None:
    inspector = inspect(database.engine)
    assert all(inspector.get_pk_constraint(table)["constrained_columns"] for table in metadata.tables)


def test_a_scope_sees_the_documents_that_share_a_label_with_it(database: Database) -> None:
    repository = DocumentRepository(database)
    saved = [document("docs/hr.md", access=("hr", "legal")), document("docs/open.md"), document("docs/x.md", access=())]
    repository.save("docs", "c", saved)
    for labels, seen in (
        (("hr",), ["docs/hr.md"]),
        (("public", "legal"), ["docs/hr.md", "docs/open.md"]),
        (("other",), []),
        ((), []),
    ):
        scope = AccessScope.of(*labels)
        assert [item.uri for item in repository.page(scope=scope)] == seen
        assert repository.visible([item.id for item in saved], scope) == {document(uri).id for uri in seen}
    assert len(repository.page(scope=AccessScope.everything())) == 3
