"""Opening the database: the engine, its SQLite pragmas, migrations, and transactions.

Own: connections and schema. Use: `with Database.open(settings) as database`, then a repository over it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError

from core.errors import SettingsError, StoreUnavailableError
from core.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """One engine, and transactions on it that turn driver failures into StoreUnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, settings: Settings) -> Database:
        """Connect and bring the schema up to date. Raises StoreUnavailableError if the database cannot be reached."""
        settings.home.mkdir(parents=True, exist_ok=True)
        database = cls(_create_engine(database_url(settings)))
        migrate(database)
        return database

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose work is committed at the end of the block, or rolled back if the block raises."""
        with _as_unavailable(self.engine.url), self.engine.begin() as connection:
            yield connection

    def check(self) -> None:
        """Raises StoreUnavailableError unless the database answers."""
        with self.transaction() as connection:
            connection.execute(text("SELECT 1"))

    def settle(self) -> None:
        """Bring SQLite's log into its file and empty it, so that nothing is left of what was deleted, unless somebody
        is reading just then. PostgreSQL tidies up by itself."""
        if self.engine.dialect.name == "sqlite":
            with _as_unavailable(self.engine.url), self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def database_url(settings: Settings) -> URL:
    """The database the settings name: SQLite in the home folder unless they give a URL."""
    if settings.database_url is None:
        return URL.create("sqlite", database=str(settings.home / "ragloop.db"))
    try:
        url = make_url(settings.database_url)
    except (ArgumentError, ValueError) as error:
        raise SettingsError("Setting RAGLOOP_DATABASE_URL is not a database URL.") from error
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


@contextmanager
def _as_unavailable(url: URL) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        place = url.render_as_string(hide_password=True)
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
        raise StoreUnavailableError(
            f"The database at {place} does not work: {reason}.",
            hint="Check RAGLOOP_DATABASE_URL, that the server runs, and that the disk has room.",
        ) from error
    except DatabaseError as error:
        # SQLite reports a damaged or foreign file with its general error class.
        if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in str(error.orig):
            raise StoreUnavailableError(
                f"{url.database} is not a SQLite database.", hint="Move the file away, or restore it from a backup."
            ) from error
        raise


def _create_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL, not NORMAL: a commit that was acknowledged survives a power cut.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # What is deleted or replaced is overwritten with zeros: an erased text must not stay in the file.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    return engine


def migrate(database: Database) -> None:
    """Bring the schema to the newest revision. Safe to call from several processes at once."""
    with database.transaction() as connection:
        if _is_current(connection):
            return
    with database.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(1918985068)"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        if not _is_current(connection):  # another process may have done it while we waited for the lock
            _upgrade(connection)


def head_revision() -> str:
    """The newest migration's revision: its file name's number."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _is_current(connection: Connection) -> bool:
    # Asked without Alembic, whose import costs half a second that every command would pay.
    if not connection.dialect.has_table(connection, "alembic_version"):
        return False
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == head_revision()


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
