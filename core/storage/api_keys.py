"""API keys: made, found by their secret, listed, revoked. Only a hash of the secret is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from core.storage.database import Database
from core.storage.tables import api_keys
from core.types import PUBLIC, ApiKey, Role

_PREFIX = "rl"


class ApiKeyRepository:
    """A key reads `rl_<id>_<secret>`: the id finds the row, the secret's hash is compared in constant time.

    The secret has 256 random bits, so a plain SHA-256 is enough: there is nothing to guess.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        access: Sequence[str] = (PUBLIC,),
        expires_in: timedelta | None = None,
        roles: Iterable[Role] = (Role.CHAT,),
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is not kept: it can be shown now and never again."""
        secret = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        row = {
            "id": uuid.uuid4().hex[:12],
            "name": name,
            "secret_sha256": _hash(secret),
            "access": sorted(set(access)),
            "roles": sorted(set(roles)),
            "replaces": None,
            "created_at": now,
            "expires_at": now + expires_in if expires_in else None,
            "revoked_at": None,
        }
        with self._database.transaction() as connection:
            connection.execute(insert(api_keys), row)
            stored = connection.execute(select(api_keys).where(api_keys.c.id == row["id"])).one()
        return _key(stored), f"{_PREFIX}_{row['id']}_{secret}"

    def authenticate(self, text: str) -> ApiKey | None:
        """The key whose text this is, if it is known, not expired and not revoked."""
        prefix, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != _PREFIX or not key_id or not secret:
            return None
        with self._database.transaction() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
        # Compared even when there is no such key, so that the time taken does not tell.
        good = hmac.compare_digest(_hash(secret), row.secret_sha256 if row else _hash(""))
        if row is None or not good or row.revoked_at is not None:
            return None
        if row.expires_at is not None and row.expires_at <= datetime.now(UTC):
            return None
        return _key(row)

    def all(self) -> list[ApiKey]:
        """All keys, oldest first, revoked ones too."""
        with self._database.transaction() as connection:
            return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at))]

    def revoke(self, key_id: str) -> bool:
        """Revoke the key at once. False if there is no such key."""
        with self._database.transaction() as connection:
            result = connection.execute(
                update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=datetime.now(UTC))
            )
        return result.rowcount == 1


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        access=tuple(row.access),
        roles=frozenset(Role(role) for role in row.roles),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        replaces=row.replaces,
    )
