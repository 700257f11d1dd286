"""`ragloop keys`: create, list, rotate and revoke API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say
from core.api_key import ApiKey
from core.errors import NotFoundError
from core.types import PUBLIC, Role

if TYPE_CHECKING:
    from core.storage.api_keys import ApiKeyRepository

application = typer.Typer(help="Create, list, rotate and revoke API keys.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `ragloop keys list` shows it.")]


@application.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what the key is for. One person's keys all have one name.")],
    role: Annotated[
        list[Role] | None, typer.Option("--role", help="What the key may do; repeatable. Default: chat.")
    ] = None,
    access: Annotated[
        list[str] | None,
        typer.Option("--access", help="Label of documents the key may see; repeatable. Default: public."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires. Default: never.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key and show it, this once: only a hash of it is stored.

    \b
    What each role may do:
      chat     ask questions, search, and read documents
      ingest   bring documents in and remove them; no HTTP route needs it yet
      review   read releases, evaluations and metrics; make and reject candidates; accept draft cases
      approve  approve, promote and roll back releases
      admin    everything

    \b
    Usual combinations:
      a person who asks     --role chat
      a reviewer            --role chat --role review
      whoever decides       --role chat --role review --role approve
      a Prometheus scraper  --role review
    """
    life = timedelta(days=days) if days else None
    key, text = _repository().create(name, access or [PUBLIC], life, role or [Role.CHAT])
    if as_json:
        print_json({"key": text, **_json(key)})
        return
    _show(key, text)


@application.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """List all keys with their roles and labels, without their secrets. Times are UTC."""
    keys = _repository().all()
    if as_json:
        print_json({"keys": [_json(key) for key in keys]})
        return
    for key in keys:
        replaces = f", replaces {key.replaces}" if key.replaces else ""
        say(f"{key.id}  {key.created_at:%Y-%m-%d}  {_state(key):24}  {key.name}  ({_powers(key)}{replaces})")
    if not keys:
        note("There are no keys yet: ragloop keys create NAME")


@application.command()
def rotate(
    key_id: KeyId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="Hours for which the old key goes on working.")
    ] = 24,
    as_json: JsonOption = False,
) -> None:
    """Replace a key by a new one with the same name, labels and roles, and show it, this once.

    The old key goes on working for the overlap, or until it would have expired anyway: time to put the new one in its
    place. A key that expires is replaced by one that lives as long as it was made to.
    """
    old, new, text = _repository().rotate(key_id, timedelta(hours=overlap_hours))
    if as_json:
        print_json({"key": text, **_json(new), "replaced": _json(old)})
        return
    _show(new, text)
    note(f"It replaces key {old.id}, which works until {_moment(old.expires_at)}.")


@application.command()
def revoke(key_id: KeyId) -> None:
    """Revoke a key. It stops working at once, and whoever signed in with it is signed out."""
    if not _repository().revoke(key_id):
        raise NotFoundError(f"There is no key {key_id}.", hint="`ragloop keys list` shows the ids.")
    note(f"Key {key_id} is revoked.")


def _repository() -> ApiKeyRepository:
    from core.settings import load_settings
    from core.storage.api_keys import ApiKeyRepository
    from core.storage.database import Database

    return ApiKeyRepository(Database.open(load_settings()))


def _show(key: ApiKey, text: str) -> None:
    say(text)
    note(f"Key {key.id} for {key.name} ({_powers(key)}). Keep it safe: it is not shown again.")


def _powers(key: ApiKey) -> str:
    """What the key may do and see, in the order in which the roles are listed everywhere."""
    roles = ", ".join(role.value for role in Role if role in key.roles)
    return f"{roles}; sees {', '.join(key.access)}"


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    if key.expires_at is None:
        return "active"
    return f"{'expires' if key.expires_at > datetime.now(UTC) else 'expired'} {_moment(key.expires_at)}"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _json(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "access": list(key.access),
        "roles": [role.value for role in Role if role in key.roles],
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "replaces": key.replaces,
    }
