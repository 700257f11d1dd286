"""API keys are shown once, stored as hashes, expire, and end when revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.tables import api_keys


def test_a_key_is_known_by_its_text_and_carries_its_labels(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, text = repository.create("support", ["support", "public"])
    found = repository.authenticate(text)
    assert found == key
    assert found.scope.labels == {"support", "public"}


def test_the_secret_is_stored_nowhere(database: Database) -> None:
    _, text = ApiKeyRepository(database).create("a")
    with database.transaction() as connection:
        row = connection.execute(select(api_keys)).one()
    assert text.split("_", 2)[2] not in str(row)


@pytest.mark.parametrize(
    "mangle", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.upper(), lambda _: "", lambda _: "rl__"]
)
def test_a_text_that_is_not_exactly_the_key_is_unknown(database: Database, mangle) -> None:  # type: ignore[no-untyped-def]
    repository = ApiKeyRepository(database)
    _, text = repository.create("a")
    assert repository.authenticate(mangle(text)) is None


def test_the_secret_of_one_key_does_not_open_another(database: Database) -> None:
    repository = ApiKeyRepository(database)
    first, _ = repository.create("a")
    _, second = repository.create("b")
    assert repository.authenticate(f"rl_{first.id}_{second.split('_', 2)[2]}") is None


def test_an_expired_key_is_unknown(database: Database) -> None:
    repository = ApiKeyRepository(database)
    _, text = repository.create("a", expires_in=timedelta(seconds=-1))
    assert repository.authenticate(text) is None


def test_a_revoked_key_ends_at_once_and_stays_listed(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, text = repository.create("a")
    assert repository.revoke(key.id)
    assert repository.authenticate(text) is None
    assert repository.all()[0].revoked_at is not None
    assert not repository.revoke("unknown")
