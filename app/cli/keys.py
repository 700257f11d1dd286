"""`ragloop keys`: create, list and revoke API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say
from core.errors import NotFoundError

if TYPE_CHECKING:
    from core.storage.api_keys import ApiKeyRepository
    from core.types import ApiKey

application = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


@application.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what the key is for, as it will be listed.")],
    access: Annotated[
        list[str] | None, typer.Option("--access", help="Label of documents the key may see; repeatable.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires. Default: never.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key and show it, this once: only a hash of it is stored."""
    from core.types import PUBLIC

    key, text = _repository().create(name, access or [PUBLIC], timedelta(days=days) if days else None)
    if as_json:
        print_json({"key": text, **_json(key)})
        return
    say(text)
    note(f"Key {key.id} for {key.name}, seeing {', '.join(key.access)}. Keep it safe: it is not shown again.")


@application.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """List all keys, without their secrets."""
    keys = _repository().all()
    if as_json:
        print_json({"keys": [_json(key) for key in keys]})
        return
    for key in keys:
        state = "revoked" if key.revoked_at else f"expires {key.expires_at:%Y-%m-%d}" if key.expires_at else "active"
        say(f"{key.id}  {key.created_at:%Y-%m-%d}  {state:18}  {key.name}  ({', '.join(key.access)})")
    if not keys:
        note("There are no keys yet: ragloop keys create NAME")


@application.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as `ragloop keys list` shows it.")]) -> None:
    """Revoke a key. It stops working at once."""
    if not _repository().revoke(key_id):
        raise NotFoundError(f"There is no key {key_id}.", hint="`ragloop keys list` shows the ids.")
    note(f"Key {key_id} is revoked.")


def _repository() -> ApiKeyRepository:
    from core.settings import load_settings
    from core.storage.api_keys import ApiKeyRepository
    from core.storage.database import Database

    return ApiKeyRepository(Database.open(load_settings()))


def _json(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "access": list(key.access),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
