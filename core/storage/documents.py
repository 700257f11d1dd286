"""Documents, the manifest, ingestion runs and the embedding memo: what ingestion knows and remembers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
from sqlalchemy import Column, ColumnElement, Connection, Row, Table, delete, exists, func, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from core.storage.database import Database
from core.storage.erasure import Tables, Traces, scrub
from core.storage.tables import documents, embedding_memo, ingestion_runs, manifest, sources
from core.text.document_uri import ATTACHED
from core.text.personal_data import PersonalDataPolicy
from core.types import AccessScope, Document, DocumentState, ManifestEntry, TextFormat, Vector

# SQLite allows 32,766 bound values in a statement; this many ids keeps well below on every database.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A document as lists show it: everything but its text."""

    id: str
    uri: str
    source: str
    title: str
    media_type: str
    characters: int
    access: tuple[str, ...]
    converted_at: datetime


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """Which version of a document's text is stored, and how long it is."""

    content_sha256: str
    access: tuple[str, ...]
    characters: int


@dataclass(frozen=True, slots=True)
class IngestionRun:
    """One run of ingestion; `report` is None while it runs."""

    id: str
    source: str
    collection: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    report: Mapping[str, Any] | None


class DocumentRepository:
    """Converted documents, and which collection holds which version of each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- sources

    def source_root(self, name: str) -> str | None:
        """Where the source was last read from; None if it is new."""
        with self._database.transaction() as connection:
            return connection.execute(select(sources.c.root).where(sources.c.name == name)).scalar()

    def personal_data_policy(self, source: str) -> PersonalDataPolicy:
        """What was last decided for the source."""
        with self._database.transaction() as connection:
            stored = connection.execute(select(sources.c.personal_data).where(sources.c.name == source)).scalar()
        return PersonalDataPolicy(stored or PersonalDataPolicy.KEEP)

    def save_source(self, name: str, root: str, personal_data: PersonalDataPolicy = PersonalDataPolicy.KEEP) -> None:
        row = {"name": name, "root": root, "personal_data": personal_data.value, "seen_at": _now()}
        with self._database.transaction() as connection:
            _upsert(connection, sources, [row])

    # -- documents

    def save(self, source: str, converter_fingerprint: str, items: Iterable[Document]) -> None:
        """Store the converted text of each document, replacing an earlier version."""
        rows = [_document_row(source, converter_fingerprint, item) for item in items]
        with self._database.transaction() as connection:
            _upsert(connection, documents, rows)

    def get(self, document_id: str) -> Document | None:
        with self._database.transaction() as connection:
            row = connection.execute(select(documents).where(documents.c.id == document_id)).first()
        return _document(row) if row else None

    def attached_to(self, uri: str) -> list[str]:
        """Ids of what came with the document at `uri`: the files in a message, and those in messages in it."""
        within = uri + ATTACHED
        stored = select(documents.c.id).where(func.substr(documents.c.uri, 1, len(within)) == within)
        listed = select(manifest.c.document_id).where(func.substr(manifest.c.uri, 1, len(within)) == within)
        with self._database.transaction() as connection:
            return sorted({*connection.execute(stored).scalars(), *connection.execute(listed).scalars()})

    def versions(self) -> dict[str, StoredVersion]:
        """The version of every document's text, by document id."""
        columns = documents.c.id, documents.c.content_sha256, documents.c.access, func.length(documents.c.text)
        with self._database.transaction() as connection:
            return {
                key: StoredVersion(content_sha256, tuple(access), characters)
                for key, content_sha256, access, characters in connection.execute(select(*columns))
            }

    def page(
        self, *, after: str = "", limit: int = 100, source: str | None = None, scope: AccessScope | None = None
    ) -> list[DocumentSummary]:
        """Up to `limit` documents in order of URI, beginning behind `after`, of those that `scope` allows."""
        columns = [c for c in documents.c if c.name not in ("text", "page_starts")]
        query = select(*columns, func.length(documents.c.text).label("characters")).where(documents.c.uri > after)
        if source is not None:
            query = query.where(documents.c.source == source)
        with self._database.transaction() as connection:
            query = query.where(allowed(connection, documents.c.access, scope))
            rows = connection.execute(query.order_by(documents.c.uri).limit(limit)).all()
        return [_summary(row) for row in rows]

    def visible(self, document_ids: Iterable[str], scope: AccessScope) -> set[str]:
        """Those of the documents that are there and that `scope` allows."""
        found: set[str] = set()
        with self._database.transaction() as connection:
            may_be_seen = allowed(connection, documents.c.access, scope)
            for batch in _batches(document_ids):
                found.update(
                    connection.execute(select(documents.c.id).where(documents.c.id.in_(batch), may_be_seen)).scalars()
                )
        return found

    def remove(self, document_ids: Iterable[str]) -> int:
        """Forget the documents' text. Returns how many there were."""
        removed = 0
        with self._database.transaction() as connection:
            for batch in _batches(document_ids):
                removed += connection.execute(delete(documents).where(documents.c.id.in_(batch))).rowcount
        return removed

    # -- manifest

    def entries(self, collection: str, source: str | None = None) -> dict[str, ManifestEntry]:
        """The collection's manifest by document id, of one source or of all."""
        query = select(manifest).where(manifest.c.collection == collection)
        if source is not None:
            query = query.where(manifest.c.source == source)
        with self._database.transaction() as connection:
            return {row.document_id: _entry(row) for row in connection.execute(query)}

    def entry(self, collection: str, document_id: str) -> ManifestEntry | None:
        """What the collection's manifest says of one document."""
        query = select(manifest).where(manifest.c.collection == collection, manifest.c.document_id == document_id)
        with self._database.transaction() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else _entry(row)

    def held(self, collection: str) -> dict[str, tuple[DocumentState, int]]:
        """State and number of chunks of each of the collection's documents, at a tenth of the cost of `entries`."""
        query = select(manifest.c.document_id, manifest.c.state, manifest.c.chunks)
        states = {state.value: state for state in DocumentState}
        with self._database.transaction() as connection:
            rows = connection.execute(query.where(manifest.c.collection == collection))
            return {document: (states[state], chunks) for document, state, chunks in rows.tuples()}

    def save_entries(self, collection: str, run_id: str, entries: Iterable[ManifestEntry]) -> None:
        rows = [_entry_row(collection, run_id, entry) for entry in entries]
        with self._database.transaction() as connection:
            _upsert(connection, manifest, rows)

    def remove_entries(self, collection: str, document_ids: Iterable[str]) -> None:
        with self._database.transaction() as connection:
            for batch in _batches(document_ids):
                connection.execute(
                    delete(manifest).where(manifest.c.collection == collection, manifest.c.document_id.in_(batch))
                )

    def holders(self, document_id: str) -> list[str]:
        """Names of the collections whose manifest lists the document."""
        with self._database.transaction() as connection:
            query = select(manifest.c.collection).where(manifest.c.document_id == document_id)
            return sorted(connection.execute(query).scalars())

    def held_only_by(self, collection: str) -> list[str]:
        """Ids of the documents that this collection's manifest lists and no other's, sorted."""
        ours = select(manifest.c.document_id).where(manifest.c.collection == collection)
        others = select(manifest.c.document_id).where(manifest.c.collection != collection).distinct()
        with self._database.transaction() as connection:
            return sorted({*connection.execute(ours).scalars()} - {*connection.execute(others).scalars()})

    def count(self, collection: str, scope: AccessScope | None = None) -> int:
        """Number of documents the collection holds, of those that `scope` allows."""
        query = select(func.count()).where(
            manifest.c.collection == collection, manifest.c.state == DocumentState.INDEXED
        )
        with self._database.transaction() as connection:
            query = query.where(allowed(connection, manifest.c.access, scope))
            return int(connection.execute(query).scalar_one())


class RunRepository:
    """Ingestion runs and their reports."""

    erases: ClassVar[Tables] = (ingestion_runs,)

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, run_id: str, source: str, collection: str) -> None:
        """Record that the run has begun; a retried run begins anew."""
        row = {
            "id": run_id, "source": source, "collection": collection, "state": "running",
            "report": None, "started_at": _now(), "finished_at": None,
        }  # fmt: skip
        with self._database.transaction() as connection:
            _upsert(connection, ingestion_runs, [row])

    def finish(self, run_id: str, state: str, report: Mapping[str, Any]) -> None:
        """Record how the run ended: state finished or failed."""
        with self._database.transaction() as connection:
            connection.execute(
                update(ingestion_runs)
                .where(ingestion_runs.c.id == run_id)
                .values(state=state, report=dict(report), finished_at=_now())
            )

    def latest(self, limit: int = 20) -> list[IngestionRun]:
        query = select(ingestion_runs).order_by(ingestion_runs.c.started_at.desc()).limit(limit)
        with self._database.transaction() as connection:
            return [IngestionRun(**row._asdict()) for row in connection.execute(query)]

    def erase(self, traces: Traces) -> dict[str, int]:
        return {"runs": scrub(self._database, ingestion_runs, ("report",), traces)}


class EmbeddingMemo:
    """Vectors that were computed before, by embedder and by the SHA-256 of the text."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, embedder_fingerprint: str, text_hashes: Sequence[str]) -> dict[str, Vector]:
        """The vectors that are known, by text hash; each has shape (dimensions,), float32."""
        found: dict[str, Vector] = {}
        with self._database.transaction() as connection:
            for batch in _batches(text_hashes):
                query = select(embedding_memo.c.text_sha256, embedding_memo.c.vector).where(
                    embedding_memo.c.embedder_fingerprint == embedder_fingerprint,
                    embedding_memo.c.text_sha256.in_(batch),
                )
                for text_hash, raw in connection.execute(query):
                    found[text_hash] = np.frombuffer(raw, dtype=np.float32)
        return found

    def put(self, embedder_fingerprint: str, vectors: Mapping[str, Vector]) -> None:
        """Remember the vectors, by text hash. Those already known stay as they are."""
        rows = [
            {
                "embedder_fingerprint": embedder_fingerprint,
                "text_sha256": text_hash,
                "vector": vector.astype(np.float32).tobytes(),
            }
            for text_hash, vector in vectors.items()
        ]
        with self._database.transaction() as connection:
            if rows:
                connection.execute(_insert(connection, embedding_memo).on_conflict_do_nothing(), rows)

    def remove(self, text_hashes: Iterable[str], embedder_fingerprint: str | None = None) -> int:
        """Forget the vectors of these texts, of one embedder or of all. Returns how many there were."""
        removed = 0
        with self._database.transaction() as connection:
            for batch in _batches(text_hashes):
                statement = delete(embedding_memo).where(embedding_memo.c.text_sha256.in_(batch))
                if embedder_fingerprint is not None:
                    statement = statement.where(embedding_memo.c.embedder_fingerprint == embedder_fingerprint)
                removed += connection.execute(statement).rowcount
        return removed


def _now() -> datetime:
    return datetime.now(UTC)


def _batches(values: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(values)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def allowed(connection: Connection, access: Column[Any], scope: AccessScope | None) -> ColumnElement[bool]:
    """Whether the row's labels and the scope's share one: AccessScope.allows, said in SQL."""
    if scope is None or scope.labels is None:
        return true()
    unnest = func.json_array_elements_text if connection.dialect.name == "postgresql" else func.json_each
    label = unnest(access).table_valued("value")
    return exists(select(1).select_from(label).where(label.c.value.in_(scope.labels)))


def _insert(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def _upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows or, where the primary key exists, replace all other columns."""
    if not rows:
        return
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), list(rows))


def _document_row(source: str, converter_fingerprint: str, item: Document) -> dict[str, Any]:
    return {
        "id": item.id,
        "uri": item.uri,
        "source": source,
        "title": item.title,
        "media_type": item.media_type,
        "format": item.format.value,
        "content_sha256": item.content_sha256,
        "converter_fingerprint": converter_fingerprint,
        "access": list(item.access),
        "page_starts": list(item.page_starts),
        "text": item.text,
        "date": item.date,
        "converted_at": _now(),
    }


def _document(row: Row[Any]) -> Document:
    return Document(
        uri=row.uri,
        title=row.title,
        text=row.text,
        format=TextFormat(row.format),
        media_type=row.media_type,
        content_sha256=row.content_sha256,
        page_starts=tuple(row.page_starts),
        access=tuple(row.access),
        date=row.date,
    )


def _summary(row: Any) -> DocumentSummary:
    return DocumentSummary(
        id=row.id,
        uri=row.uri,
        source=row.source,
        title=row.title,
        media_type=row.media_type,
        characters=row.characters,
        access=tuple(row.access),
        converted_at=row.converted_at,
    )


def _entry_row(collection: str, run_id: str, entry: ManifestEntry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in ManifestEntry.__dataclass_fields__}
    return {
        **values,
        "state": entry.state.value,
        "access": list(entry.access),
        "collection": collection,
        "run_id": run_id,
        "changed_at": _now(),
    }


def _entry(row: Row[Any]) -> ManifestEntry:
    values = {name: getattr(row, name) for name in ManifestEntry.__dataclass_fields__}
    return ManifestEntry(**{**values, "state": DocumentState(row.state), "access": tuple(row.access)})
