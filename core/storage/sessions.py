"""Browsers that signed in: begun with a key, found by their cookie, ended. Only a hash of the cookie is stored."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, not_, or_, select

from core.api_key import ApiKey
from core.storage.api_keys import key_of, usable
from core.storage.database import Database
from core.storage.tables import api_keys, sessions


class SessionRepository:
    """A session is known by a random token, which the browser keeps in a cookie. It lasts no longer than its key.

    The token has 256 random bits, so a plain SHA-256 is enough, and it can be looked up by that: an attacker who
    measured how long the search takes would learn something of the hash, and nothing of the token.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, key: ApiKey, lifetime: timedelta) -> tuple[str, datetime]:
        """A new session's token, which is not kept, and when it ends. Removes sessions that are over."""
        token = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        end = now + lifetime if key.expires_at is None else min(now + lifetime, key.expires_at)
        row = {
            "token_sha256": _hash(token),
            "api_key_id": key.id,
            "created_at": now,
            "expires_at": end,
        }
        with self._database.transaction() as connection:
            connection.execute(insert(sessions), row)
            unusable = select(api_keys.c.id).where(not_(usable(now)))
            connection.execute(
                delete(sessions).where(or_(sessions.c.expires_at <= now, sessions.c.api_key_id.in_(unusable)))
            )
        return token, end

    def authenticate(self, token: str) -> ApiKey | None:
        """The key of the session that has this token, if neither of them is over."""
        now = datetime.now(UTC)
        query = (
            select(api_keys)
            .join(sessions, sessions.c.api_key_id == api_keys.c.id)
            .where(sessions.c.token_sha256 == _hash(token), sessions.c.expires_at > now, usable(now))
        )
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        return key_of(row) if row is not None else None

    def end(self, token: str) -> bool:
        """End the session. False if there was none."""
        with self._database.transaction() as connection:
            result = connection.execute(delete(sessions).where(sessions.c.token_sha256 == _hash(token)))
        return result.rowcount == 1


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
