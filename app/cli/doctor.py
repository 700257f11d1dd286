"""`ragloop doctor`: is everything that this installation needs in working order?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, print_json, say
from core.errors import RagloopError

if TYPE_CHECKING:
    from core.settings import Settings


def doctor(
    show_settings: Annotated[
        bool, typer.Option("--settings", help="List every setting with its value, default and meaning.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check that everything works.

    Looks at the settings, the gate's and the triggers' files, database, index, embedding model, documents, model server
    and prompts, and says what to do about what fails.
    """
    from core.settings import load_settings

    settings = load_settings()
    if show_settings:
        _print_settings(settings, as_json)
        return
    results = [_run(name, check, settings) for name, check in CHECKS.items()]
    if as_json:
        print_json({"ok": all(result["ok"] for result in results), "checks": results})
    else:
        for result in results:
            say(f"{'ok  ' if result['ok'] else 'FAIL'}  {result['name']:10} {result['message']}")
            if result["hint"]:
                say(f"{'':17}{result['hint']}")
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


def _run(name: str, check: Callable[[Settings], str], settings: Settings) -> dict[str, object]:
    try:
        return {"name": name, "ok": True, "message": check(settings), "hint": ""}
    except RagloopError as error:
        return {"name": name, "ok": False, "message": error.message, "hint": error.hint}


def _database(settings: Settings) -> str:
    from core.storage.database import Database

    database = Database.open(settings)
    database.check()
    return database.engine.url.render_as_string(hide_password=True)


def _index(settings: Settings) -> str:
    from retrieval.factory import open_index

    index = open_index(settings)
    names = index.collections()
    index.close()
    place = settings.qdrant_url or str(settings.home / "index")
    return f"{place}, {len(names)} collection{'' if len(names) == 1 else 's'}"


def _embedder(settings: Settings) -> str:
    from serving.factory import open_services

    with open_services(settings) as services:
        embedder = services.answering_embedder()
        embedder.embed(["Does it work?"])
    return f"{embedder.name}, {embedder.dimensions} dimensions, {type(embedder).__name__}"


def _documents(settings: Settings) -> str:
    from serving.factory import open_services
    from serving.releases.champion import Champion

    with open_services(settings) as services:
        release = Champion(services).answerer().release
        collection = release.manifest.collection.name
        counts = services.index.chunk_counts(collection)
    return f"{len(counts):,} documents, {sum(counts.values()):,} chunks in {collection}; release {release.id[:12]}"


def _model(settings: Settings) -> str:
    import asyncio

    from core.errors import UnavailableError
    from serving.factory import open_services
    from serving.releases.champion import current_champion

    with open_services(settings) as services:
        servers = services.model_servers
        if servers is None:
            return "no model server is set up: answers are quoted from the documents"
        try:
            generator = current_champion(services).manifest.generator
        except UnavailableError:  # nothing was ingested, which the documents' line says
            generator = None
        if generator is not None and generator.kind == "llm":
            asyncio.run(servers.ensure_everywhere(generator))
            return f"{generator.served_model} answers on {', '.join(servers.replicas) or settings.model_url}"
        for state in asyncio.run(servers.models()).values():
            if isinstance(state, RagloopError):
                raise state
        return f"{', '.join(servers.replicas) or settings.model_url}; the champion answers without it"


def _rules(settings: Settings) -> str:
    from app.rule_files import check_rule_files

    return ", ".join(f"{name} {path or 'as it comes'}" for name, path in check_rule_files(settings).items())


def _prompts(settings: Settings) -> str:
    from app.prompt_shelf import PromptShelf
    from core.errors import InputError
    from core.storage.database import Database

    with Database.open(settings) as database:
        shelf = PromptShelf(settings, database)
    if problems := shelf.problems():
        raise InputError(" ".join(problems), hint="What answers is on record, and goes on.")
    own = sum(row["from"] == "folder" for row in shelf.described())
    return f"{len(shelf.library)} prompts, {own} versions of your own in {settings.prompts}"


CHECKS: dict[str, Callable[[Settings], str]] = {
    "rules": _rules,
    "database": _database,
    "index": _index,
    "embedder": _embedder,
    "documents": _documents,
    "model": _model,
    "prompts": _prompts,
}


def _print_settings(settings: Settings, as_json: bool) -> None:
    from core.settings import PREFIX, Settings

    rows = {
        PREFIX + name.upper(): {
            "value": None if (value := getattr(settings, name)) is None else str(value),
            "default": None if field.default is None else str(field.default),
            "meaning": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    }
    if settings.database_url is not None:  # it may carry a password
        from core.storage.database import database_url

        rows[PREFIX + "DATABASE_URL"]["value"] = database_url(settings).render_as_string(hide_password=True)
    if as_json:
        print_json({"settings": rows})
        return
    for name, row in rows.items():
        say(f"{name}={row['value'] or ''}")
        say(f"    {row['meaning']} [default: {row['default'] or 'none'}]")
