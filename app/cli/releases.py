"""`ragloop release`: what answers now, and what answered before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say
from core.errors import NotFoundError

if TYPE_CHECKING:
    from core.release import Release
    from core.storage.releases import ReleaseRepository

application = typer.Typer(help="Show releases: what answers now.", no_args_is_help=True)


@application.command("list")
def list_releases(as_json: JsonOption = False) -> None:
    """List all releases, newest first."""
    repository = _repository()
    champion = repository.champion()
    found = repository.all()
    if as_json:
        print_json(
            {"champion": champion.id if champion else None, "releases": [release_json(release) for release in found]}
        )
        return
    for release in found:
        say(f"{release.id[:12]}  {release.created_at:%Y-%m-%d %H:%M}  {release.status.value}")
    if not found:
        note("There is no release yet. The first is made of the defaults when the first question is asked.")


@application.command()
def show(
    release_id: Annotated[str, typer.Argument(help="The release's id or its beginning; default: the champion.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show a release's manifest: prompts, collection, retrieval, generator, guards."""
    repository = _repository()
    release = repository.get(release_id) if release_id else repository.champion()
    if release is None:
        wanted = f"There is no single release {release_id}." if release_id else "There is no release yet."
        raise NotFoundError(wanted, hint="`ragloop release list` shows the ids.")
    if as_json:
        print_json(release_json(release))
        return
    say(f"{release.id}  {release.status.value}")
    say(json.dumps(release.as_json()["manifest"], indent=2))


def release_json(release: Release) -> dict[str, object]:
    """A release as `ragloop release show --json` shows it."""
    shown = release.as_json()
    return {name: shown[name] for name in ("id", "status", "manifest", "created_by", "created_at")}


def _repository() -> ReleaseRepository:
    from core.settings import load_settings
    from core.storage.database import Database
    from core.storage.releases import ReleaseRepository

    return ReleaseRepository(Database.open(load_settings()))
