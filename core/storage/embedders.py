"""Where the weights of each embedder lie that some collection was built with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite

from core.storage.database import Database
from core.storage.tables import embedders


@dataclass(frozen=True, slots=True)
class RegisteredEmbedder:
    """An embedder by its fingerprint. `location` is what the setting `embedder` says to mean it: the bundled model's
    name, or a folder."""

    fingerprint: str
    name: str
    location: str


class EmbedderRepository:
    """The embedders that this installation has used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, fingerprint: str) -> RegisteredEmbedder | None:
        with self._database.transaction() as connection:
            row = connection.execute(select(embedders).where(embedders.c.fingerprint == fingerprint)).first()
        return _registered(row) if row else None

    def all(self) -> list[RegisteredEmbedder]:
        """All of them, the one added last first."""
        with self._database.transaction() as connection:
            rows = connection.execute(select(embedders).order_by(embedders.c.added_at.desc())).all()
        return [_registered(row) for row in rows]

    def save(self, embedder: RegisteredEmbedder) -> None:
        """Remember where the embedder lies now. Writes nothing if that is known."""
        if self.get(embedder.fingerprint) == embedder:
            return
        dialect = postgresql if self._database.engine.dialect.name == "postgresql" else sqlite
        place = {"name": embedder.name, "location": embedder.location, "added_at": datetime.now(UTC)}
        statement = dialect.insert(embedders).values(fingerprint=embedder.fingerprint, **place)
        with self._database.transaction() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["fingerprint"], set_=place))


def _registered(row: Row[tuple[str, str, str, datetime]]) -> RegisteredEmbedder:
    return RegisteredEmbedder(row.fingerprint, row.name, row.location)
