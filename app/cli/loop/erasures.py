"""`ragloop feedback erase`, and what an erasure removed, as commands print it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say

if TYPE_CHECKING:
    from loop.erasure.eraser import Erased


def erase(
    author: Annotated[
        str, typer.Argument(help="The person's name, as their API key and `ragloop feedback list` have it.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Erase a person: their votes, the answers given under their keys, and what was made of them.

    Keys are not revoked by it: ragloop keys revoke. Needs the role admin.
    """
    from app.cli.actor import current_actor
    from app.local_actor import local_actor
    from core.permissions import Deed, require
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from ingestion.factory import open_stores
    from loop.erasure.eraser import Eraser

    settings = load_settings()
    configure_logging("warning")
    with open_stores(settings) as (database, stores):
        actor = current_actor(settings, database)
        require(actor, Deed.ERASE_PEOPLE)
        # Without keys, every answer was given to whoever runs this machine.
        keyless = settings.environment != "production" and author == local_actor().name
        erased = Eraser(settings, database, stores.index).author(author, actor, keyless=keyless)
    print_erased({"author": author}, erased, as_json=as_json)


def print_erased(subject: Mapping[str, str], erased: Erased, *, as_json: bool) -> None:
    """The receipt, a store a line, and the adapters that a person has to replace."""
    if as_json:
        print_json({**subject, "receipt": dict(erased.receipt), "adapters": list(erased.adapters)})
        return
    for store, count in erased.receipt.items():
        say(f"{store:20}{count:>6}")
    for digest in erased.adapters:
        note(f"Adapter {digest[:16]} was trained on it. Tune a new one, promote that, and remove this one.")
