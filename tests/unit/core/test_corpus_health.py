"""How fresh and whole the corpus is, by source."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from core.storage.corpus_health import CorpusHealthRepository, SourceHealth
from core.storage.database import Database
from core.storage.documents import DocumentRepository, RunRepository
from core.storage.tables import ingestion_runs, manifest
from core.types import AccessScope, DocumentState, ManifestEntry
from tests.support.loop_rows import NOON
from tests.support.stored_documents import document, entry

EVERYTHING = AccessScope.everything()


def failed(uri: str, *access: str) -> ManifestEntry:
    return replace(
        entry(document(uri, access=access or ("public",))),
        state=DocumentState.FAILED,
        failure_kind="timeout",
        failure_reason="It took too long.",
    )


def finish(database: Database, run: str, collection: str, hours_ago: int, state: str = "finished") -> None:
    runs = RunRepository(database)
    runs.start(run, "docs", collection)
    runs.finish(run, state, {})
    at = NOON - timedelta(hours=hours_ago)
    with database.transaction() as connection:
        connection.execute(update(ingestion_runs).where(ingestion_runs.c.id == run).values(finished_at=at))


def age(database: Database, collection: str | None = "live") -> float | None:
    (source,) = CorpusHealthRepository(database).sources(collection)
    return (NOON - source.ingested_at).total_seconds() / 3600 if source.ingested_at else None


def test_a_source_is_told_by_what_the_collection_holds_of_it(database: Database) -> None:
    documents = DocumentRepository(database)
    documents.save_source("empty", "/somewhere")
    documents.save_entries("live", "run", [entry(document("docs/a.md")), failed("docs/b.md")])
    documents.save_entries("other", "run", [entry(document("docs/c.md"))])

    assert CorpusHealthRepository(database).sources("live") == [
        SourceHealth("docs", 1, 0, 1, None),
        SourceHealth("empty", 0, 0, 0, None),
    ]
    assert [source.source for source in CorpusHealthRepository(database).sources(None)] == ["empty"]


def test_a_source_is_as_fresh_as_the_last_run_that_finished(database: Database) -> None:
    DocumentRepository(database).save_source("docs", "/somewhere")
    assert age(database) is None
    finish(database, "first", "live", 30)
    finish(database, "second", "live", 20)
    finish(database, "third", "live", 10, state="failed")
    assert age(database) == 20


def test_a_run_into_a_candidates_collection_freshens_nothing_that_is_live(database: Database) -> None:
    DocumentRepository(database).save_source("docs", "/somewhere")
    finish(database, "live", "live", 30)
    finish(database, "beside", "candidate", 1)
    assert age(database) == 30


def test_a_rebuilt_collection_is_as_fresh_as_what_it_was_rebuilt_from(database: Database) -> None:
    DocumentRepository(database).save_source("docs", "/somewhere")
    finish(database, "first", "old", 30)
    assert age(database, "rebuilt") == 30


def test_what_was_read_into_a_candidate_after_a_rebuild_freshens_nothing_that_is_live(database: Database) -> None:
    finish(database, "first", "old", 30)
    DocumentRepository(database).save_entries("rebuilt", "rebuild", [entry(document("docs/a.md"))])
    with database.transaction() as connection:
        connection.execute(update(manifest).values(changed_at=NOON - timedelta(hours=20)))
    finish(database, "beside", "candidate", 1)
    assert age(database, "rebuilt") == 30


def test_failed_documents_are_shown_to_those_who_may_see_them_and_counted_for_all(database: Database) -> None:
    secret = failed("docs/secret.md", "board")
    DocumentRepository(database).save_entries("live", "run", [failed("docs/b.md"), secret])
    health = CorpusHealthRepository(database)

    shown, total = health.failures("live", AccessScope.of("public"), 10)

    assert ([one.uri for one in shown], total) == (["docs/b.md"], 2)
    assert (shown[0].kind, shown[0].reason) == ("timeout", "It took too long.")
    assert len(health.failures("live", EVERYTHING, 10)[0]) == 2
    assert len(health.failures("live", EVERYTHING, 1)[0]) == 1


def test_a_document_that_was_read_in_part_is_listed_with_what_is_missing(database: Database) -> None:
    partial = replace(entry(document("docs/scan.pdf")), missing="Page 2 is a picture without text.")
    DocumentRepository(database).save_entries("live", "run", [partial, entry(document("docs/whole.md"))])

    shown, total = CorpusHealthRepository(database).failures("live", EVERYTHING, 10)

    assert [(one.uri, one.kind, one.reason) for one in shown] == [
        ("docs/scan.pdf", "partial", "Page 2 is a picture without text.")
    ]
    assert total == 1
