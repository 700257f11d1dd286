"""An API key as it is stored, without its secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.types import AccessScope, Actor, Role


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it is stored: never the secret itself. Times are UTC.

    `replaces` is the id of the key that this one was rotated from.
    """

    id: str
    name: str
    access: tuple[str, ...]
    roles: frozenset[Role]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    replaces: str | None = None

    @property
    def actor(self) -> Actor:
        return Actor(self.name, self.roles)

    @property
    def scope(self) -> AccessScope:
        return AccessScope(frozenset(self.access))
