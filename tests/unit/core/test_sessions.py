"""A session is known by its token alone, and ends with its time, with its key, or when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.sessions import SessionRepository
from core.storage.tables import api_keys, sessions

MONTH = timedelta(days=30)


def stored(database: Database) -> list[str]:
    with database.transaction() as connection:
        return list(connection.execute(select(sessions.c.token_sha256)).scalars())


def test_a_session_stands_for_its_key_until_it_is_ended(database: Database) -> None:
    repository = SessionRepository(database)
    key, _ = ApiKeyRepository(database).create("anna")
    one, _ = repository.start(key, MONTH)
    other, _ = repository.start(key, MONTH)
    assert one != other
    assert repository.authenticate(one) == repository.authenticate(other) == key
    assert repository.end(one)
    assert not repository.end(one)
    assert repository.authenticate(one) is None
    assert repository.authenticate(other) == key


def test_the_token_is_stored_nowhere_and_its_hash_opens_nothing(database: Database) -> None:
    repository = SessionRepository(database)
    key, _ = ApiKeyRepository(database).create("anna")
    token, _ = repository.start(key, MONTH)
    (digest,) = stored(database)
    assert token not in digest
    assert repository.authenticate(digest) is None


def test_a_session_lasts_as_long_as_it_may_and_never_longer_than_its_key(database: Database) -> None:
    repository, keys = SessionRepository(database), ApiKeyRepository(database)
    key, _ = keys.create("anna", expires_in=timedelta(hours=1))
    assert repository.start(key, MONTH)[1] == key.expires_at
    forever, _ = keys.create("anna")
    assert abs(repository.start(forever, MONTH)[1] - datetime.now(UTC) - MONTH) < timedelta(minutes=1)
    assert repository.authenticate(repository.start(forever, timedelta(0))[0]) is None


@pytest.mark.parametrize("column", [api_keys.c.revoked_at, api_keys.c.expires_at], ids=["revoked", "expired"])
def test_a_key_that_is_over_takes_its_sessions_along(database: Database, column) -> None:  # type: ignore[no-untyped-def]
    repository, keys = SessionRepository(database), ApiKeyRepository(database)
    key, _ = keys.create("anna")
    token, _ = repository.start(key, MONTH)
    with database.transaction() as connection:
        connection.execute(update(api_keys).values({column: datetime.now(UTC)}))
    assert repository.authenticate(token) is None


def test_what_is_over_is_removed_when_the_next_session_begins(database: Database) -> None:
    repository, keys = SessionRepository(database), ApiKeyRepository(database)
    key, _ = keys.create("anna")
    short_lived, _ = keys.create("anna", expires_in=timedelta(hours=1))
    repository.start(key, timedelta(seconds=-1))
    repository.start(short_lived, MONTH)
    keys.rotate(short_lived.id, timedelta(0))
    repository.start(key, MONTH)
    assert len(stored(database)) == 1


def test_revoking_a_key_removes_its_sessions(database: Database) -> None:
    repository, keys = SessionRepository(database), ApiKeyRepository(database)
    key, _ = keys.create("anna")
    repository.start(key, MONTH)
    keys.revoke(key.id)
    assert stored(database) == []
