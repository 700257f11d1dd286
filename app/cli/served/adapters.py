"""`ragloop adapters`: keep LoRA adapters, and load them on the model servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.console import JsonOption, note, print_json, say

if TYPE_CHECKING:
    from serving.adapters.registry import AdapterRegistry

application = typer.Typer(help="Keep LoRA adapters, and load them on the model servers.", no_args_is_help=True)

Digest = Annotated[str, typer.Argument(metavar="DIGEST", help="The adapter's digest or its beginning.")]


@application.command("list")
def list_adapters(as_json: JsonOption = False) -> None:
    """List the adapters: what each is, which releases need it, and which servers have loaded it."""
    with _registry() as registry:
        found, servers = registry.list(), registry.servers()
    if as_json:
        print_json({"adapters": [each.as_json() for each in found], "servers": servers})
        return
    for each in found:
        if each.adapter is None:
            say(f"{each.digest[:16]}  cannot be used: {each.problem}")
            continue
        needed = (
            f"needed by {', '.join(release[:12] for release in each.needed_by)}" if each.needed_by else "not needed"
        )
        loaded = f"loaded on {len(each.loaded_on)} of {len(servers)} servers"
        base = each.adapter.base_model or "an unknown base model"
        say(f"{each.digest[:16]}  rank {each.adapter.rank}  of {base}  {needed}  {loaded}")
    for state in servers.values():
        if state != "ok":
            note(state)
    if not found:
        note("There are no adapters. `ragloop adapters add FOLDER` keeps one.")


@application.command()
def add(
    folder: Annotated[Path, typer.Argument(help="The folder with adapter_config.json and adapter_model.safetensors.")],
    base: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The base model's folder, to see that the adapter fits it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check an adapter and keep it under the digest of its files.

    Nothing in it is run: only safetensors are taken. It is loaded when a release that names it is made, or with
    `ragloop adapters load`.
    """
    with _registry() as registry:
        adapter = registry.store.add(folder, base=base)
    if as_json:
        print_json(adapter.as_json())
        return
    say(adapter.digest)
    note(
        "Next: ragloop release create --set generator.kind=llm --set generator.base_model=NAME "
        f"--set generator.adapter_digest={adapter.digest}"
    )


@application.command()
def show(digest: Digest, as_json: JsonOption = False) -> None:
    """Show an adapter, and what is known of its training, once its files are found to be what they were."""
    with _registry() as registry:
        adapter = registry.store.find(digest)
    if as_json:
        print_json(adapter.as_json())
        return
    say(f"{adapter.digest}  rank {adapter.rank}  {adapter.bytes:,} bytes")
    say(f"folder      {adapter.folder}")
    say(f"base_model  {adapter.base_model or 'unknown'}")
    for name, value in adapter.facts.items():
        if not isinstance(value, list | dict):
            say(f"{name:11} {value}")


@application.command()
def load(
    digest: Digest,
    model: Annotated[
        str | None, typer.Option(help="The name under which the base model is served. Default: what was trained on.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load an adapter on every model server, and ask it a question there."""
    with _registry() as registry:
        name = registry.load(digest, model)
        servers = list(registry.servers())
    if as_json:
        print_json({"name": name, "servers": servers})
        return
    say(f"{name} is loaded on {', '.join(servers)}, and answers.")


@application.command()
def unload(
    digest: Digest,
    force: Annotated[bool, typer.Option("--force", help="Even if a release needs it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Unload an adapter from every model server. It stays in the folder, and can be loaded again."""
    with _registry() as registry:
        _show_unloaded(registry.unload(digest, force=force), as_json)


@application.command()
def prune(as_json: JsonOption = False) -> None:
    """Unload the adapters that are neither the champion's, nor the one's before it, nor an open candidate's."""
    with _registry() as registry:
        _show_unloaded(registry.prune(), as_json)


@application.command()
def remove(
    digest: Digest,
    force: Annotated[bool, typer.Option("--force", help="Even if a release needs it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete an adapter for good: from the folder, from every model server, and its copies in MLflow.

    For one that learned what had to be erased. Figures of its training stay.
    """
    from core.settings import load_settings
    from serving.finetune.registry import forget

    with _registry() as registry:
        found = registry.removable(digest, force=force)
        copies = forget(load_settings(), found)  # first: without the adapter nobody would look for them
        unloaded = registry.remove(found)
    if as_json:
        print_json({"digest": found, "copies": copies, "unloaded": _unloaded_json(unloaded)})
        return
    say(f"{found} is removed{', with its copy in MLflow' if copies else ''}.")


def _unloaded_json(unloaded: Mapping[str, Sequence[str]]) -> list[dict[str, object]]:
    return [{"name": name, "servers": list(servers)} for name, servers in unloaded.items()]


def _show_unloaded(unloaded: Mapping[str, Sequence[str]], as_json: bool) -> None:
    if as_json:
        print_json({"unloaded": _unloaded_json(unloaded)})
        return
    for name, servers in unloaded.items():
        say(f"{name} was unloaded from {', '.join(servers)}.")
    if not unloaded:
        note("There was nothing to unload.")


@contextmanager
def _registry() -> Iterator[AdapterRegistry]:
    from core.settings import load_settings
    from core.storage.database import Database
    from core.storage.releases import ReleaseRepository
    from core.telemetry import configure_logging
    from serving.adapters.registry import AdapterRegistry
    from serving.adapters.servers import open_model_servers
    from serving.adapters.store import AdapterStore

    settings = load_settings()
    configure_logging("warning")
    servers = open_model_servers(settings)
    try:
        with Database.open(settings) as database:
            yield AdapterRegistry(AdapterStore(settings.adapters), ReleaseRepository(database), servers)
    finally:
        if servers is not None:
            servers.close()
