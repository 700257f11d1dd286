"""In whose name a command decides: what goes on record."""

from __future__ import annotations

from app.local_actor import local_actor
from core.errors import AuthenticationError
from core.settings import Settings
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.types import Actor


def current_actor(settings: Settings, database: Database) -> Actor:
    """Whose key RAGLOOP_API_KEY is; without one, in development, the person at this machine, who may do everything.

    Raises AuthenticationError for a key that is not good, and for none in production.
    """
    if settings.api_key is not None:
        key = ApiKeyRepository(database).authenticate(settings.api_key.get_secret_value())
        if key is None:
            raise AuthenticationError(
                "The API key in RAGLOOP_API_KEY is unknown, expired or revoked.",
                hint="`ragloop keys create NAME --role approve` makes a new one.",
            )
        return key.actor
    if settings.environment == "production":
        raise AuthenticationError(
            "In production a decision goes on record under an API key's name.",
            hint="Set RAGLOOP_API_KEY to your key; `ragloop keys create NAME --role approve` makes one.",
        )
    return local_actor()
