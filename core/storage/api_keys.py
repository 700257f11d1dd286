"""API keys: made, found by their secret, listed, rotated, revoked. Only a hash of the secret is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select, update

from core.api_key import ApiKey
from core.errors import ConflictError, InputError, NotFoundError
from core.storage.database import Database
from core.storage.tables import api_keys, sessions
from core.types import PUBLIC, AccessScope, Role

LONGEST_NAME = 200

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
        """A new key and its text, which is not kept: it can be shown now and never again.

        Raises InputError for a name that cannot be listed in one line.
        """
        name = _checked_name(name)
        with self._database.transaction() as connection:
            return _insert(connection, name, access, roles, expires_in)

    def rotate(self, key_id: str, overlap: timedelta) -> tuple[ApiKey, ApiKey, str]:
        """The old key, the new one that replaces it, and the new one's text, which is not kept.

        The new key has the old one's name, labels, roles and length of life. The old one goes on working for `overlap`,
        or until it would have expired anyway. Raises NotFoundError for an unknown key, ConflictError for one that is
        revoked, expired, or already replaced.
        """
        with self._database.transaction() as connection:
            old = self._get(connection, key_id)
            now = datetime.now(UTC)
            end = now + overlap
            last = end if old.expires_at is None else min(end, old.expires_at)
            # Written before anything is checked: whoever rotates the same key at the same time now waits for us.
            changed = connection.execute(
                update(api_keys).where(api_keys.c.id == old.id, usable(now)).values(expires_at=last)
            )
            _refuse_if_replaced(connection, old)
            if changed.rowcount != 1:
                raise ConflictError(
                    f"Key {old.id} is revoked or expired.", hint="Make a new one: `ragloop keys create NAME`."
                )
            life = old.expires_at - old.created_at if old.expires_at else None
            new, text = _insert(connection, old.name, old.access, old.roles, life, replaces=old.id)
            return self._get(connection, old.id), new, text

    def authenticate(self, text: str) -> ApiKey | None:
        """The key whose text this is, if it is known, not expired and not revoked."""
        prefix, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != _PREFIX or not key_id or not secret:
            return None
        query = select(api_keys).where(api_keys.c.id == key_id, usable(datetime.now(UTC)))
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        # Compared even when there is no such key, so that the time taken does not tell.
        good = hmac.compare_digest(_hash(secret), row.secret_sha256 if row else _hash(""))
        return key_of(row) if row is not None and good else None

    def scope_of(self, name: str) -> AccessScope:
        """What the keys of this name may see together, good or not; everything, if there is none."""
        found = [key.access for key in self.all() if key.name == name]
        return AccessScope(frozenset[str]().union(*found)) if found else AccessScope.everything()

    def all(self) -> list[ApiKey]:
        """All keys, oldest first, revoked ones too."""
        with self._database.transaction() as connection:
            return [key_of(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at))]

    def revoke(self, key_id: str) -> bool:
        """Revoke the key at once, and end what was signed in with it. False if there is no such key."""
        with self._database.transaction() as connection:
            connection.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
                .values(revoked_at=datetime.now(UTC))
            )
            connection.execute(delete(sessions).where(sessions.c.api_key_id == key_id))
            return connection.execute(select(api_keys.c.id).where(api_keys.c.id == key_id)).first() is not None

    def _get(self, connection: Connection, key_id: str) -> ApiKey:
        row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
        if row is None:
            raise NotFoundError(f"There is no key {key_id}.", hint="`ragloop keys list` shows the ids.")
        return key_of(row)


def usable(now: datetime) -> ColumnElement[bool]:
    """The one rule for which keys are good: neither revoked nor expired."""
    return api_keys.c.revoked_at.is_(None) & or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now)


def key_of(row: Row[Any]) -> ApiKey:
    """The key in a row that has the columns of `api_keys`."""
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


def _insert(
    connection: Connection,
    name: str,
    access: Iterable[str],
    roles: Iterable[Role],
    life: timedelta | None,
    replaces: str | None = None,
) -> tuple[ApiKey, str]:
    secret = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    row = {
        "id": uuid.uuid4().hex[:12],
        "name": name,
        "secret_sha256": _hash(secret),
        "access": sorted(set(access)),
        "roles": sorted(set(roles)),
        "replaces": replaces,
        "created_at": now,
        "expires_at": now + life if life else None,
        "revoked_at": None,
    }
    connection.execute(insert(api_keys), row)
    stored = connection.execute(select(api_keys).where(api_keys.c.id == row["id"])).one()
    return key_of(stored), f"{_PREFIX}_{row['id']}_{secret}"


def _refuse_if_replaced(connection: Connection, key: ApiKey) -> None:
    """A key is replaced once, so that a name's keys follow each other in one line."""
    row = connection.execute(select(api_keys).where(api_keys.c.replaces == key.id)).first()
    if row is not None:
        raise ConflictError(
            f"Key {key.id} was rotated already: key {row.id} replaces it.",
            hint=f"Rotate that one: `ragloop keys rotate {row.id}`. `ragloop keys list` shows both.",
        )


def _checked_name(name: str) -> str:
    """The name without spaces around it: people are told apart by the names of their keys."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"A key's name is one line of 1 to {LONGEST_NAME} printable characters.",
            hint="Name the person or the program that will use it.",
        )
    return name


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
